"""What the engine knows our workflows by, for those who write them and those who only read them."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

APPLICATION: Final = "meetstream-jobs"
VERSION: Final = "2"
"""Version of the stored steps (not of the package). The engine recovers only workflows of the version it
runs, so a release that reads the same steps the same way must keep it."""
JOB_QUEUE: Final = "meetstream-jobs"
ACCOUNT_QUEUE: Final = "meetstream-accounts"
JOB_WORKFLOW: Final = "meetstream_async.job"
ACCOUNT_WORKFLOW: Final = "meetstream_async.account"
STEPS: Final = ("list", "unschedule", "close")
"""The names of the steps that an account's run stores."""
LONGEST_ID: Final = 100
"""Characters of a worker's id."""
CANCEL: Final = "cancel"
"""Attribute of a job that asks its workers to stop."""


def is_cancelled(attributes: object) -> bool:
    """Whether a job's attributes ask its workers to stop."""
    return isinstance(attributes, dict) and bool(attributes.get(CANCEL))


def account_id(job_id: str, index: int) -> str:
    """The workflow id of a job's account."""
    return f"{job_id}/{index}"


def where_the_key_is(account: Json) -> str:
    """Where the key of an account is found, in words."""
    if account.get("api_key_env") is not None:
        return f"environment variable {account['api_key_env']}"
    if account.get("api_key_file") is not None:
        return f"file {account['api_key_file']}"
    return f"reference {account.get('api_key_ref')}"


def rejected(reference: str) -> str:
    """What to do about a rejected key. ``reference``: where it is found, in words."""
    return f"the key from {reference} was rejected: is it the right one?"


def is_id(value: object) -> bool:
    """Whether it can be the id of a worker."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= LONGEST_ID
        and value.isprintable()
        and not any(char.isspace() for char in value)
    )
