"""The simulator itself: two APIs on one loopback server, and the clock they share."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from types import TracebackType
from typing import Literal, Self
from uuid import UUID

from aiohttp import web

from .calendars import Calendars, SimulatedEvent, generate_events
from .checks import check_keys, loopback
from .closing import to_its_end
from .gateway import Api
from .ledger import Ledger
from .limits import RateLimit
from .meetbit import MeetBitApi
from .meetstream import MeetStreamApi
from .serving import Serving
from .trouble import RequestRecord, Trouble, TroubleSelector
from .world import SimulatedBot, World, generate

# Seconds for responses that are being written at shutdown; requests that are still waiting are dropped at
# once.
_SHUTDOWN_SECONDS = 0.25


class Simulator:
    """A fake MeetStream and a fake MeetBit on a loopback socket.

    bots: number of bots to generate from `seed` (see below), or an iterable of bots.
    series, one_off, several: shares (0 to 1) of the generated bots that are occurrences of a recurring series
        (2 to 7 events under one master id), that have no event, and that are additional rows of another bot's
        event. The others have an event of their own. Join times are spread over the 14 days after
        construction; everything else depends only on these arguments and the seed.
    host, port: a loopback address. Port 0 picks a free port, which later starts reuse.
    api_key: the key that MeetStream accepts; by default generated from the seed.
    events: MeetBit's calendar events: the number to generate, or an iterable of events. By default one for
        each event that the bots belong to, with that event's id as its `provider_event_id`. A number takes
        that many of these first and, if there are too few, adds events that belong to no bot.
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
    listing_lag: seconds for which a removed bot still shows up in listings.
    removes: what one DELETE of an event removes: all its bots ("event") or only the soonest one
        ("occurrence"). With "nothing", every DELETE (also that of a bot) succeeds but removes nothing.
    troubles: faults to inject, in this order; those of `error_rate` come after them.
    user_missing: answer every authorized request with 404 "User not found".
    foreign_bots: ids of bots that belong to another user; deleting one gets 403.
    clock: monotonic seconds, used for the log, join times and the listing lag; latency always takes real
        time.
    """

    def __init__(
        self,
        bots: int | Iterable[SimulatedBot] = 250,
        seed: int = 1,
        *,
        series: float = 0.1,
        one_off: float = 0.02,
        several: float = 0.05,
        host: str = "127.0.0.1",
        port: int = 0,
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
        listing_lag: float = 0.0,
        removes: Literal["event", "occurrence", "nothing"] = "event",
        troubles: Iterable[Trouble] = (),
        user_missing: bool = False,
        foreign_bots: Iterable[str] = (),
        clock: Callable[[], float] | None = None,
    ) -> None:
        if removes not in ("event", "occurrence", "nothing"):
            raise ValueError("removes must be 'event', 'occurrence' or 'nothing'")
        if not (0 <= latency < math.inf and 0 <= listing_lag < math.inf):
            raise ValueError("latency and listing_lag must be finite and not negative")
        others = dict(meetbit_clients or {})
        check_keys(
            api_key=[api_key],
            access_key_id=[access_key_id],
            access_key_secret=[access_key_secret],
            meetbit_clients=[*others, *others.values()],
        )
        self._host = loopback(host)
        self._port = port
        self._clock = clock or time.monotonic
        self._epoch = datetime.now(UTC), self._clock()
        random = Random(f"{seed}:account")
        self._api_key = api_key or f"ms_sim_{random.getrandbits(128):032x}"
        self._world = World(seed, listing_lag)
        born = self._epoch[0]
        if isinstance(bots, int):
            bots = generate(bots, seed, born, series=series, one_off=one_off, several=several)
        bots = list(bots)
        self._world.add(bots)
        self._calendars = Calendars()
        if events is None or isinstance(events, int):
            events = generate_events(events, bots, seed, born)
        self._calendars.add(events)
        self._ledger = Ledger(
            events=self._world.event_records,
            bots=self._world.bot_records,
            calendar_events=self._calendars.records,
            event_deletes=self._world.event_deletes,
            bot_deletes=self._world.bot_deletes,
            cancels=self._calendars.cancel_requests,
        )
        self._meetstream = MeetStreamApi(
            self._world,
            api_key=self._api_key,
            user_id=str(UUID(int=random.getrandbits(128), version=4)),
            user_missing=user_missing,
            foreign_bots=frozenset(foreign_bots),
            removes=removes,
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
            self._calendars, clients=clients, permissions=meetbit_permissions, limit=self._limit
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
        self._runner: web.ServerRunner | None = None

    def __repr__(self) -> str:
        state = f"on port {self._port}" if self._runner else "not running"
        return f"<Simulator {state}: {self.ledger!r}, {len(self.requests)} requests>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start listening. After a close: on the same port, with the same account and log."""
        if self._runner is not None:
            raise RuntimeError("the simulator is already running")
        # Cancel the handler when its client disconnects, so that the request no longer counts as in flight.
        server = web.Server(self._serving.handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await to_its_end(runner.cleanup())
            raise
        self._serving.open()
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and drop all connections at once; may be called more than once."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            self._serving.close()
            await to_its_end(runner.cleanup())

    @property
    def base_url(self) -> str:
        """Base URL of the MeetStream API, without a trailing slash."""
        return f"{self._origin()}/{'/'.join(self._meetstream.prefix)}"

    @property
    def meetbit_base_url(self) -> str:
        """Base URL of the MeetBit API, without a trailing slash."""
        return f"{self._origin()}/{'/'.join(self._meetbit.prefix)}"

    def _origin(self) -> str:
        if self._port == 0:
            raise RuntimeError("the simulator has no address until it is started")
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

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
        """All calendar events, cancelled ones included."""
        return tuple(self._calendars.events.values())

    def calendar_event(self, provider_event_id: str) -> SimulatedEvent:
        """The calendar event behind a bot's event, cancelled or not. Raises KeyError if there is none."""
        return self._calendars.of_provider(provider_event_id)

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
        self._world.add([bot])

    def add_event(self, event: SimulatedEvent) -> None:
        """Add an event to its calendar."""
        self._calendars.add([event])

    def _now(self) -> datetime:
        wall, clock = self._epoch
        return wall + timedelta(seconds=self._clock() - clock)
