"""The figures as one table, with their targets: for a terminal, and for the README."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

Figures = dict[str, Any]


@frozen
class Row:
    figure: str
    value: str
    spread: str = ""
    target: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        verdict = "" if self.met is None else "met" if self.met else "not met"
        return self.figure, self.value, self.spread, self.target, verdict


HEAD = ("Figure", "Value", "Spread", "Target", "")


def rows(results: Figures) -> list[Row]:
    """A row for each measured figure."""
    figures = results["figures"]
    return [row for name, lines in _LINES.items() if name in figures for row in lines(figures[name])]


def as_text(results: Figures) -> str:
    """The rows as aligned columns."""
    lines = [HEAD, *(row.cells for row in rows(results))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join([*(line.rstrip() for line in padded), "", _foot(results)])


def as_markdown(results: Figures) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells for row in rows(results))]
    return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), "", _foot(results)])


def _foot(results: Figures) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured ({results['size']}) on {machine['date']}: {machine['python']}, {machine['system']}, "
        f"{machine['cpus']} CPUs; {versions}."
    )


# --- one function per figure ---


def _at_most(value: float, limit: float, unit: str = "") -> dict[str, Any]:
    return {"target": f"≤ {limit:g}{unit}", "met": value <= limit}


def _at_least(value: float, limit: float) -> dict[str, Any]:
    return {"target": f"≥ {limit:g}", "met": value >= limit}


def _between(spread: dict[str, float], digits: int) -> str:
    return f"{spread['low']:.{digits}f} to {spread['high']:.{digits}f}"


def _ratio(figure: Figures) -> Iterator[Row]:
    for concurrency, turns in figure.items():
        ours, hand = turns["ours"], turns["hand"]
        yield Row(
            f"CPU ÷ hand-written aiohttp loop, concurrency {concurrency}",
            f"{ours['ratio']:.3f} ({ours['cpu_us']:.0f} ÷ {hand['cpu_us']:.0f} µs)",
            f"{_between(ours, 3)}; control {turns['hand_again']['ratio']:.3f}",
            **_at_most(ours["ratio"], 1),
        )


def _speed(turns: Figures) -> Iterator[Row]:
    if not turns:
        return
    ours, hand = turns["ours"], turns["hand"]
    yield Row(
        "CPU with the extra `speed` ÷ hand-written loop on uvloop, concurrency 20",
        f"{ours['ratio']:.3f} ({ours['cpu_us']:.0f} ÷ {hand['cpu_us']:.0f} µs)",
        f"{_between(ours, 3)}; control {turns['hand_again']['ratio']:.3f}",
        **_at_most(ours["ratio"], 1),
    )


def _instructions(figure: Figures) -> Iterator[Row]:
    if not figure:
        return
    ours, hand = figure["ours"], figure["hand_aiohttp"]
    yield Row(
        "Instructions per event, in thousands (hand-written loop)",
        f"{ours:.0f} ({hand:.0f})",
        **_at_most(round(ours), 447),
    )
    yield Row("Instructions to read a page of 100 bots, in thousands", f"{figure['page']:.0f}")


def _vendor(figure: Figures) -> Iterator[Row]:
    ours, theirs = figure["ours"]["cpu_us"], figure["vendor SDK"]["cpu_us"]
    yield Row(
        "CPU of the vendor SDK ÷ ours, concurrency 20",
        f"{figure['ratio']:.1f} ({theirs['median']:.0f} ÷ {ours['median']:.0f} µs)",
        f"{theirs['low'] / ours['high']:.1f} to {theirs['high'] / ours['low']:.1f}",
        **_at_least(figure["ratio"], 22),
    )


def _wall(figure: Figures) -> Iterator[Row]:
    shares = figure["share_of_ideal"]
    setting = f"{figure['events']:,} events, 50 ms, concurrency 20"
    yield Row(
        f"Share of the ideal wall time, {setting}: hand-written loop",
        f"{shares['hand']['median']:.3f}",
        _between(shares["hand"], 3),
    )
    yield Row(
        "The same: ours, given ids",
        f"{shares['ours']['median']:.3f} ({figure['ours_of_hand']:.3f} of the hand-written loop's)",
        _between(shares["ours"], 3),
        "≥ 0.99 of the hand-written loop's",
        figure["ours_of_hand"] >= 0.99,
    )
    yield Row(
        "The same: ours, draining by pages of 100",
        f"{shares['drain']['median']:.3f} ({figure['listings']} listings included)",
        _between(shares["drain"], 3),
        **_at_least(shares["drain"]["median"], 0.96),
    )


def _memory(figure: Figures) -> Iterator[Row]:
    for name, title in (("dedupe_off", "`dedupe=False`"), ("dedupe_on", "`dedupe=True`")):
        measured = figure[name]
        peaks = measured["peak_rss_mb"]
        marks = [int(mark) for mark in peaks]
        yield Row(
            f"RSS growth from {marks[0]:,} to {marks[-1]:,} streamed targets, {title}",
            f"{measured['growth_mb']:.1f} MB",
            "; ".join(f"{int(mark):,}: {peak:.1f}" for mark, peak in peaks.items()),
            **_at_most(measured["growth_mb"], 3 if name == "dedupe_off" else 100, " MB"),
        )
    yield Row("Tasks alive at once meanwhile, concurrency 10", str(figure["dedupe_off"]["tasks_alive"]))


def _page(figure: Figures) -> Iterator[Row]:
    yield Row(
        "Read a page of 100 bots",
        f"{figure['page_us']:.0f} µs ({figure['json_us']:.0f} for JSON)",
        f"{figure['low']:.0f} to {figure['high']:.0f} µs; {figure['bytes'] / 1000:.0f} kB",
        **_at_most(figure["page_us"], 190, " µs"),
    )
    if quick := figure.get("speed"):
        yield Row(
            "The same with the extra `speed`",
            f"{quick['page_us']:.0f} µs",
            f"{quick['low']:.0f} to {quick['high']:.0f} µs",
            **_at_most(quick["page_us"], 130, " µs"),
        )


def _imports(figure: Figures) -> Iterator[Row]:
    ours, theirs = figure["ours_ms"]["median"], figure["dependencies_ms"]["median"]
    yield Row(
        "Import ÷ import of aiohttp, attrs, cattrs and tenacity",
        f"{figure['ratio']['median']:.3f} ({ours:.0f} ÷ {theirs:.0f} ms)",
        _between(figure["ratio"], 2),
        **_at_most(figure["ratio"]["median"], 1.08),
    )


def _contenders(figure: Figures) -> Iterator[Row]:
    for name in next(iter(figure.values())):
        for concurrency, measured in figure.items():
            cpu = measured[name]["cpu_us"]
            yield Row(
                f"{name}, concurrency {concurrency}",
                f"{cpu['median']:.0f} µs, {measured[name]['per_second']['median']:,.0f}/s, "
                f"{measured[name]['peak_rss_mb']['median']:.0f} MB",
                f"{_between(cpu, 0)} µs",
            )


def _errors(figure: Figures) -> Iterator[Row]:
    for rate, runs in figure.items():
        ours, theirs = runs["ours"], runs["httpx with tenacity"]
        yield Row(
            f"CPU per event, {float(rate):.0%} of the requests answered 503, concurrency 10",
            f"{ours['median']:.0f} µs (httpx with tenacity: {theirs['median']:.0f})",
            f"{_between(ours, 0)} µs",
        )


_VARIANTS = {
    "no_retry": "`RetryPolicy(max_attempts=1)`",
    "paced": "`rate_limit` that never waits",
    "debug_log": "logging at DEBUG",
}


def _happy_path(figure: Figures) -> Iterator[Row]:
    for name, title in _VARIANTS.items():
        turns = figure[name]
        yield Row(
            f"CPU ÷ ours by default, nothing fails: {title}", f"{turns['ratio']:.3f}", _between(turns, 3)
        )


def _cancel(figure: Figures) -> Iterator[Row]:
    for name, title in (("ours", "ours"), ("hand", "hand-written loop")):
        yield Row(
            f"From cancel to return, 50 in flight, 950 waiting: {title}",
            f"{figure[name]['median_ms']:.1f} ms",
            f"at most {figure[name]['longest_ms']:.1f} ms",
        )


def _jobs(figure: Figures) -> Iterator[Row]:
    for database, runs in figure.items():
        for run in runs:
            workers = "1 worker" if run["workers"] == 1 else f"{run['workers']} workers"
            looks = [
                f"{name} {run[name]['wall_ms']:.0f} ms ({run[name]['cpu_ms']:.0f} of CPU)"
                for name in ("status", "list")
            ]
            yield Row(
                f"A job of {run['accounts']:,} accounts × {run['events']} events, {database}, {workers}",
                f"{run['per_second']:,.0f}/s, {run['bytes']:,.0f} bytes for each event",
                f"{run['cpu_us']:,.0f} µs of a worker's CPU; control {run['bare_per_second']:,.0f}/s, "
                f"{run['bare_cpu_us']:,.0f} µs; {', '.join(looks)}",
                "≥ 1,500/s, a look < 1 s",
                run["per_second"] >= 1500 and max(run[name]["wall_ms"] for name in ("status", "list")) < 1000,
            )


_SHARES = {"50 a second, burst 10, no Retry-After": 0.85, "100 in any 10 seconds": 0.95}


def _at_limit(figures: Figures) -> Iterator[Row]:
    for name, figure in figures.items():
        target = _SHARES.get(name, 0.8)
        yield Row(
            f"Share of the allowed speed at a limit of {name}, {figure['events']} events",
            f"{figure['share']:.2f}",
            f"{figure['refused']:.1%} refused, {figure['failed']} failed",
            f"≥ {target}, ≤ 3% refused, none failed",
            figure["share"] >= target and figure["refused"] <= 0.03 and not figure["failed"],
        )


def _asked(figures: Figures) -> Iterator[Row]:
    for rate, figure in figures.items():
        target = 0.95 if int(rate) >= 1000 else 0.98
        yield Row(
            f"Rate that arrives ÷ `rate_limit={rate}`",
            f"{figure['share']:.3f}",
            f"at most {figure['fullest_second']} in any second",
            f"≥ {target}, never more in any second",
            figure["share"] >= target and figure["fullest_second"] <= int(rate),
        )


_LINES: dict[str, Callable[[Figures], Iterator[Row]]] = {
    "ratio": _ratio,
    "speed": _speed,
    "instructions": _instructions,
    "vendor": _vendor,
    "wall": _wall,
    "at_limit": _at_limit,
    "asked": _asked,
    "memory": _memory,
    "page": _page,
    "imports": _imports,
    "contenders": _contenders,
    "errors": _errors,
    "happy_path": _happy_path,
    "cancel": _cancel,
    "jobs": _jobs,
}
