"""All checks together, and the one sentence that they come to. Pure."""

from __future__ import annotations

from . import _account_checks as account_checks
from . import _connection_checks as connection_checks
from ._account_checks import Account
from ._facts import Facts
from ._words import count
from .diagnosis import Check, CheckStatus, Diagnosis

_SHOWN = {
    "event": "with MeetStream's own event ids",
    "provider": "with the calendar provider's event ids",
    "none": "without event ids",
    "mixed": "with event ids of several kinds",
}


def judge(facts: Facts, *, strict: bool = False) -> Diagnosis:
    """What these facts come to. ``strict``: a warning makes it not ok."""
    account = None if facts.listing is None else Account.of(facts, facts.listing)
    checks = [
        connection_checks.configuration(facts),
        connection_checks.reach(facts),
        connection_checks.key(facts),
        connection_checks.clock(facts),
    ]
    if facts.api == "MeetStream":
        checks += [
            account_checks.rows(account),
            account_checks.ids(account),
            account_checks.events(facts, account),
            account_checks.join(facts, account),
            account_checks.comes_back(facts, account),
            connection_checks.limits(facts),
        ]
    bad = {CheckStatus.FAIL, CheckStatus.WARN} if strict else {CheckStatus.FAIL}
    return Diagnosis(
        checks=tuple(checks),
        ids="unknown" if account is None else account.ids,
        verdict=_verdict(facts, checks, account),
        ok=not any(check.status in bad for check in checks),
        requests=sum(one.was_sent for one in facts.asked),
        key_rejected=connection_checks.key_is_rejected(facts),
    )


def _verdict(facts: Facts, checks: list[Check], account: Account | None) -> str:
    failed = next((check for check in checks if check.status is CheckStatus.FAIL), None)
    if failed is not None:
        return f"Nothing can be cancelled like this: {failed.detail.rstrip('.')}" + "." * (
            failed.detail[-1] not in "?…"
        )
    if facts.api == "MeetBit":
        return (
            "MeetBit's address answers; whether its keys are accepted is not known before the first cancel."
        )
    if account is None:
        return "Nothing is known of the account: no listing came in time."
    path = facts.listings[-1].path
    plan, total = account.plan, len(account.calendar_bots)
    if not plan.waiting:
        return f"Bots are listed at {path}, but none is scheduled, so the ids of this account are unknown."
    if not total:
        alone = count(len(plan.waiting), "one-off bot")
        return (
            f"Bots are listed at {path}, but there is only {alone}, so the ids of this account are unknown."
        )
    shown = _SHOWN[account.ids]
    share = f"the events know {account.known} of {count(total, 'calendar bot')}"
    if not any(page.value is not None for page in facts.pages):
        share = "no events can be read"
    return f"Bots are listed at {path} {shown}, and {share}: {_way(account)}."


def _way(account: Account) -> str:
    """How cancels will go."""
    plan = account.plan
    parts = []
    if plan.by_event:
        parts.append(f"{count(plan.by_event, 'bot')} by {_their(plan.by_event, 'event')}")
    if plan.by_bot:
        parts.append(f"{count(plan.by_bot, 'bot')} by {_their(plan.by_bot, 'own id')}")
    text = "a run cancels " + "at least " * account.page.truncated + (" and ".join(parts) or "nothing")
    if plan.one_off:
        text += f", and leaves {count(plan.one_off, 'one-off bot')} alone"
    if account.page.truncated:
        text += ", and goes on beyond the full listing"
    return text


def _their(number: int, noun: str) -> str:
    return f"its {noun}" if number == 1 else f"their {noun}s"
