"""Fixtures of the whole suite, and a bridge that lets aioresponses run on current aiohttp versions."""

from __future__ import annotations

import asyncio
import gc
import inspect
import itertools
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aioresponses.core
import pytest
from aiohttp import ClientResponse, StreamReader
from aiohttp.client_proto import ResponseHandler
from aioresponses import aioresponses as Mocked
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.strategies import text

from tests.helpers import loops
from tests.helpers.raw_server import RawServer, Step

# jsonschema would have it compile 38 grammars for the format `iri`, which no test asks for: three seconds of
# each process.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
if find_spec("sniffio") is None:
    # httpx looks for it on the whole path, several times in each request: a tenth of the tests that use it.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

# The same examples in each run, so that a change is judged and not chance. The verb `coverage` takes "more"
# of them; "thorough" looks for new ones.
settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("more", parent=settings.get_profile("default"), max_examples=60)
settings.register_profile(
    "thorough", parent=settings.get_profile("default"), derandomize=False, max_examples=2000
)
settings.load_profile("default")


class _OtherLoop:
    """Lets every async test, and the loops whose clock jumps, run on another loop."""

    @pytest.hookimpl
    def pytest_asyncio_loop_factories(
        self, config: pytest.Config, item: pytest.Item
    ) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
        return {loops.chosen: loops.factory(loops.chosen)}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--loop", choices=loops.NAMES, default="default", help="The event loop that the tests run on."
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # By nohup. The programs that the tests start would ignore it as well.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    loops.chosen = config.getoption("--loop")
    if loops.chosen != "default":
        loops.factory(loops.chosen)().close()  # Here, where it is told once, and not for each test.
        config.pluginmanager.register(_OtherLoop())
    if not config.getoption("hypothesis_profile", None) and hasattr(providers, "_get_local_constants"):
        # It would read the source of five hundred modules in each process, for two seconds, to take a value
        # from it now and then; and which values depends on what has been imported.
        providers._get_local_constants = lambda: providers._local_constants
    if not (config.getoption("xmlpath", None) or config.getoption("durations", None)):
        _tell_only_what_counts(config)


def _tell_only_what_counts(config: pytest.Config) -> None:
    """What passed before and after a test is not sent to the process that hands out the tests: two reports of
    three, which take as long to send and to receive as many a test. It counts only the tests themselves.
    """
    # Not get_plugins(), which makes a set: a plugin need not be hashable.
    plugins = (one for _, one in config.pluginmanager.list_name_plugin())
    sender = next((one for one in plugins if hasattr(one, "sendevent")), None)
    if sender is None:
        return
    send = sender.sendevent

    def send_less(name: str, **kwargs: Any) -> None:
        data = kwargs["data"] if name == "testreport" else {"when": "call"}
        if data["when"] == "call" or data["outcome"] != "passed":
            send(name, **kwargs)

    sender.sendevent = send_less


MEASURED = re.compile(r"^\(?(bench|browser|compat|mutation|postgres|slow|soak)\b")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One process for what measures time or starts a server, and for tests that are named one by one.

    Otherwise two more than there are cores: two fifths of the time, a test waits for something.
    """
    named = all("::" in argument for argument in config.args)
    return 0 if named or MEASURED.match(config.getoption("markexpr")) else len(os.sched_getaffinity(0)) + 2


# Whatever the environment says: half of the start is compiling the tests, in each process and in each run.
sys.dont_write_bytecode = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let each process begin with other files: they compile them for one another, instead of all at once."""
    process = getattr(session.config, "workerinput", None)
    if process is None:
        return
    root = session.config.rootpath
    given = [session.config.invocation_params.dir / arg.partition("::")[0] for arg in session.config.args]
    files = [
        file for path in given for file in ([path] if path.is_file() else sorted(path.rglob("test_*.py")))
    ]
    first = int(process["workerid"].removeprefix("gw")) * len(files) // process["workercount"]
    for file in files[first:] + files[:first]:
        # What goes wrong here goes wrong again when it is collected, where it is reported.
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(file.relative_to(root).with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Iterator[None]:
    """In a new checkout, Hypothesis looks at every character there is, for two seconds: here once, for all
    processes, while they import the tests.
    """
    yield
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        text().validate()


gc.disable()  # Until everything is collected: nothing of what is imported by then goes away again.


def pytest_collection_finish() -> None:
    """What was imported stays, so no later collection of garbage looks at it: a fifth of the run.

    What the tests make is looked at between them, where it keeps none of them waiting.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(200_000, 20, 50)


_ended = itertools.count(1)


def pytest_runtest_logfinish() -> None:
    # The next test's server may get the port of one of this test's, whose clients wait for the collection:
    # what they have learned of the pace there is not to bind it.
    if (paces := sys.modules.get("meetstream_async._http.pace_key")) is not None:
        paces._shared.clear()
    if next(_ended) % 100 == 0:
        gc.collect()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Look for garbage once at the end, and not five times more as pytest does: seven seconds of the run."""
    gc.collect()
    gc.freeze()


# aioresponses up to 0.7.9 cannot build a response for aiohttp >= 3.14: it does not pass the `stream_writer`
# that ClientResponse requires now, and a body of more than 64 KiB makes its reader pause a transport that it
# does not have. Upstream: https://github.com/pnuckowski/aioresponses/issues/289. Delete this bridge, down to
# the line below it, once the lowest aioresponses version in pyproject.toml has the fix.
# The bridge also stands in for its mocks, each of which takes longer to make than most tests.
_WRITER = (
    {"stream_writer": SimpleNamespace(output_size=0)}
    if "stream_writer" in inspect.signature(ClientResponse.__init__).parameters
    else {}
)


class _BridgedResponse(ClientResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**_WRITER, **kwargs})


class _QuietLoop:
    """The loop of a response, and its ``get_debug``."""

    def __call__(self) -> bool:
        return False

    def is_closed(self) -> bool:
        return True


def _patch_plainly(target: str, *, side_effect: Any, autospec: bool) -> Any:
    async def _request(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await side_effect(self, *args, **kwargs)

    return patch(target, new=_request)


def _roomy_reader(loop: Any = None) -> StreamReader:
    return StreamReader(ResponseHandler(loop=loop), limit=2**26, loop=loop)


aioresponses.core.ClientResponse = _BridgedResponse
aioresponses.core.stream_reader_factory = _roomy_reader
aioresponses.core.Mock = _QuietLoop  # type: ignore[attr-defined,assignment]
aioresponses.core.patch = _patch_plainly  # type: ignore[attr-defined,assignment]
# --- end of the bridge ---------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _no_keys_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads credentials or base URLs of the developer's environment, nor writes state there."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        for name in list(os.environ):
            if name.startswith(("MEETSTREAM_", "MEETBIT_")):
                patched.delenv(name)
        yield


@pytest.fixture
def mocked() -> Iterator[Mocked]:
    """aiohttp with responses from aioresponses: no sockets."""
    with Mocked() as mock:
        yield mock


@pytest.fixture
async def raw_server() -> AsyncIterator[Callable[..., Awaitable[RawServer]]]:
    """``await raw_server(*script)`` starts a scripted server that is closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(*script: Step) -> RawServer:
            return await stack.enter_async_context(RawServer(*script))

        yield start


@pytest.fixture
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that should be gone are looked at again after 0.05 s, as in the programs that tests start."""
    # Here, since the process that only hands out the tests has no need of it.
    from tests.helpers.quick_checks import check_soon

    check_soon(monkeypatch.setattr)
