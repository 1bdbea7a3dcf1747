"""`doctor`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.command_line import CANARY, command
from tests.helpers.raw_server import unused_port


async def test_the_doctor_prints_its_checks_and_one_last_sentence() -> None:
    """All of it is the result; nothing else is said where all is well."""
    async with Simulator(12) as sim:
        ended = await command("doctor", sim=sim)
        assert {record.method for record in sim.requests} == {"GET"}
    lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (0, "")
    assert [line.split("  ")[0] for line in lines[1:11]] == [
        "configuration", "reach", "key", "clock", "rows", "ids", "events", "join", "comes back", "limits",
    ]  # fmt: skip
    assert lines[12].startswith("Bots are listed at /calendar/scheduled with MeetStream's own event ids")
    assert len(lines) == 13


async def test_the_doctor_prints_one_document() -> None:
    """`--json` is the diagnosis alone."""
    async with Simulator(12, ids="provider") as sim:
        ended = await command("doctor", "--json", sim=sim)
    document = json.loads(ended.out)
    assert (ended.code, document["ok"], document["ids"], document["requests"]) == (0, True, "provider", 3)
    assert {check["status"] for check in document["checks"]} == {"ok"}


async def test_the_doctors_exit_codes() -> None:
    """0 well or with a warning, 1 a failure or a warning under --strict, 2 configuration, 3 the key."""
    async with Simulator(0) as sim:
        assert (await command("doctor", sim=sim)).code == 0
        strict = await command("doctor", "--strict", sim=sim)
        assert (strict.code, strict.err) == (1, "not ok: with --strict, a warning counts as a failure\n")
        rejected = await command("doctor", sim=sim, MEETSTREAM_API_KEY=CANARY)
        assert rejected.code == 3
        assert "hint: the key from MEETSTREAM_API_KEY was rejected by http://127.0.0.1" in rejected.err
        misspelt = await command("doctor", sim=sim, MEETSTREAM_API_URL="https://api.meestream.ai/api/v1")
        assert (misspelt.code, "is misspelt" in misspelt.out) == (2, True)
        away = await command("doctor", sim=sim, MEETSTREAM_API_URL=f"http://127.0.0.1:{unused_port()}")
        assert (away.code, "could not connect" in away.out) == (1, True)
        sim.add_trouble(Trouble("list", 403, html=True))
        refused = await command("doctor", sim=sim)
        assert (refused.code, "says nothing about the key" in refused.out) == (1, True)
    missing = await command("doctor")
    assert (missing.code, "MEETSTREAM_API_KEY is not set" in missing.err) == (2, True)


@pytest.mark.parametrize("options", [[], ["--json"]])
async def test_the_doctor_of_meetbit(options: list[str], tmp_path: Path) -> None:
    """`--meetbit` takes the access keys, and says that they are not checked."""
    async with Simulator(3) as sim:
        file = tmp_path / "keys"
        file.write_text(f"{sim.access_key_id}\n{sim.access_key_secret}\n")
        file.chmod(0o600)
        ended = await command("doctor", "--meetbit", "--access-keys-file", file, *options, sim=sim)
        assert len(sim.requests) == 1
    assert (ended.code, "not checked" in ended.out, sim.access_key_secret in ended.out) == (0, True, False)
