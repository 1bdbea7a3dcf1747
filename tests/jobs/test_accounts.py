"""The parts of a job (accounts, their file, options) are checked before anything is stored or sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetstream_async import BotFilter, ConfigurationError
from meetstream_async.jobs import JobAccount, JobEngine, JobOptions, load_accounts
from meetstream_async.jobs.accounts import check_accounts

CANARY = "ms_canary_0123456789abcdef"
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "accounts.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_names_accounts_and_where_their_keys_are(tmp_path: Path) -> None:
    """In its order; a relative key file stands beside it."""
    path = write(
        tmp_path,
        '[accounts.acme]\napi_key_env = "ACME_KEY"\n'
        '[accounts."b & c"]\napi_key_file = "keys/bc"\nbase_url = "https://eu.example.com/v1"\n',
    )
    assert load_accounts(path) == [
        JobAccount("acme", api_key_env="ACME_KEY"),
        JobAccount("b & c", api_key_file=str(tmp_path / "keys" / "bc"), base_url="https://eu.example.com/v1"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f'[accounts.a]\napi_key = "{CANARY}"', r"\[accounts.a\] contains a key: remove it"),
        (f'[accounts.a]\napi_key_env = "{CANARY}"', "api_key_env looks like a key itself"),
        (f'[accounts.a]\napi_key_file = "{CANARY}"', "api_key_file looks like a key itself"),
        (f'[accounts.a]\napi_key_env = "Token {CANARY}"', "api_key_env looks like a key itself"),
        (f'[accounts.a]\napi_key_env = "K"\nx = "{CANARY}"', r"\[accounts.a\] contains a key: remove it"),
        (f'[accounts.a]\napi_key_env = "K"\n{CANARY} = 1', r"\[accounts.a\] contains a key: remove it"),
        (f'[accounts.{CANARY}]\napi_key_env = "K"', "accounts.toml contains a key: remove it"),
        (f'api_key = "{CANARY}"\n[accounts.a]\napi_key_env = "K"', "accounts.toml contains a key: remove it"),
        (
            '[accounts.a]\napi_key_env = "9f86d081884c7d659a2feaa0c55ad015"',
            "is not a valid name|looks like a key itself",
        ),
        ('[accounts.a]\napi_key_env = "f86d081884c7d659a2feaa0c55ad01523"', "looks like a key itself"),
        ('[accounts.a]\napi_key_env = "K"\ncolour = 1', r"\[accounts.a\]: unknown: colour"),
        ('[accounts.a]\napi_key_env = "K"\n[accounts.a]', "a name occurs twice: see line 3"),
        (f"[accounts.a]\napi_key_env = {CANARY}", "is not valid TOML: see line 2"),
        ("[accounts.a]", "'a' needs one of api_key_env.*none is given"),
        ('[accounts.a]\napi_key_env = "K"\napi_key_file = "f"', "api_key_env and api_key_file are given"),
        ('[accounts.a]\napi_key_env = "MY KEY"', "not a valid name of an environment variable"),
        ('[accounts.a]\napi_key_env = ""', "text on one line, not empty"),
        ("[accounts.a]\napi_key_env = 7", "text on one line, not empty"),
        ('[accounts.a]\napi_key_env = "K"\nbase_url = "http://example.com"', "unencrypted"),
        ('[accounts.a]\napi_key_env = "K"\nbase_url = "https://u:p@example.com"', "user or password"),
        ("accounts = 1", "contains no account"),
        ("[accounts]\na = 1", r"\[accounts.a\] must be a table"),
        ("[accounts]", "contains no account"),
        ("", "contains no account"),
        ("[account.a]", "unknown: account"),
        (b"\xff", "it is not UTF-8 text"),
        pytest.param(f"a = {'[' * 100_000}", "it is nested too deeply", id="deep"),
        pytest.param(f"a = {'9' * 5000}", "a number in it is too long", id="long number"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_place_and_without_a_key(
    tmp_path: Path, text: str | bytes, problem: str
) -> None:
    """The message says what to do, and never shows what may be a key."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        load_accounts(write(tmp_path, text))
    assert str(tmp_path / "accounts.toml") in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """It is read as far as the bound, whatever its size."""
    path = write(tmp_path, "")
    with open(path, "r+b") as file:
        file.truncate(2**40)
    with pytest.raises(ConfigurationError, match="larger than 16 MiB"):
        load_accounts(path)


def test_a_file_of_any_editor_is_read(tmp_path: Path) -> None:
    """With a byte order mark, with lines that end in CR LF, with names in any language or made of digits."""
    text = (
        '\ufeff[accounts."Zürich ☃"]\r\napi_key_env = "K"\r\n[accounts.9f86d081884c7d659a2feaa0c55ad015]\r\n'
    )
    path = write(tmp_path, f'{text}api_key_env = "K"\r\n')
    assert [account.name for account in load_accounts(path)] == [
        "Zürich ☃",
        "9f86d081884c7d659a2feaa0c55ad015",
    ]


