"""An account of a job: its name, where the key is found, and the API's address. Never the key itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import asdict, field, frozen

from .. import ClientOptions, ConfigurationError, check_event_id
from .names import where_the_key_is

REFERENCES = ("api_key_env", "api_key_file", "api_key_ref")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEY = re.compile(r"(Token\s+|Bearer\s+)?ms_\S*", re.ASCII)
"""Pattern of MeetStream's keys."""
_RANDOM = re.compile(r"(?=(.*\d){4})(?=.*[a-z])[A-Za-z0-9]{32,}", re.ASCII)
"""Pattern of random strings, which are not plausible as the name of a variable or file."""
_LONGEST_NAME = 200
_MOST = 20_000
"""Maximum accounts per job: a job is one row, read on every status check and deleted in one transaction."""


def is_key(value: object) -> bool:
    """Whether a value has the form of MeetStream's keys."""
    return isinstance(value, str) and _KEY.fullmatch(value.strip()) is not None


def looks_like_key(value: object) -> bool:
    """Whether a value is a key, or as random as one, and was probably put in the wrong place."""
    return is_key(value) or (isinstance(value, str) and _RANDOM.fullmatch(value.strip()) is not None)


def _check_name(instance: JobAccount, attribute: Any, value: str) -> None:
    usable = isinstance(value, str) and value.strip() and value.isprintable()
    if not usable or len(value) > _LONGEST_NAME:
        raise ConfigurationError(
            f"an account's name must be printable text of 1 to {_LONGEST_NAME} characters, not {value!r:.80}"
        )
    if is_key(value):
        raise ConfigurationError("the name of an account looks like a key, but names are stored and shown")


def _ids(value: Iterable[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ConfigurationError("event_ids must be an iterable of event ids")
    return tuple(dict.fromkeys(value))


@frozen
class JobAccount:
    """One account of a job.

    Exactly one reference tells the worker where to find the key just before it is used: the name of an
    environment variable (``api_key_env``), the path of a file on the worker's machine that contains the key
    on one line (``api_key_file``), or a reference that the worker's ``resolver`` understands
    (``api_key_ref``). ``base_url`` defaults to the worker's MEETSTREAM_API_URL, or else to the public
    address. ``event_ids`` are the events to unschedule; without them the account is listed.

    Raises ConfigurationError for invalid values, for a reference that looks like a key, and for an address
    that a key must not be sent to.
    """

    name: str = field(validator=_check_name)
    """What reports and logs call the account."""
    api_key_env: str | None = None
    api_key_file: str | None = None
    api_key_ref: str | None = None
    base_url: str | None = None
    event_ids: tuple[str, ...] | None = field(default=None, converter=_ids)

    def __attrs_post_init__(self) -> None:
        given = [reference for reference in REFERENCES if getattr(self, reference) is not None]
        if len(given) != 1:
            problem = "none is given" if not given else f"{' and '.join(given)} are given"
            raise ConfigurationError(f"account {self.name!r} needs one of {', '.join(REFERENCES)}; {problem}")
        self._check_reference(given[0], getattr(self, given[0]))
        try:
            ClientOptions(base_url=self.base_url)
            for number, event_id in enumerate(self.event_ids or ()):
                check_event_id(event_id, f"event_ids[{number}]")
        except ConfigurationError as error:
            raise ConfigurationError(f"account {self.name!r}: {error}") from None

    def _check_reference(self, name: str, value: object) -> None:
        where = f"account {self.name!r}: {name}"
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            # Do not show the value: it may be a key.
            raise ConfigurationError(f"{where} must be text on one line, not empty")
        # A resolver's own references may look random.
        if is_key(value) or (name != "api_key_ref" and looks_like_key(value)):
            raise ConfigurationError(
                f"{where} looks like a key itself; say where the key is found instead: jobs do not store keys"
            )
        if name == "api_key_env" and not _VARIABLE.fullmatch(value):
            raise ConfigurationError(f"{where} is not a valid name of an environment variable")

    @property
    def reference(self) -> str:
        """Where the key is found, as text."""
        return where_the_key_is(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """What is set, as JSON values."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        if self.event_ids is not None:
            given["event_ids"] = list(self.event_ids)
        return given

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> JobAccount:
        """The inverse of ``to_dict``. Raises ConfigurationError for unknown names."""
        unknown = values.keys() - {"name", *REFERENCES, "base_url", "event_ids"}
        if unknown:
            raise ConfigurationError(f"unknown in an account: {', '.join(sorted(map(str, unknown)))}")
        if "name" not in values:
            raise ConfigurationError("an account needs a name")
        return cls(**values)


def check_accounts(accounts: Iterable[JobAccount]) -> list[JobAccount]:
    """A job's accounts as a list. Raises ConfigurationError if it is empty, too long, or repeats a name."""
    listed = list(accounts)
    if not listed:
        raise ConfigurationError("a job needs at least one account")
    if len(listed) > _MOST:
        raise ConfigurationError(
            f"a job can have at most {_MOST} accounts, not {len(listed)}: submit several jobs"
        )
    names: set[str] = set()
    for account in listed:
        if not isinstance(account, JobAccount):
            raise ConfigurationError(f"accounts must be JobAccounts, not {type(account).__name__}")
        if account.name in names:
            raise ConfigurationError(f"account {account.name!r} occurs twice")
        names.add(account.name)
    return listed
