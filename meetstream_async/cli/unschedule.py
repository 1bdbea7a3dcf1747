"""The commands `unschedule` and `unschedule-all`."""

from __future__ import annotations

from .given import run_given
from .inputs import check_ids, read_ids
from .journal import opened
from .keys import meetstream_account
from .listed import run_listed
from .retry import read_leftovers
from .run import ExitCode, Refused
from .unscheduling import Unscheduling, read


def unschedule(typed: Unscheduling) -> ExitCode:
    """Read what was asked for, and do it."""
    asked = read(typed)
    choices = typed.choices
    ids: tuple[str, ...] = check_ids((f"event id {n}", text) for n, text in enumerate(typed.ids, 1))
    if typed.events is not None:
        ids = read_ids(typed.events)
    account = meetstream_account(typed.api_key_file, timeout=choices.timeout, rate=choices.rate)
    leftovers = None
    if typed.retry_from is not None:
        leftovers = read_leftovers(typed.retry_from, api="meetstream", base_url=account.base_url)
        if bool(leftovers.options.get("all_occurrences")) != typed.all_occurrences:
            has = "with" if leftovers.options.get("all_occurrences") else "without"
            raise Refused(f"that run was one {has} --all-occurrences; retry it {has}; nothing was sent")
    with opened(choices.report) as journal:
        if leftovers is not None:
            return run_given(asked, account, journal, leftovers.targets, leftovers)
        if ids:
            return run_given(asked, account, journal, list(ids))
        return run_listed(asked, account, journal)
