"""Read accounts from a TOML file that says where each key is found."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import ConfigurationError
from .accounts import REFERENCES, JobAccount, is_key, looks_like_key

_MOST_BYTES = 16 * 2**20
"""More than the largest job's accounts take."""
_KNOWN = {*REFERENCES, "base_url"}


def load_accounts(path: str | Path) -> list[JobAccount]:
    """The accounts of a TOML file, one table ``[accounts.NAME]`` each.

    A table has ``api_key_env = "VARIABLE"`` or ``api_key_file = "path"`` (relative paths start at the file's
    folder), and optionally ``base_url``. Raises ConfigurationError, naming the place in the file, if the file
    can't be read, contains a key itself, or has an unknown table or name.
    """
    path = Path(path)
    document = _document(path, _text(path))
    tables = document.pop("accounts", None)
    _refuse_keys(str(path), document)
    if document:
        raise ConfigurationError(
            f"{path}: unknown: {_names(document)}; write a table [accounts.NAME] for each account"
        )
    if not isinstance(tables, dict) or not tables:
        raise ConfigurationError(f"{path} contains no account: add a table [accounts.NAME] for each")
    return [_account(path, name, table) for name, table in tables.items()]


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        # Some editors write a byte order mark, which TOML does not allow.
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not valid TOML: it is not UTF-8 text") from None
    if len(data) > _MOST_BYTES:
        raise ConfigurationError(f"{path} is larger than {_MOST_BYTES // 2**20} MiB: too large for accounts")
    return text


def _document(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = _problem(error)
    except RecursionError:
        problem = "it is nested too deeply"
    except ValueError:
        # Python refuses integers of more than some thousand digits.
        problem = "a number in it is too long"
    raise ConfigurationError(f"{path} is not valid TOML: {problem}")


def _account(path: Path, name: str, table: object) -> JobAccount:
    if is_key(name):
        _refuse_keys(str(path), {"api_key": name})
    where = f"{path}: [accounts.{name}]"
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where} must be a table with api_key_env or api_key_file")
    unknown = {key: value for key, value in table.items() if key not in _KNOWN}
    _refuse_keys(where, unknown)
    if unknown:
        raise ConfigurationError(
            f"{where}: unknown: {_names(unknown)}; it takes api_key_env or api_key_file, base_url"
        )
    given = dict(table)
    file = given.get("api_key_file")
    if isinstance(file, str) and file.strip() and not looks_like_key(file):
        given["api_key_file"] = str((path.parent / file).absolute())
    try:
        return JobAccount(name=name, **given)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _refuse_keys(where: str, unknown: Mapping[str, Any]) -> None:
    for name, value in unknown.items():
        if name == "api_key" or looks_like_key(name) or looks_like_key(value):
            raise ConfigurationError(
                f"{where} contains a key: remove it, since this file and jobs hold no keys; put it into "
                'an environment variable and write api_key_env = "VARIABLE", or into a file and write '
                'api_key_file = "path"'
            )


def _names(unknown: Mapping[str, Any]) -> str:
    return ", ".join(sorted(unknown))


def _problem(error: tomllib.TOMLDecodeError) -> str:
    # The error's text quotes the file's content, which may be a key.
    text = str(error)
    found = re.search(r"at (line \d+, column \d+|end of document)", text)
    place = f"see {found[1]}" if found else "it can't be read"
    twice = text.startswith(("Cannot declare", "Cannot overwrite"))
    return f"a name occurs twice: {place}" if twice else place
