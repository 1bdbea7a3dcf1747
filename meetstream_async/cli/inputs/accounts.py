"""The account that a command works on: its credentials, from the environment or a file, and its address."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import evolve, field, frozen
from platformdirs import user_state_path

from ... import (
    ApiError,
    ConfigurationError,
    MeetBitClient,
    MeetStreamClient,
    MeetStreamError,
    RateLimitError,
    TransportError,
)
from ..exit_codes import ExitCode, Failed, Refused, code_of
from ..terminal.display import traces
from ..terminal.output import clean, say

KEY_VARIABLE = "MEETSTREAM_API_KEY"
ACCESS_VARIABLES = ("MEETBIT_ACCESS_KEY_ID", "MEETBIT_ACCESS_KEY_SECRET")
_MOST_BYTES = 65_536

C = TypeVar("C", MeetStreamClient, MeetBitClient)


@frozen
class Account(Generic[C]):
    """One API, with the credentials and address that a command uses."""

    client: Callable[[], C] = field(repr=False)
    """Creates a client, for one event loop."""
    base_url: str
    key_source: str
    """The variable or file that the key was read from."""
    url_variable: str
    arguments: Mapping[str, Any] = field(factory=dict, repr=False)
    """The arguments of the client, for code that creates its own."""

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Turn an error of the library into Failed, which says what happened and what to do about it."""
        try:
            yield
        except MeetStreamError as error:
            raise Failed(self.explain(error), code_of(error)) from None

    def explain(self, error: MeetStreamError) -> str:
        """The error and what to do about it, on one line."""
        text = clean(error, 1000)
        if code_of(error) is ExitCode.DENIED:
            return f"{text}; {self.rejected()}"
        if isinstance(error, ApiError) and error.refused_in_front:
            return f"{text}; {self.refused()}"
        if isinstance(error, TransportError) and not error.permanent:
            return f"{text}; {self.unreachable(error)}"
        if isinstance(error, RateLimitError):
            return f"{text}; try again later"
        return text

    def hint(self, errors: list[MeetStreamError]) -> str | None:
        """What to do about errors that do not concern a single event, if there are any."""
        if any(isinstance(error, ApiError) and error.key_rejected for error in errors):
            return self.rejected()
        if any(isinstance(error, ApiError) and error.refused_in_front for error in errors):
            return self.refused()
        for error in errors:
            if isinstance(error, TransportError) and not error.permanent:
                return self.unreachable(error)
        return None

    def rejected(self) -> str:
        return f"the key from {self.key_source} was rejected by {clean(self.base_url)}: is it the right one?"

    def refused(self) -> str:
        """For a 401 or 403 that is not the API's word on the key."""
        return (
            f"something in front of {clean(self.base_url)} refused (a firewall, a proxy or a CDN): "
            "this says nothing about the key"
        )

    def unreachable(self, error: TransportError) -> str:
        if " the proxy " in str(error) and " refused " not in str(error):
            return "is the proxy right? It comes from HTTPS_PROXY or the system's settings"
        return f"is {self.url_variable} right? The address is {clean(self.base_url)}"


def meetstream_account(
    key_file: Path | None, *, timeout: float = 30.0, rate: float | None = None
) -> Account[MeetStreamClient]:
    """The MeetStream account. Raises Refused if the key is missing or invalid."""
    key: str | None = None
    if key_file is not None:
        (key,) = _read_lines(key_file, ("the key",))
    elif not os.environ.get(KEY_VARIABLE):
        raise Refused(
            f"{KEY_VARIABLE} is not set: put your key there or into a file for --api-key-file, "
            "or try `meetstream-async demo`, which needs no key"
        )

    arguments: dict[str, Any] = {
        "api_key": key,
        "timeout": timeout,
        "rate_limit": rate,
        "trust_env": True,
        "trace_configs": traces(),
        "pace_store": _pace_store("MEETSTREAM_PACE_STORE"),
    }

    def client() -> MeetStreamClient:
        return MeetStreamClient(**arguments)

    return evolve(_account(client, key_file, KEY_VARIABLE, "MEETSTREAM_API_URL"), arguments=arguments)


def meetbit_account(
    keys_file: Path | None, *, timeout: float = 30.0, rate: float | None = None
) -> Account[MeetBitClient]:
    """The MeetBit account. Raises Refused if the access keys are missing or invalid."""
    key_id: str | None = None
    secret: str | None = None
    if keys_file is not None:
        key_id, secret = _read_lines(keys_file, ("the access key id", "the access key secret"))
    elif missing := [name for name in ACCESS_VARIABLES if not os.environ.get(name)]:
        raise Refused(
            f"{missing[0]} is not set: put your access keys into {' and '.join(ACCESS_VARIABLES)}, "
            "or into a file of two lines for --access-keys-file"
        )

    def client() -> MeetBitClient:
        return MeetBitClient(
            access_key_id=key_id,
            access_key_secret=secret,
            timeout=timeout,
            rate_limit=5.0 if rate is None else rate,
            trust_env=True,
            trace_configs=traces(),
            pace_store=_pace_store("MEETBIT_PACE_STORE"),
        )

    address = "MEETBIT_API_URL" if os.environ.get("MEETBIT_API_URL") else "MEETBIT_PRIMARY_DOMAIN"
    return _account(client, keys_file, " and ".join(ACCESS_VARIABLES), address)


def _pace_store(variable: str) -> Path | None:
    """Where all commands of this user share the pace of a key, unless the environment names a store."""
    return None if os.environ.get(variable) else user_state_path("meetstream-async") / "pace.sqlite"


def _account(client: Callable[[], C], file: Path | None, variables: str, url_variable: str) -> Account[C]:
    source = variables if file is None else clean(file)
    try:
        first = [client()]
        base_url: str = first[0].base_url
    except ConfigurationError as error:
        # The library's message names its own arguments, which the operator has never seen.
        where = "" if file is None else f" (in {source})"
        raise Refused(f"{clean(error, 1000)}{where}") from None
    # The first one, which has shown that its arguments are fine, is the first to be used.
    return Account(lambda: first.pop() if first else client(), base_url, source, url_variable)


def _read_lines(path: Path, names: tuple[str, ...]) -> list[str]:
    """The lines of a key file, one for each name. Warns if other users may read the file."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise Refused(f"the key file {clean(path)} can't be read: {os.strerror(error.errno or 0)}") from None
    except UnicodeDecodeError:
        raise Refused(f"the key file {clean(path)} is not text") from None
    # A file that is cut off must not pass for one that holds less.
    lines = [line.strip() for line in text.splitlines()] if len(data) <= _MOST_BYTES else []
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) != len(names) or not all(lines):
        wanted = " and ".join(f"{name} on one line" for name in names)
        raise Refused(f"the key file {clean(path)} must contain {wanted}, and nothing else")
    if stat.S_ISREG(mode) and mode & 0o077:
        say(
            ("warning:", "yellow"),
            f" other users can read the key file {clean(path)}: chmod 600 {clean(path)}",
        )
    return lines
