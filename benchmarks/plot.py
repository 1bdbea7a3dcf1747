"""The figures as an SVG: CPU time per event of each contender, and memory by number of targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

_OURS, _OTHERS = ("#8cc3d9", "#3d94b8", "#0b6e99"), ("#c9d1d6", "#98a4ab", "#66747c")


def plot(results: dict[str, Any], path: Path) -> None:
    """Write the SVG; the same results give the same bytes. Needs ``contenders`` and ``memory``."""
    figures = results["figures"]
    # Keep text as text, in the reader's font; no date and no random ids.
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.size": 9}):
        figure, (cpu, memory) = plt.subplots(
            1, 2, figsize=(10, 4.2), layout="constrained", width_ratios=(3, 2)
        )
        _cpu(cpu, figures["contenders"])
        _memory(memory, figures["memory"])
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        plt.close(figure)


def _cpu(axes: Axes, figure: dict[str, Any]) -> None:
    names = list(next(iter(figure.values())))
    thickness = 0.8 / len(figure)
    for index, (concurrency, measured) in enumerate(figure.items()):
        spreads = [measured[name]["cpu_us"] for name in names]
        medians = [spread["median"] for spread in spreads]
        errors = [
            [spread["median"] - spread["low"] for spread in spreads],
            [spread["high"] - spread["median"] for spread in spreads],
        ]
        places = [place + (index - (len(figure) - 1) / 2) * thickness for place in range(len(names))]
        axes.barh(
            places,
            medians,
            thickness,
            xerr=errors,
            color=[(_OURS if name.startswith("ours") else _OTHERS)[index] for name in names],
            error_kw={"elinewidth": 0.8},
            label=f"concurrency {concurrency}",
        )
        for place, spread in zip(places, spreads, strict=True):
            end, text = (spread["high"], place), f"{spread['median']:.0f}"
            axes.annotate(text, end, (4, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(left=10)
    axes.set_xlabel("CPU per event, µs, log scale; lines show the least and the greatest of the runs")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right")


def _memory(axes: Axes, figure: dict[str, Any]) -> None:
    for name, title, colour in (
        ("dedupe_off", "dedupe=False", _OURS[2]),
        ("dedupe_on", "dedupe=True", _OTHERS[2]),
    ):
        peaks = figure[name]["peak_rss_mb"]
        axes.plot([int(mark) for mark in peaks], list(peaks.values()), "o-", color=colour, label=title)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.1 * max(max(each["peak_rss_mb"].values()) for each in figure.values()))
    axes.set_xlabel("targets streamed (log scale)")
    axes.set_ylabel("peak RSS, MB")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
