"""What the checks make of facts: hosts, clocks, limits, and what the daily job books again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from yarl import URL

from meetstream_async import (
    AuthenticationError,
    ConnectionFailedError,
    EventBot,
    MeetStreamEvent,
    MeetStreamEventPage,
    RequestTimeoutError,
    ScheduledBot,
    ScheduledBotPage,
)
from meetstream_async.doctor._facts import Asked, Facts, Reading, read_head
from meetstream_async.doctor._hosts import is_misspelt
from meetstream_async.doctor._verdict import judge
from meetstream_async.doctor._words import span

NOW = datetime(2026, 5, 1, 21, 30, tzinfo=UTC)
PUBLIC = URL("https://api.meetstream.ai/api/v1")
HEAD = Reading(200, ahead=0.0, limit=None, remaining=None, wait=None)


def facts(**given: Any) -> Facts:
    usual: dict[str, Any] = {
        "api": "MeetStream",
        "base_url": PUBLIC,
        "default_url": PUBLIC,
        "network": "directly",
        "now": NOW,
    }
    return Facts(**{**usual, **given})


def listed(*bots: ScheduledBot, head: Reading = HEAD, **given: Any) -> Facts:
    page = ScheduledBotPage(bots=bots, limit=100, truncated=False)
    return facts(listings=(Asked("/calendar/scheduled", 0.1, head, page),), **given)


def bot(number: int, joins: datetime | None = None, **attributes: Any) -> ScheduledBot:
    return ScheduledBot(f"bot-{number}", scheduled_join_time=joins, custom_attributes=attributes)


@pytest.mark.parametrize(
    ("host", "wrong"),
    [
        ("api.meetstream.ai", False),
        ("API.MEETSTREAM.AI.", False),
        ("eu.meetstream.ai", False),
        ("api.meestream.ai", True),
        ("meestream.ai", True),
        ("api.meetsream.ai", True),
        ("api.meetstreams.ai", True),
        ("api.meetstream.example", False),
        ("gateway.example.com", False),
        ("localhost", False),
        ("127.0.0.1", False),
        ("stream.ai", False),
        ("", False),
    ],
)
def test_a_misspelt_host_is_known(host: str, wrong: bool) -> None:
    """A name that nearly is the public one; neither another company's nor a host of the caller's own."""
    assert is_misspelt(host, "api.meetstream.ai") is wrong


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({}, "ok", "https://api.meetstream.ai/api/v1 is reached directly"),
        ({"key_prefix_fits": False}, "warn", "the key does not begin with ms_"),
        (
            {"base_url": URL("https://gateway.example.com/v1")},
            "warn",
            "not the public API's api.meetstream.ai",
        ),
        ({"base_url": URL("https://api.meetstream.ai/v2")}, "warn", "where the public API is at"),
        ({"base_url": URL("https://api.meestream.ai/api/v1"), "misspelt": True}, "fail", "nothing was sent"),
        (
            {"network": "through the proxy http://p:3128 (from proxy)"},
            "ok",
            "through the proxy http://p:3128",
        ),
    ],
)
def test_the_configuration_is_checked_before_anything_is_sent(
    given: dict[str, Any], status: str, words: str
) -> None:
    """The key's shape, and whether the address is the public one."""
    check = judge(facts(**given)).check("configuration")
    assert (check.status, words in check.detail) == (status, True), check


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ConnectionFailedError("could not connect (ClientConnectorDNSError: no)", attempts=1),
            "no address here",
        ),
        (ConnectionFailedError("the certificate of x can't be verified", attempts=1), "the certificate of x"),
        (ConnectionFailedError("the proxy http://p refused", attempts=1), "the proxy http://p refused"),
        (RequestTimeoutError("no complete reply within 6 s", attempts=1), "drops the requests"),
    ],
)
def test_what_is_out_of_reach_is_explained(error: Exception, words: str) -> None:
    """Name, certificate, proxy and silence; everything that follows is skipped, and says why."""
    found = judge(facts(listings=(Asked("/calendar/scheduled", 1.0, None, error=error),)))
    assert (found.check("reach").status, words in found.check("reach").detail) == ("fail", True)
    assert {check.status for check in found.checks[2:]} == {"skipped"}
    assert all(check.detail for check in found.checks)
    assert (found.ok, words in found.verdict) == (False, True)


