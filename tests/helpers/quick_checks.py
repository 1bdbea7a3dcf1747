"""Rows that should be gone are looked at again after 0.05 s, and then doubling, in place of 0.5 s."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from meetstream_async.bulk import _account, _account_checks, _account_events, _restore_run, _verification
from meetstream_async.bulk._patience import Patience

QUICK = 0.05


def check_soon(replace: Callable[[Any, str, Any], object] = setattr) -> None:
    """``replace`` puts a value in the place of another, of a module's name."""
    for module in (_account_events, _account_checks, _verification):
        replace(module, "FIRST_CHECK", QUICK)
    for module in (_account, _account_checks, _restore_run):
        replace(module, "Patience", partial(Patience, pause=QUICK))
