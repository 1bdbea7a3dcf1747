"""MeetStream's index of the connected calendars: their events, with all of their ids."""

from bisect import bisect_right, insort
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

from attrs import Factory, evolve, field, frozen

from .bots import SimulatedBot
from .identities import Provider, digest, ical_uid, instance_id, own_id, provider_id, provider_of
from .settings import Ids

# A bot joins a little before its meeting begins.
LEAD = timedelta(minutes=2)
TITLES = ("Weekly sync", "Product demo", "Interview", "Quarterly review", "Kick-off", "Support call")


@frozen(kw_only=True)
class SimulatedMeetStreamEvent:
    """One event of the calendars that MeetStream reads: a result of `GET /calendar/events`.

    event_id: MeetStream's own id, by which a bot is scheduled and unscheduled.
    title, meeting_platform, meeting_url, created: as the answers show them.
    start, end: timezone-aware; by default the event is in one day and takes half an hour.
    platform: whose calendar it is in.
    platform_id, ical_uid: the provider's and iCalendar's id; made from the event's own id by default.
    calendar_id: the id of its calendar; the primary one of that platform by default.
    series: the own id of the recurring event that it is an occurrence of, or that it is itself.
    is_deleted: the event is gone from the calendar, and only this tombstone is left.
    """

    event_id: str
    start: datetime = Factory(lambda: datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))
    end: datetime = Factory(lambda self: self.start + timedelta(minutes=30), takes_self=True)
    platform: Provider = "google"
    platform_id: str | None = None
    ical_uid: str | None = None
    calendar_id: str | None = None
    title: str = "Weekly sync"
    meeting_platform: str | None = "google_meet"
    meeting_url: str | None = None
    series: str | None = None
    is_deleted: bool = False
    created: datetime = field(default=datetime(2024, 1, 8, 9, tzinfo=UTC))

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.event_id, str) or not self.event_id:
            raise ValueError("SimulatedMeetStreamEvent: event_id must be a non-empty string")
        if self.platform not in ("google", "outlook"):
            raise ValueError("SimulatedMeetStreamEvent: platform must be 'google' or 'outlook'")
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("SimulatedMeetStreamEvent: start and end must be timezone-aware")


@frozen(kw_only=True)
class ConnectedCalendar:
    """One calendar of the account. id: the provider's, as `calendar_id` of its events."""

    id: str
    platform: Provider
    summary: str
    account: str
    primary: bool


def connected_calendars(seed: int) -> tuple[ConnectedCalendar, ...]:
    """Two calendars at Google and one at Outlook."""
    team = f"c_{digest(seed, 'calendar', size=16).hex()}@group.calendar.google.com"
    google, outlook = "ada@example.com", "ada@example.org"
    mailbox = provider_id(seed, "calendar", "outlook")
    return (
        ConnectedCalendar(id=google, platform="google", summary="Ada", account=google, primary=True),
        ConnectedCalendar(id=team, platform="google", summary="Sales", account=google, primary=False),
        ConnectedCalendar(id=mailbox, platform="outlook", summary="Calendar", account=outlook, primary=True),
    )


class CalendarIndex:
    """The events that MeetStream knows, in an order that only the seed and their ids decide.

    shown: which id of an event the listing of the bots shows.
    """

    def __init__(self, seed: int, shown: Ids) -> None:
        self._seed = seed
        self._shown = shown
        self._order: list[tuple[str, str]] = []
        self.events: dict[str, SimulatedMeetStreamEvent] = {}
        self.calendars: tuple[ConnectedCalendar, ...] = connected_calendars(seed)

    def put(self, event: SimulatedMeetStreamEvent) -> SimulatedMeetStreamEvent:
        """Add an event, or replace the one with its id; ids and calendar that it lacks are filled in."""
        whole = self._completed(event)
        if event.event_id not in self.events:
            insort(self._order, (digest(self._seed, event.event_id).hex(), event.event_id))
        self.events[event.event_id] = whole
        return whole

    def _completed(self, event: SimulatedMeetStreamEvent) -> SimulatedMeetStreamEvent:
        root = event.series or event.event_id
        platform_id = event.platform_id
        if platform_id is None:
            in_series = event.series is not None and event.series != event.event_id
            # Outlook's occurrences have ids that do not show what they belong to.
            platform_id = provider_id(
                self._seed, root if event.platform == "google" else event.event_id, event.platform
            )
            if in_series and event.platform == "google":
                platform_id = instance_id(platform_id, event.start)
        calendars = [one for one in self.calendars if one.platform == event.platform]
        calendar = calendars[digest(self._seed, "calendar of", root, size=1)[0] % len(calendars)]
        return evolve(
            event,
            platform_id=platform_id,
            ical_uid=event.ical_uid or ical_uid(self._seed, root, event.platform),
            calendar_id=event.calendar_id or calendar.id,
        )

    def put_for_bot(self, bot: SimulatedBot, event_id: str) -> SimulatedMeetStreamEvent:
        """The event of a bot, which is made up if it is not known."""
        return self.events.get(event_id) or self.put(
            SimulatedMeetStreamEvent(
                event_id=event_id,
                start=bot.join_time + LEAD,
                platform=provider_of(bot.platform),
                platform_id=bot.provider_event_id,
                title=TITLES[digest(self._seed, "title", event_id, size=1)[0] % len(TITLES)],
                meeting_platform=bot.platform,
                meeting_url=bot.meeting_link,
                series=bot.series,
            )
        )

    def listed_id(self, event_id: str) -> str | None:
        """What the listing of the bots shows as the id of their event."""
        shown = self._shown
        if shown == "mixed":
            kinds: tuple[Ids, ...] = ("event", "provider", "none")
            shown = kinds[digest(self._seed, "shown", event_id, size=1)[0] % 3]
        if shown == "provider":
            return self.events[event_id].platform_id
        return event_id if shown == "event" else None

    def page(self, after: str, limit: int) -> tuple[list[SimulatedMeetStreamEvent], str | None]:
        """The `limit` events behind a place in the order, and the place of the last; None at the end.

        As in a database that is read in pieces: a last piece that is just full has a place, too.
        """
        begin = bisect_right(self._order, (after, "\U0010ffff"))
        places = self._order[begin : begin + limit]
        events = [self.events[event_id] for _, event_id in places]
        return events, places[-1][0] if len(places) == limit else None


def further_events(count: int, deleted: int, seed: int, now: datetime) -> Iterable[SimulatedMeetStreamEvent]:
    """`count` events without a bot, and `deleted` tombstones, the same for the same arguments."""
    random = Random(f"{seed}:index")
    for number in range(count + deleted):
        platform = random.choice(("google_meet", "google_meet", "zoom", "microsoft_teams", None))
        yield SimulatedMeetStreamEvent(
            event_id=own_id(seed, "further", str(number)),
            start=now.replace(microsecond=0) + timedelta(minutes=15 * random.randint(-4 * 96, 30 * 96)),
            title=random.choice(TITLES),
            platform=provider_of(platform),
            meeting_platform=platform,
            meeting_url=None
            if platform is None
            else f"https://meet.example.com/{random.getrandbits(40):010x}",
            is_deleted=number >= count,
        )