@pytest.mark.parametrize(
    ("date", "sent", "took", "ahead"),
    [
        ("Fri, 01 May 2026 21:30:00 GMT", 0.0, 0.1, 0.0),
        ("Fri, 01 May 2026 21:30:00 GMT", 0.9, 0.3, 0.0),
        ("Fri, 01 May 2026 21:30:00 GMT", 11.0, 0.1, 10.0),
        ("Fri, 01 May 2026 21:30:00 GMT", -60.5, 0.5, -60.0),
        ("Fri, 01 May 2026 21:30:00 GMT", -60.0, 70.0, 0.0),
        ("nonsense", 0.0, 0.1, None),
        ("", 0.0, 0.1, None),
    ],
)
def test_clocks_differ_only_by_what_is_certain(
    date: str, sent: float, took: float, ahead: float | None
) -> None:
    """Neither the time on the way nor the cut second of a Date speaks against a clock."""
    begin = NOW + timedelta(seconds=sent)
    head = read_head(200, {"Date": date}, begin, begin + timedelta(seconds=took))
    assert head.ahead == (None if ahead is None else pytest.approx(ahead))


@pytest.mark.parametrize(
    ("ahead", "status", "words"),
    [
        (4.9, "ok", "differ by less than 5 s"),
        (600.0, "warn", "10 min ahead of the API's"),
        (-7200.0, "warn", "2 h behind the API's"),
        (None, "warn", "no reply has a Date"),
    ],
)
def test_a_clock_that_is_off_is_a_warning(ahead: float | None, status: str, words: str) -> None:
    """Relative times are read by this machine's clock."""
    check = judge(listed(head=Reading(200, ahead, None, None, None))).check("clock")
    assert (check.status, words in check.detail) == (status, True), check


def test_limits_that_replies_tell_are_shown() -> None:
    """The number that the API allows, whatever its header is called."""
    for name in ("RateLimit-Limit", "X-RateLimit-Limit", "X-Rate-Limit-Limit"):
        head = read_head(200, {name: "60"}, NOW, NOW)
        assert "60 requests at a time" in judge(listed(head=head)).check("limits").detail
    assert read_head(200, {"RateLimit-Limit": "60;w=1"}, NOW, NOW).limit is None


def test_rows_that_will_not_join_are_no_bots() -> None:
    """Cancelled, stopped and unscheduled ones are counted apart, and none of them shows a kind of id."""
    rows = [
        bot(1, NOW + timedelta(days=1), event_id="evt_1"),
        ScheduledBot("bot-2", status="Cancelled", custom_attributes={"event_id": "google-2"}),
        ScheduledBot("bot-3", is_scheduled=False, custom_attributes={"event_id": "google-3"}),
        ScheduledBot("bot-4", status="Stopped"),
    ]
    found = judge(listed(*rows))
    assert found.ids == "event"
    assert "1 scheduled bot, the soonest joins at 2026-05-02T21:30:00Z; 3 rows that will not join" in (
        found.check("rows").detail
    )


def test_a_time_at_the_end_of_the_calendar_is_shown() -> None:
    """One that UTC has no year for as well."""
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=5)))
    assert "9999-12-31T23:59:59-05:00" in judge(listed(bot(1, last))).check("rows").detail


def test_a_slow_answer_is_a_warning() -> None:
    """What takes two seconds for one row is slow for a run."""
    page = ScheduledBotPage(bots=(), limit=100, truncated=False)
    found = judge(facts(listings=(Asked("/calendar/scheduled", 2.4, HEAD, page),)))
    assert found.check("reach").status == "warn"
    assert "2.4 s" in found.check("reach").detail


