"""A pytest plugin for code that uses meetstream_async: a simulator and clients of it, as fixtures.

Found by pytest itself where meetstream_async is installed. Imports nothing but pytest until a fixture is
used.

- ``meetstream_simulator``: a running :class:`meetstream_async.simulator.Simulator`, in a thread of its own,
  so that async tests, sync tests and tests of a command line use it alike. Its options stand in the marker
  ``@pytest.mark.meetstream_simulator(bots=3, ids="provider")``.
- ``meetstream_client``, ``meetbit_client``: clients of it, closed when the test is over.
- ``meetstream_environment``: the environment variables that point programs to it, set for the test.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from meetstream_async import MeetBitClient, MeetStreamClient
    from meetstream_async.simulator import Simulator

__all__ = ["meetbit_client", "meetstream_client", "meetstream_environment", "meetstream_simulator"]

MARKER = "meetstream_simulator"
_CLIENTS = pytest.StashKey["list[Any]"]()
"""The clients of a test, which are closed on its own loop."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(bots=250, seed=1, ids='event', limit=None, troubles=(), …): the arguments of "
        "meetstream_async.simulator.Simulator for the fixture of this name",
    )


@pytest.fixture
def meetstream_simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A running simulator of MeetStream and MeetBit, new for each test.

    The marker of the same name has its options; one of a function adds to that of its class or module.
    """
    from ._serving import running

    options: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        if marker.args:
            raise pytest.UsageError(f"{MARKER} takes keyword arguments only, such as bots=3")
        options |= marker.kwargs
    with running(**options) as simulator:
        yield simulator


@pytest.fixture
def meetstream_client(
    request: pytest.FixtureRequest, meetstream_simulator: Simulator
) -> Iterator[MeetStreamClient]:
    """A MeetStreamClient of the simulator, which retries without waiting.

    An async test need not close it. A sync test that runs a loop of its own says ``async with`` there.
    """
    from meetstream_async import MeetStreamClient, RetryPolicy

    simulator = meetstream_simulator
    client = MeetStreamClient(
        simulator.api_key, base_url=simulator.base_url, retry=RetryPolicy(initial_wait=0)
    )
    request.node.stash.setdefault(_CLIENTS, []).append(client)
    yield client
    _close(client)


@pytest.fixture
def meetbit_client(
    request: pytest.FixtureRequest, meetstream_simulator: Simulator
) -> Iterator[MeetBitClient]:
    """A MeetBitClient of the simulator, likewise."""
    from meetstream_async import MeetBitClient, RetryPolicy

    simulator = meetstream_simulator
    client = MeetBitClient(
        None,
        simulator.access_key_id,
        simulator.access_key_secret,
        base_url=simulator.meetbit_base_url,
        retry=RetryPolicy(initial_wait=0),
    )
    request.node.stash.setdefault(_CLIENTS, []).append(client)
    yield client
    _close(client)


@pytest.fixture
def meetstream_environment(
    monkeypatch: pytest.MonkeyPatch, meetstream_simulator: Simulator
) -> dict[str, str]:
    """The variables that clients and commands without arguments read, set for this test and its processes.

    Others of ours are removed, so that no key of the developer's is used.
    """
    import os

    for name in list(os.environ):
        if name.startswith(("MEETSTREAM_", "MEETBIT_")):
            monkeypatch.delenv(name)
    variables = meetstream_simulator.environment
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Close the clients of an async test on its own loop, whichever plugin runs it.

    A fixture could not: which loop a test runs on is known to the plugin that runs it alone.
    """
    clients = item.stash.get(_CLIENTS, None)
    if clients and isinstance(item, pytest.Function):
        from ._serving import closing, is_async

        test = item.obj
        if is_async(test):
            item.obj = closing(test, clients)
            try:
                return (yield)
            finally:
                item.obj = test
    return (yield)


def _close(client: MeetStreamClient | MeetBitClient) -> None:
    if not client.closed:
        from ._serving import close_late

        close_late(client)
