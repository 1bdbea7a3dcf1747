"""The pace of one key, shared by all clients of this process that use it, and through a store by others."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Iterable
from weakref import WeakKeyDictionary, WeakValueDictionary

from .pace import Pace
from .pace_link import PaceLink
from .pace_store import forget_stores, open_store
from .secrets import Secret


class KeyPace:
    """A pace, and the lock for whoever uses it: clients may live on different threads."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.lock: threading.Lock = threading.Lock()
        self.link: PaceLink | None = None
        """The tie to a store, if there is one."""
        self._bounds: WeakKeyDictionary[object, float | None] = WeakKeyDictionary()

    @property
    def offset(self) -> float:
        """From the loop's time to the pace's."""
        return 0.0 if self.link is None else self.link.offset

    def enter(self, client: object, bound: float | None) -> None:
        """The lowest bound of the clients binds them all."""
        with self.lock:
            self._bounds[client] = bound
            self._bind()

    def leave(self, client: object) -> None:
        with self.lock:
            if self._bounds.pop(client, None) is not None:
                self._bind()

    def _bind(self) -> None:
        lowest = min((bound for bound in self._bounds.values() if bound is not None), default=None)
        bind = self.pace.bound_by if self.link is None else self.link.bind
        bind(lowest)


_Paces = WeakValueDictionary[str, KeyPace]
_shared: _Paces = WeakValueDictionary()
_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Paces] = WeakKeyDictionary()
_lock = threading.Lock()


_left_behind: list[dict[str, KeyPace]] = []
"""Of the process that this one was forked from. Kept: whoever drops a store closes its connection, which is
still that process's own."""


def _begin_anew() -> None:
    """In a process that was forked: whom its clients would wait for is not there."""
    global _lock, _shared, _by_loop
    _left_behind.extend(dict(paces) for paces in (_shared, *_by_loop.values()))
    _lock, _shared, _by_loop = threading.Lock(), WeakValueDictionary(), WeakKeyDictionary()
    forget_stores()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def name_of(origin: str, secrets: Iterable[Secret]) -> str:
    """The name of a key at an origin, from which nobody can tell the key."""
    digest = hashlib.blake2b(origin.encode(), digest_size=16, person=b"pace")
    for secret in secrets:
        digest.update(b"\0" + secret.reveal().encode())
    return digest.hexdigest()


def mark_of(name: str, salt: str) -> str:
    """A mark of the key with this name, which differs with the salt: to notice another key, and no more."""
    return hashlib.blake2b(f"{salt} {name}".encode(), digest_size=8, person=b"mark").hexdigest()


def share(own: KeyPace, name: str, place: str | None, loop: asyncio.AbstractEventLoop, wary: bool) -> KeyPace:
    """The pace of that key: ``own``, unless another client of this process has brought one.

    Loops with a clock of their own share with nobody else.
    """
    real = abs(loop.time() - time.monotonic()) < 60
    with _lock:
        paces = _shared if real else _by_loop.setdefault(loop, WeakValueDictionary())
        key = paces.setdefault(f"{name} {place or ''}", own)
        if key.link is None and place is not None:
            key.link = PaceLink(open_store(place), name, key.pace, wary)
        return key
