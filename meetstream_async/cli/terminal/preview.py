"""Show a preview before a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ... import ScheduledBot, SkipReason, platform_name
from ...preview import Preview, Selection
from ..inputs.filters import words
from .output import clean, facts, plural, show
from .tables import away, local_time

_SOONEST = 3
_PLATFORMS = 8
_SKIPPED = {
    SkipReason.HIDDEN: "with perhaps more bots beyond the full listing, outside the filter",
    SkipReason.NO_EVENT_ID: "calendar bots whose event the listing does not name (--cancel-by)",
    SkipReason.NOT_ITS_OWN_ID: "whose own id the listing does not show, which series options need",
    SkipReason.KEPT: "that join before --from",
}


def show_preview(
    preview: Preview, series: str | None = None, most: int | None = None, undo: Sequence[str] = ()
) -> None:
    """Show on stderr what is scheduled and what a run does.

    series: its effect on series, as text. most: the number of events and bots that it ends at, if the
        listing is full.
    undo: what is kept for a way back, as text.
    """
    bots, events, one_off = preview.bots, preview.events, preview.one_off
    every = len({bot.event_id for bot in preview.listed if bot.event_id is not None})
    alone = sum(bot.is_one_off for bot in preview.listed)
    unnamed = sum(bot.event_id is None for bot in preview.listed) - alone
    least = "at least " if preview.truncated else ""
    scheduled = [f"{least}{_bots(len(preview.listed))}: {_events(every)}, {_one_off(alone)}"]
    if unnamed:
        scheduled.append(f"{unnamed} of a calendar whose event the listing does not name")
    if preview.truncated:
        scheduled.append("the listing is full, so there may be more; the run lists until nothing is left")
        if preview.hidden:
            more = plural(len(preview.hidden), "more bot")
            scheduled.append(f"the calendars' events show {more} that it takes")
    filtered = []
    if isinstance(preview.selection, Selection):
        inside = _events(len(events) + len(preview.shared))
        also = f", {_one_off(len(one_off))}" if one_off else ""
        filtered = [*words(preview.selection), f"selects {_bots(len(bots))} of these: {inside}{also}"]
    show(
        facts(
            ("account", [f"{clean(preview.base_url)} (key from {clean(preview.key_source)})"]),
            ("scheduled", scheduled),
            ("filter", filtered),
            ("platforms", [_platforms(bots)] if bots else []),
            ("soonest", [line(bot) for bot in bots[:_SOONEST]]),
            ("left alone", _left_alone(preview)),
            ("for undo", undo),
            ("to do", [_to_do(preview, series, most)]),
        )
    )


def _left_alone(preview: Preview) -> list[str]:
    left = []
    if one_off := preview.skipped(SkipReason.ONE_OFF):
        left.append(f"{_one_off(len(one_off))}: no calendar event, will join (--one-off-bots)")
    if preview.shared:
        left.append(
            f"{_events(len(preview.shared))} with bots outside the filter, too (see --whole-events): "
            + ", ".join(clean(event_id, 60) for event_id in list(preview.shared)[:_SOONEST])
            + (", …" if len(preview.shared) > _SOONEST else "")
        )
    for reason, what in _SKIPPED.items():
        if names := preview.skipped(reason):
            left.append(f"{len(names)} {what}: {', '.join(clean(name, 60) for name in names[:_SOONEST])}")
    if count := preview.undecided:
        what = "behind the full listing, unless a later one shows them: the events don't tell enough"
        left.append(f"{_bots(count)} {what} for this filter")
    if outside := len(preview.listed) - len(preview.bots):
        left.append(f"{_bots(outside)} outside the filter")
    return left + [f"unreadable row: {clean(row.path)} {clean(row.reason)}" for row in preview.rejected]


def _to_do(preview: Preview, series: str | None, most: int | None) -> str:
    if not preview.to_do and not preview.truncated:
        return "nothing"
    what = ""
    if preview.truncated:
        what = "all: at least " if most is None else f"all, {most} at most: at least "
    deleted = ""
    if preview.deleted:
        alone = all(bot.is_one_off for bot in preview.deleted.values())
        deleted = f" and delete {(_one_off if alone else _bots)(len(preview.deleted))}"
    return f"unschedule {what}{_events(len(preview.events))}{series or ''}{deleted}"


def line(bot: ScheduledBot) -> str:
    """One bot in one line."""
    words = (
        local_time(bot),
        away(bot),
        bot.platform and platform_name(bot.platform),
        clean(bot.bot_username or "", 40),
    )
    return "  ".join(
        (*filter(None, words), clean(bot.event_id or ("one-off" if bot.is_one_off else "calendar")))
    )


def _platforms(bots: Sequence[ScheduledBot]) -> str:
    counted = Counter(platform_name(bot.platform) for bot in bots).most_common()
    words = [f"{count} {name}" for name, count in counted[:_PLATFORMS]]
    if rest := sum(count for _, count in counted[_PLATFORMS:]):
        words.append(f"{rest} others")
    return ", ".join(words)


def _bots(count: int) -> str:
    return plural(count, "bot")


def _events(count: int) -> str:
    return plural(count, "event")


def _one_off(count: int) -> str:
    return plural(count, "one-off bot")
