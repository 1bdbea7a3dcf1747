"""A MeetBit on a clock that jumps: answers, arrivals, and how evenly they are spaced."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from aioresponses import CallbackResult

from meetstream_async import MeetBitClient, RetryPolicy
from tests.helpers.clock import now
from tests.helpers.meetbit import KEYS

EXACT = 1e-6
"""The float error that adding up intervals may bring."""
TOLERANCE = 0.005
"""By which neither a clock nor a socket is exact; the simulator's own, too."""
HUSH = {"RateLimit-Remaining": "1"}
"""With it no good answer says that the limit is used up, so that a 429 comes."""


def client(**options):
    """A client whose retries have no jitter."""
    return MeetBitClient("acme.example.com", **{**KEYS, "retry": RetryPolicy(initial_wait=0), **options})


def answering(mocked, answer):
    """Let ``answer(number)`` say what the request of that number gets; returns the times of arrival."""
    arrivals = []

    def callback(url, **_):
        arrivals.append(now())
        return answer(len(arrivals) - 1)

    mocked.post(re.compile(""), callback=callback, repeat=True)
    return arrivals


def good(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return CallbackResult(payload={"data": {"id": 1}}, headers=named)


def refusal(status=429, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return CallbackResult(status=status, body="Too many requests.", headers=named, content_type="text/plain")


def targets(count):
    return [(1, number) for number in range(1, count + 1)]


def gaps(arrivals):
    return [after - before for before, after in pairwise(arrivals)]


def assert_spaced(arrivals, seconds):
    """Evenly, never closer than that, and hardly further apart."""
    assert gaps(arrivals) == pytest.approx([gaps(arrivals)[0]] * (len(arrivals) - 1))
    assert seconds - EXACT <= gaps(arrivals)[0] <= 1.1 * seconds


def fullest_second(arrivals):
    """The most requests in any one-second window that begins with one."""
    return max(sum(start <= other < start + 1 - TOLERANCE for other in arrivals) for start in arrivals)
