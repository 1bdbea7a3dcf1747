"""What a job would do, counted for each account as a run would see it; nothing is stored or changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from attrs import frozen

from .. import MeetStreamClient, MeetStreamError, OutcomeStatus, SkipReason
from ..preview import Selection, make_preview
from .accounts import JobAccount, check_accounts
from .credentials import Resolver, resolve
from .options import JobOptions
from .steps import describe


@frozen
class AccountPreview:
    """What a job would do in one account, according to one listing and, where they matter, its events."""

    account: str
    """The account's name."""
    reference: str
    """Where the key is found, in words."""
    to_do: int = 0
    """Number of events, and of bots without one, that would be unscheduled."""
    events: int = 0
    """Of these, the events."""
    bots: int = 0
    """The bots that the listing shows."""
    left_alone: int = 0
    """Number of events and bots that were asked for and would be left alone, and join."""
    undecided: int = 0
    """Number of bots behind a full listing that only a later listing can judge, for want of attributes."""
    full: bool = False
    """The listing is full: there may be more of everything."""
    reason: str | None = None
    """Why the account could not be listed, or why the filter selects none of its bots."""
    failed: bool = False
    """The account could not be listed."""


async def preview_job(
    accounts: Iterable[JobAccount],
    options: JobOptions | None = None,
    *,
    resolver: Resolver | None = None,
    accounts_at_once: int = 20,
) -> tuple[AccountPreview, ...]:
    """List each account of a job, and count what the job would do there. Sends only GETs; stores nothing.

    options: those of the job. Accounts that can't be listed have a ``reason``; for those with ``event_ids``
        nothing is listed.
    resolver: as for ``JobEngine``, for keys that are references.
    accounts_at_once: how many accounts are listed at a time.

    Raises ConfigurationError for invalid accounts.
    """
    options = options or JobOptions()
    slots = asyncio.Semaphore(accounts_at_once)

    async def one(account: JobAccount) -> AccountPreview:
        async with slots:
            return await _preview(account, options, resolver)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(account)) for account in check_accounts(accounts)]
    return tuple(task.result() for task in tasks)


async def _preview(account: JobAccount, options: JobOptions, resolver: Resolver | None) -> AccountPreview:
    name, reference = account.name, account.reference
    if account.event_ids is not None:
        count = len(account.event_ids)
        return AccountPreview(name, reference, to_do=count, events=count)
    try:
        key = await resolve(account, resolver)
        async with MeetStreamClient(
            key,
            base_url=account.base_url,
            timeout=options.timeout,
            rate_limit=options.rate_limit,
            trust_env=True,
        ) as client:
            preview = await make_preview(
                client,
                reference,
                options.one_off_bots,
                None if options.where is None else Selection(options.where),
                options.whole_events,
                cancel_by=options.cancel_by,
                cancel_all_occurrences=options.cancel_all_occurrences,
                from_date=options.from_date,
            )
    except MeetStreamError as error:
        return AccountPreview(name, reference, reason=describe(error, reference), failed=True)
    left = [one for one in preview.forecast if one.status is OutcomeStatus.SKIPPED and _will_join(one.reason)]
    return AccountPreview(
        name,
        reference,
        to_do=preview.to_do,
        events=len(preview.events),
        bots=len(preview.listed),
        left_alone=len(left),
        undecided=preview.undecided,
        full=preview.truncated or bool(preview.rejected),
        reason=preview.why_none,
    )


def _will_join(reason: str | None) -> bool:
    return any(reason == one and one.will_join for one in SkipReason)
