"""The simulator itself: two APIs on one loopback server, and the clock they share."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Unpack
from uuid import UUID

from .account import Account
from .bots import SimulatedBot
from .checks import check_keys
from .gateway import Api
from .index import SimulatedMeetStreamEvent
from .ledger import Ledger
from .lifecycle import Server
from .meetbit import MeetBitApi
from .meetbit_calendars import SimulatedEvent
from .meetbit_limit import RateLimit
from .meetstream import MeetStreamApi
from .meetstream_limit import Limit, Pace
from .serving import Serving
from .settings import Settings, Switches
from .trouble import RequestRecord, Trouble, TroubleSelector


class Simulator(Server):
    """A fake MeetStream and a fake MeetBit on a socket of this machine.

    bots: number of bots to generate from `seed` (see below), or an iterable of bots.
    series, one_off, several: shares (0 to 1) of the generated bots that are occurrences of a recurring series
        (2 to 7 events under one master id), that have no event, and that are additional rows of another bot's
        event. The others have an event of their own. Join times are spread over the 14 days after
        construction; everything else depends only on these arguments and the seed.
    soon, in_meeting, past: shares of the generated bots that join within 10 minutes, that joined within the
        last 30, and that joined 2 to 26 hours ago; `listed_states` decides whether the last two are listed.
    meetstream_events: events of the calendars that MeetStream reads, to use exactly; events of bots that are
        not among them are made up. Generated bots come with some further events and tombstones by default.
    host, port: the address to listen on; one that others can reach is warned of in the log. Port 0 picks a
        free port, which later starts reuse.
    limit: the rate limit of MeetStream: a `TokenBucket`, a `SlidingWindow`, or none.
    api_key: the key that MeetStream accepts; by default generated from the seed.
    events: MeetBit's calendar events: the number to generate, or an iterable of events. By default one for
        each event that the bots belong to, with the provider's id of that event as its `provider_event_id`. A
        number takes that many of these first and, if there are too few, adds events that have no bot.
    access_key_id, access_key_secret: the key that MeetBit accepts; by default generated from the seed.
    meetbit_clients: further access key ids and their secrets; each is a client with its own rate limit.
    meetbit_permissions: permissions of the access keys; without "events.delete.*" requests get 401 "Access
        Denied.".
    meetbit_rate, meetbit_tenant_rate: requests per second that MeetBit accepts from each client, and from all
        of them together; requests beyond that get 429. None disables the limit.
    meetbit_suspend_after: number of requests sent before their `Retry-After` has passed that suspends a
        client; None disables suspension.
    latency: seconds added to every response. A change is applied when its request arrives, not when it is
        answered, so it takes effect even if the client did not wait for the response.
    error_rate: share of requests answered with 500 or 503, half of them after the change was applied.
    troubles: faults to inject, in this order; those of `error_rate` come after them.
    clock: monotonic seconds, used for the log, join times and the listing lag; latency always takes real
        time.
    switches: what the MeetStream account shows, accepts and says: the fields of `Settings`, one by one.
    """

    def __init__(
        self,
        bots: int | Iterable[SimulatedBot] = 250,
        seed: int = 1,
        *,
        series: float = 0.1,
        one_off: float = 0.02,
        several: float = 0.05,
        soon: float = 0.0,
        in_meeting: float = 0.0,
        past: float = 0.0,
        meetstream_events: Iterable[SimulatedMeetStreamEvent] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        limit: Limit = None,
        api_key: str | None = None,
        events: int | Iterable[SimulatedEvent] | None = None,
        access_key_id: str | None = None,
        access_key_secret: str | None = None,
        meetbit_clients: Mapping[str, str] | None = None,
        meetbit_permissions: Iterable[str] = ("events.delete.*",),
        meetbit_rate: float | None = 5.0,
        meetbit_tenant_rate: float | None = 10.0,
        meetbit_suspend_after: int | None = 5,
        latency: float = 0.0,
        error_rate: float = 0.0,
        troubles: Iterable[Trouble] = (),
        clock: Callable[[], float] | None = None,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(host, port)
        # The keyword arguments have the fields' names; their converters take more types than they store.
        settings = Settings(**switches)  # type: ignore[arg-type]
        if not 0 <= latency < math.inf:
            raise ValueError("latency must be finite and not negative")
        others = dict(meetbit_clients or {})
        check_keys(
            api_key=[api_key],
            access_key_id=[access_key_id],
            access_key_secret=[access_key_secret],
            meetbit_clients=[*others, *others.values()],
        )
        self._clock = clock or time.monotonic
        self._epoch = datetime.now(UTC), self._clock()
        random = Random(f"{seed}:account")
        self._api_key = api_key or f"ms_sim_{random.getrandbits(128):032x}"
        self._account = Account(
            bots,
            meetstream_events,
            events,
            seed=seed,
            user_id=str(UUID(int=random.getrandbits(128), version=4)),
            born=self._epoch[0],
            settings=settings,
            shares={
                "series": series,
                "one_off": one_off,
                "several": several,
                "soon": soon,
                "in_meeting": in_meeting,
                "past": past,
            },
        )
        world, calendars = self._account.world, self._account.calendars
        self._pace = Pace(limit)
        self._meetstream = MeetStreamApi(self._account, self._pace, api_key=self._api_key)
        self._ledger = Ledger(
            events=world.event_records,
            bots=world.bot_records,
            calendar_events=calendars.records,
            event_deletes=world.event_deletes,
            bot_deletes=world.bot_deletes,
            cancels=calendars.cancel_requests,
            syncs=self._account.syncs,
            pace=lambda: self._pace.counts,
        )
        random = Random(f"{seed}:access")
        self._access_key_id = access_key_id or f"sim_id_{random.getrandbits(96):024x}"
        self._access_key_secret = access_key_secret or f"sim_secret_{random.getrandbits(160):040x}"
        clients = {**others, self._access_key_id: self._access_key_secret}
        self._limit = RateLimit(
            clients,
            rate=meetbit_rate,
            tenant_rate=meetbit_tenant_rate,
            suspend_after=meetbit_suspend_after,
        )
        self._meetbit = MeetBitApi(
            calendars,
            clients=clients,
            permissions=meetbit_permissions,
            limit=self._limit,
            answers=settings.meetbit_answer,
        )
        self._apis: tuple[Api, ...] = (self._meetstream, self._meetbit)
        self._troubles = TroubleSelector(seed)
        for trouble in troubles:
            self.add_trouble(trouble)
        for trouble in Trouble.server_errors(error_rate) if error_rate else ():
            self._troubles.add(trouble, background=True)
        self._serving = Serving(
            self._apis,
            self._troubles,
            clock=self._clock,
            now=self._now,
            latency=latency,
            secrets=(self._api_key, *clients, *clients.values()),
        )

    def __repr__(self) -> str:
        state = f"on port {self._port}" if self._runner else "not running"
        return f"<Simulator {state}: {self.ledger!r}, {len(self.requests)} requests>"

    @property
    def base_url(self) -> str:
        """Base URL of the MeetStream API, without a trailing slash."""
        return f"{self._origin()}/{'/'.join(self._meetstream.prefix)}"

    @property
    def meetbit_base_url(self) -> str:
        """Base URL of the MeetBit API, without a trailing slash."""
        return f"{self._origin()}/{'/'.join(self._meetbit.prefix)}"

    @property
    def api_key(self) -> str:
        """The API key that MeetStream accepts, as `Authorization: Token <key>`."""
        return self._api_key

    @property
    def access_key_id(self) -> str:
        """The access key id that MeetBit accepts, as `X-Access-Key-Id`."""
        return self._access_key_id

    @property
    def access_key_secret(self) -> str:
        """The secret of that access key, as `X-Access-Key-Secret`."""
        return self._access_key_secret

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point clients to this simulator; they contain the keys."""
        return {
            "MEETSTREAM_API_URL": self.base_url,
            "MEETSTREAM_API_KEY": self._api_key,
            "MEETBIT_API_URL": self.meetbit_base_url,
            "MEETBIT_ACCESS_KEY_ID": self._access_key_id,
            "MEETBIT_ACCESS_KEY_SECRET": self._access_key_secret,
        }

    @property
    def ledger(self) -> Ledger:
        """What is scheduled, and what was unscheduled or cancelled."""
        return self._ledger

    @property
    def calendar_events(self) -> tuple[SimulatedEvent, ...]:
        """All events of MeetBit's calendars, cancelled ones included."""
        return tuple(self._account.calendars.events.values())

    def calendar_event(self, provider_event_id: str) -> SimulatedEvent:
        """MeetBit's event with this provider's id, or with this id at MeetStream; cancelled or not.

        Raises KeyError if there is none.
        """
        return self._account.meeting(provider_event_id)

    @property
    def limit(self) -> Limit:
        """The rate limit of MeetStream; may be set while requests come in. `ledger.pace` counts."""
        return self._pace.limit

    @limit.setter
    def limit(self, limit: Limit) -> None:
        self._pace.limit = limit

    @property
    def meetbit(self) -> RateLimit:
        """Counters of MeetBit's rate limit: `throttled`, `early_requests`, `suspended`, `client(…)`."""
        return self._limit

    @property
    def requests(self) -> list[RequestRecord]:
        """The request log, in order of arrival. The list is live, not a copy."""
        return self._serving.requests

    @property
    def in_flight(self) -> int:
        """Number of requests being served (latency included) whose clients are still connected."""
        return self._serving.in_flight

    @property
    def max_in_flight(self) -> int:
        """Highest number of requests that were in flight at once."""
        return self._serving.max_in_flight

    def add_trouble(self, trouble: Trouble) -> None:
        """Add a trouble after the existing ones, but before those of `error_rate`."""
        known = frozenset().union(*(api.route_names for api in self._apis))
        if trouble.route != "*" and trouble.route not in known:
            raise ValueError(f"Trouble: no route {trouble.route!r}; known: '*', {', '.join(sorted(known))}")
        self._troubles.add(trouble)

    def clear_troubles(self) -> None:
        """Remove all troubles, including `error_rate`; latency, listing lag and `removes` stay."""
        self._troubles.clear()

    def add_bot(self, bot: SimulatedBot) -> None:
        """Schedule another bot, also for an event that was unscheduled. Does not create a calendar event."""
        self._account.world.add([bot])

    def run_nightly_job(self) -> tuple[str, ...]:
        """Book the events of the next 24 hours that have no bot, as the daily job does at 00:00 UTC.

        Returns the ids of the new bots: none unless auto-scheduling is on. With requests coming in, the job
        also runs by itself after each midnight of the simulator's clock.
        """
        return self._meetstream.run_nightly_job(self._now())

    def add_meetstream_event(self, event: SimulatedMeetStreamEvent) -> None:
        """Add an event to the calendars that MeetStream reads, or replace the one with its id."""
        self._account.world.know(event)

    @property
    def meetstream_events(self) -> tuple[SimulatedMeetStreamEvent, ...]:
        """All events of the calendars that MeetStream reads, with all of their ids; also tombstones."""
        return tuple(self._account.index.events.values())

    def add_event(self, event: SimulatedEvent) -> None:
        """Add an event to its MeetBit calendar."""
        self._account.calendars.add([event])

    def _now(self) -> datetime:
        wall, clock = self._epoch
        return wall + timedelta(seconds=self._clock() - clock)