def test_what_the_daily_job_books_again_is_counted() -> None:
    """Events that begin in the 24 hours after the next midnight in UTC, by the server's clock."""
    midnight = datetime(2026, 5, 2, tzinfo=UTC)
    joins = [
        midnight - timedelta(minutes=1),
        midnight,
        midnight + timedelta(hours=3),
        midnight + timedelta(hours=25),
    ]
    bots = [bot(number, time, event_id=f"evt_{number}") for number, time in enumerate(joins)]
    # The first one's event begins after the midnight that it joins before.
    event = MeetStreamEvent("evt_0", start_time=midnight + timedelta(minutes=1), bots=(EventBot("bot-0"),))
    found = judge(
        listed(
            *bots,
            settings=Asked("/calendar/auto-schedule/settings", 0.1, HEAD, True),
            pages=(Asked("/calendar/events", 0.1, HEAD, MeetStreamEventPage(events=(event,))),),
            events=(event,),
            events_complete=True,
        )
    )
    assert found.check("comes back").status == "warn"
    assert "2 of 4 listed calendar bots would come back tonight" in found.check("comes back").detail


@pytest.mark.parametrize(
    ("shown", "kind", "proved"),
    [
        ("evt_1", "event", True),
        ("google-1_20260501T090000Z", "provider", True),
        ("google-1", "provider", True),
        ("uid@google.com", "provider", True),
        (None, "none", True),
        ("evt_other", "event", False),
        ("whatever", "provider", False),
    ],
)
def test_the_kind_of_an_id_is_proved_by_the_events(shown: str | None, kind: str, proved: bool) -> None:
    """By the join on the bot's own id: Google's series ids, iCalendar's and none included."""
    attributes = {"source": "calendar_integration"} | ({} if shown is None else {"event_id": shown})
    event = MeetStreamEvent(
        "evt_1", platform_id="google-1_20260501T090000Z", ical_uid="uid@google.com", bots=(EventBot("bot-1"),)
    )
    found = judge(
        listed(bot(1, NOW + timedelta(days=1), **attributes), events=(event,), events_complete=True)
    )
    assert found.ids == kind
    assert (found.check("ids").status == "ok") is proved


def test_a_deleted_event_knows_no_bot() -> None:
    """A tombstone proves nothing."""
    event = MeetStreamEvent("evt_1", is_deleted=True, bots=(EventBot("bot-1"),))
    found = judge(listed(bot(1, event_id="evt_1"), events=(event,), events_complete=True))
    assert found.check("ids").status == "warn"


def test_strict_makes_a_warning_count() -> None:
    """What is skipped or fine does not count; a failure always does."""
    clean = listed(bot(1, NOW, event_id="evt_1"), settings=Asked("s", 0.1, HEAD, False))
    event = MeetStreamEvent("evt_1", bots=(EventBot("bot-1"),))
    pages = (Asked("e", 0.1, HEAD, MeetStreamEventPage(events=(event,))),)
    whole = {"settings": clean.settings, "pages": pages, "events": (event,), "events_complete": True}
    assert judge(listed(bot(1, NOW, event_id="evt_1"), **whole), strict=True).ok
    assert judge(listed(**whole)).ok
    assert not judge(listed(**whole), strict=True).ok
    error = AuthenticationError("no", status=401, key_rejected=True, attempts=1)
    rejected = judge(facts(listings=(Asked("/calendar/scheduled", 0.1, HEAD, error=error),)))
    assert (rejected.ok, rejected.key_rejected) == (False, True)


def test_what_was_not_asked_for_want_of_time_is_skipped() -> None:
    """After a slow listing there may be no time for the rest."""
    found = judge(listed(bot(1, NOW, event_id="evt_1")))
    for name in ("events", "comes back"):
        assert (found.check(name).status, "no time" in found.check(name).detail) == ("skipped", True)


def test_a_check_is_found_by_its_name() -> None:
    """And one that is none is a KeyError."""
    found = judge(facts())
    assert [found.check(check.name) for check in found.checks] == list(found.checks)
    with pytest.raises(KeyError):
        found.check("nonsense")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01, "less than 0.1 s"),
        (1.25, "1.2 s"),
        (90, "90 s"),
        (600, "10 min"),
        (7200, "2 h"),
        (200_000, "2 d"),
    ],
)
def test_a_length_of_time_in_words(seconds: float, text: str) -> None:
    """In its largest unit, once there are two of it."""
    assert span(seconds) == text