def test_a_job_takes_so_many_accounts_and_no_more() -> None:
    """One row holds them all."""
    accounts = [JobAccount(f"a{n}", api_key_env="K") for n in range(3)]
    assert check_accounts(iter(accounts)) == accounts
    for given_, problem in (([], "at least one"), (accounts * 2, "occurs twice"), (accounts * 7000, "20000")):
        with pytest.raises(ConfigurationError, match=problem):
            check_accounts(given_)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(ConfigurationError, match=r"none\.toml can't be read: No such file"):
        load_accounts(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": ""}, "an account's name must be"),
        ({"name": "a\nb"}, "an account's name must be"),
        ({"name": CANARY}, "looks like a key"),
        ({"event_ids": "evt_1"}, "event_ids must be an iterable"),
        ({"event_ids": ["evt_1", ""]}, r"account 'a': event_ids\[1\] is empty"),
        ({"event_ids": [1]}, r"event_ids\[0\] is int, not a string"),
        ({"api_key_ref": "vault:1"}, "api_key_env and api_key_ref are given"),
    ],
)
def test_an_account_is_checked_when_it_is_made(given: dict[str, Any], problem: str) -> None:
    """Before a job with it can be stored."""
    with pytest.raises(ConfigurationError, match=problem):
        JobAccount(**{"name": "a", "api_key_env": "KEY", **given})


def test_accounts_and_options_come_back_as_they_were() -> None:
    """to_dict and from_dict are inverse; unknown names are refused."""
    account = JobAccount("a", api_key_ref="vault:7", base_url="https://x.example.com", event_ids=["e1", "e2"])
    assert JobAccount.from_dict(account.to_dict()) == account
    options = JobOptions(
        where=BotFilter(platform="zoom", before=LATER, attributes={"n": 1}),
        cancel_all_occurrences=True,
        from_date=LATER,
        one_off_bots="delete",
        whole_events=True,
        rate_limit=2.5,
    )
    assert JobOptions.from_dict(options.to_dict()) == options
    assert JobOptions.from_dict(JobOptions().to_dict()) == JobOptions()
    for kind, values in ((JobAccount, {"name": "a", "api_key": "x"}), (JobOptions, {"wher": None})):
        with pytest.raises(ConfigurationError, match="unknown"):
            kind.from_dict(values)


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_any_name_and_reference_is_kept_or_refused(name: str, reference: str) -> None:
    """Whatever is typed: an account that comes back as it was, or an error that says what is wrong."""
    try:
        account = JobAccount(name, api_key_ref=reference)
    except ConfigurationError:
        return
    assert JobAccount.from_dict(account.to_dict()) == account


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"where": lambda bot: True}, "where must be a BotFilter in a job"),
        ({"where": BotFilter(attributes={"n": (1, 2)})}, "attributes must be JSON values"),
        ({"where": BotFilter(attributes={"n": float("nan")})}, "attributes must be JSON values"),
        ({"where": BotFilter(name="\ud800*")}, "text Unicode"),
        ({"where": BotFilter(name="\0*")}, "text Unicode"),
        ({"settle": -1}, "settle must be a number of seconds"),
        ({"max_pause": float("inf")}, "max_pause must be a number of seconds"),
        ({"max_concurrency": 0}, "max_concurrency must be an int"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"timeout": 0}, "timeout"),
        ({"one_off_bots": "leave"}, "one_off_bots must be"),
        ({"from_date": LATER}, "from_date needs cancel_all_occurrences"),
        ({"where": BotFilter(platform="zoom"), "cancel_all_occurrences": True}, "whole_events=True"),
    ],
)
def test_options_are_checked_when_they_are_made(given: dict[str, Any], problem: str) -> None:
    """As unschedule_all checks its own, and where they can't be stored."""
    with pytest.raises(ConfigurationError, match=problem):
        JobOptions(**given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"worker_id": ""}, "worker_id must be"),
        ({"worker_id": "two words"}, "worker_id must be"),
        ({"accounts_at_once": 0}, "accounts_at_once must be an int"),
        ({"resolver": "vault"}, "resolver must be a function"),
        ({"grace": -1}, "grace must be a number of seconds"),
    ],
)
def test_an_engine_is_checked_when_it_is_made(given: dict[str, Any], problem: str) -> None:
    """Before it connects to anything."""
    with pytest.raises(ConfigurationError, match=problem):
        JobEngine("sqlite:////nowhere/none.sqlite", **given)


@pytest.mark.parametrize(
    "given", [{"name": " "}, {"base_url": ""}, {"base_url": " "}, {"event_ids": [" "]}], ids=str
)
def test_what_an_unset_variable_leaves_is_refused(given: dict[str, Any]) -> None:
    """A blank name, address or id is none: the public address is not meant by it, nor is any event."""
    with pytest.raises(ConfigurationError):
        JobAccount(**{"name": "acme", "api_key_env": "ACME_KEY", **given})
