"""The command `doctor`: a first look at an account."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ... import CheckStatus, Diagnosis, MeetBitClient, MeetStreamClient, diagnose
from ..exit_codes import ExitCode
from ..inputs.accounts import Account, meetbit_account, meetstream_account
from ..inputs.groups import grouped
from ..inputs.options import AccessKeysFile, ApiKeyFile
from ..inputs.plain import Json
from ..runs.process import execute, run_async
from ..terminal.output import clean, print_json, say, show, table
from ..terminal.waiting import Waiting

_COLOURS = {
    CheckStatus.OK: "green",
    CheckStatus.WARN: "yellow",
    CheckStatus.FAIL: "bold red",
    CheckStatus.SKIPPED: "dim",
}


@grouped
def doctor(
    as_json: Json = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for a warning as well.")] = False,
    meetbit: Annotated[
        bool,
        typer.Option("--meetbit", help="Look at MeetBit's address instead; its keys can't be checked."),
    ] = False,
    api_key_file: ApiKeyFile = None,
    access_keys_file: AccessKeysFile = None,
) -> None:
    """Check an account before the first run.

    Says what works, which ids the account shows, and how cancels will go. Changes nothing: at most seven
    GETs, one after the other, in ten seconds at most. Shows neither keys nor personal data.

    \b
    Examples:
      meetstream-async doctor
      meetstream-async doctor --json --strict | jq -r .verdict
    """
    execute(
        lambda: _examine(
            meetbit_account(access_keys_file) if meetbit else meetstream_account(api_key_file),
            as_json,
            strict,
        )
    )


def _examine(
    account: Account[MeetStreamClient] | Account[MeetBitClient], as_json: bool, strict: bool
) -> ExitCode:
    async def check(_: asyncio.Event) -> Diagnosis:
        async with Waiting("the answers"), account.client() as client:
            return await diagnose(client, strict=strict)

    with account.explaining():
        found = run_async(check)
    if as_json:
        print_json(found.to_dict())
    else:
        show(_table(found), results=True)
        show("", results=True)
        show(Text(clean(found.verdict, 1000), "bold" if found.ok else "bold red"), results=True)
    if found.key_rejected:
        say(("hint:", "yellow"), f" {account.rejected()}")
    elif strict and not found.ok and all(check.status is not CheckStatus.FAIL for check in found.checks):
        say("not ok: with --strict, a warning counts as a failure")
    return _code(found)


def _table(found: Diagnosis) -> Table:
    grid = table("CHECK", "", "WHAT WAS FOUND")
    for check in found.checks:
        grid.add_row(
            Text(check.name),
            Text(check.status.value, _COLOURS[check.status]),
            Text(clean(check.detail, 1000)),
        )
    return grid


def _code(found: Diagnosis) -> ExitCode:
    if found.ok:
        return ExitCode.OK
    if found.key_rejected:
        return ExitCode.DENIED
    if found.check("configuration").status is CheckStatus.FAIL:
        return ExitCode.USAGE
    return ExitCode.NOT_OK
