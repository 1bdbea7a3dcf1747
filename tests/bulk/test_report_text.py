"""A report as a person gets to see it: printed, in a prompt, in a notebook, in help()."""

import pydoc

import pytest

from meetstream_async import (
    BulkReport,
    CancelledEvent,
    CancelOutcome,
    MeetingCancellation,
    OutcomeStatus,
    UnscheduleOutcome,
)
from meetstream_async.meetbit.models import CalendarEvent

COUNTS = {"unscheduled": 26, "already_unscheduled": 0, "failed": 1}


def report(count: int = 27, reason: str | None = "1 failed") -> BulkReport[UnscheduleOutcome]:
    outcomes = [
        UnscheduleOutcome(f"evt_{n}", (f"bot-{n}",), OutcomeStatus.UNSCHEDULED) for n in range(count - 1)
    ]
    bad = UnscheduleOutcome(
        "<b>evt</b>", ("bot-x",), status=OutcomeStatus.FAILED, reason="<script>no</script>"
    )
    return BulkReport(COUNTS, (*outcomes, bad), True, reason is None, reason, 1.25)


def test_a_printed_report_is_its_verdict() -> None:
    """One line that a person can read: ok or why not, the counts that are not zero, and the time."""
    assert str(report()) == "not ok: 1 failed (26 unscheduled, 1 failed; 1.2 s)"
    empty = BulkReport[UnscheduleOutcome]({}, (), True, True, None, 0.0)
    assert str(empty) == "ok (no targets; 0.0 s)"


@pytest.mark.parametrize("count", [1, 27, 5000])
def test_the_repr_of_a_report_is_short(count: int) -> None:
    """It fits three lines of 80 characters, however many outcomes there are, and however long its reason."""
    shown = repr(report(count, "x" * 1000))
    assert len(shown) <= 240
    assert shown.startswith("<BulkReport not ok: 26 unscheduled, 1 failed; reason='xxx")


def test_a_notebook_shows_a_report_as_a_table_of_text() -> None:
    """The verdict, then what is not done before the rest; nothing in it is markup of a server."""
    html = report()._repr_html_()
    assert "<b>not ok: 1 failed" in html
    assert html.index("&lt;b&gt;evt&lt;/b&gt;") < html.index("evt_0")
    assert "<script>" not in html
    assert "and 7 more outcomes" in html
    event = CancelOutcome(7, 100, status=OutcomeStatus.CANCELLED)
    assert "7/100" in BulkReport({"cancelled": 1}, (event,), True, True, None, 0.1)._repr_html_()


def test_help_names_the_fields_of_a_report() -> None:
    """help(BulkReport) says what each field means."""
    text = pydoc.plain(pydoc.render_doc(BulkReport))
    for name in ("counts:", "outcomes:", "complete:", "ok:", "reason:", "elapsed:", "still_listed:"):
        assert name in text.partition("Method resolution")[0]


def test_an_outcome_shows_its_status_as_a_word() -> None:
    """No repr of an enum stands between the ids and the reason."""
    shown = repr(report().outcomes[-1])
    assert "status=failed" in shown
    assert "OutcomeStatus" not in shown


def test_the_calendar_event_of_a_meeting_has_a_short_way() -> None:
    """It is that of MeetBit's reply, or None."""
    event = CalendarEvent(100, 7, "Review")
    meeting = MeetingCancellation(7, 100, CancelledEvent(event), (), True, None)
    assert meeting.calendar_event is event
    assert MeetingCancellation(7, 100, None, (), True, None).calendar_event is None
