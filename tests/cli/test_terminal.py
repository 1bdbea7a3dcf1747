"""`unschedule-all` on a terminal: consent, the bar, and Ctrl-C at the prompt."""

import asyncio
import logging

from meetstream_async import MeetStreamClient
from meetstream_async.cli.terminal.progress import Board
from meetstream_async.simulator import SimulatedBot, Simulator
from tests.helpers.command_line import Terminal, deletes, surroundings


async def test_the_right_words_are_consent() -> None:
    """On a terminal the run begins when its size has been typed, or `all` where the listing was full."""
    await asyncio.gather(agree(20, "unschedule 20"), agree(250, "unschedule all"))


async def agree(bots: int, words: str) -> None:
    async with (
        Simulator(bots, one_off=0, several=0) as sim,
        Terminal("unschedule-all", environment=surroundings(sim)) as terminal,
    ):
        await terminal.shows(f"Type {words} to continue")
        assert not deletes(sim)
        terminal.type(words)
        ended = await terminal.ended()
        await terminal.shows("ok: everything you asked for was done")
        assert ended.code == 0
        assert not sim.ledger.scheduled_bots
        assert f"{bots}/{bots}" in terminal.text
        assert max(map(len, terminal.text.replace("\r", "\n").splitlines())) <= 80


async def test_other_words_are_no_consent() -> None:
    """Anything but the words asked for ends with 2, and no DELETE was sent."""
    await asyncio.gather(*map(disagree, ["yes", "unschedule 19", "unschedule all", ""]))


async def disagree(words: str) -> None:
    async with (
        Simulator(20, one_off=0, several=0) as sim,
        Terminal("unschedule-all", environment=surroundings(sim)) as terminal,
    ):
        await terminal.shows("Type unschedule 20 to continue")
        terminal.type(words)
        ended = await terminal.ended()
        await terminal.shows("error: not confirmed; nothing was unscheduled")
        assert ended.code == 2
        assert not deletes(sim)


async def test_deleted_one_off_bots_count_in_the_consent() -> None:
    """With --one-off-bots delete the number to type includes the bots without an event."""
    bots = [SimulatedBot("bot-a", "evt_a"), SimulatedBot("bot-alone")]
    async with (
        Simulator(bots) as sim,
        Terminal("unschedule-all", "--one-off-bots", "delete", environment=surroundings(sim)) as terminal,
    ):
        await terminal.shows("Type unschedule 2 to continue")
        terminal.type("unschedule 2")
        assert (await terminal.ended()).code == 0
        assert not sim.ledger.scheduled_bots


async def test_consent_binds_to_what_was_shown() -> None:
    """A bot that is scheduled while the human reads was not agreed to: it stays, and is mentioned."""
    async with (
        Simulator(5, one_off=0, several=0) as sim,
        Terminal("unschedule-all", environment=surroundings(sim)) as terminal,
    ):
        await terminal.shows("Type unschedule 5 to continue")
        sim.add_bot(SimulatedBot("bot-late", "evt_late"))
        terminal.type("unschedule 5")
        ended = await terminal.ended()
        await terminal.shows("note: 1 bot was scheduled after the preview")
        assert ended.code == 0
        assert sim.ledger.scheduled_bots == {"bot-late"}
        assert sim.ledger.delete_requests("evt_late") == 0


async def test_what_others_unscheduled_meanwhile_is_counted() -> None:
    """A previewed event that somebody else unscheduled while the human read is reported, as done."""
    async with (
        Simulator(5, one_off=0, several=0) as sim,
        MeetStreamClient(sim.api_key, base_url=sim.base_url) as other,
        Terminal("unschedule-all", "--json", environment=surroundings(sim)) as terminal,
    ):
        await terminal.shows("Type unschedule 5 to continue")
        await other.unschedule_event(min(sim.ledger.events))
        terminal.type("unschedule 5")
        ended = await terminal.ended()
        await terminal.shows('"already_unscheduled": 1')
        assert '"unscheduled": 4' in terminal.text
        assert ended.code == 0
        assert not sim.ledger.scheduled_bots


async def test_ctrl_c_at_the_prompt_changes_nothing() -> None:
    """Ctrl-C at the prompt exits with 130, and no DELETE was sent."""
    async with (
        Simulator(5) as sim,
        Terminal("unschedule-all", environment=surroundings(sim)) as terminal,
    ):
        await terminal.shows("to continue")
        terminal.interrupt()
        ended = await terminal.ended()
        assert ended.code == 130
        await terminal.shows("interrupted")
        assert not deletes(sim)


async def test_with_nothing_to_do_nobody_is_asked() -> None:
    """An empty account needs no consent."""
    async with (
        Simulator(0) as sim,
        Terminal("unschedule-all", environment=surroundings(sim)) as terminal,
    ):
        assert (await terminal.ended()).code == 0
        assert "Type" not in terminal.text


async def test_in_a_build_there_is_no_bar() -> None:
    """With CI set, a terminal gets plain lines and no moving bar."""
    async with (
        Simulator(5, one_off=0) as sim,
        Terminal("unschedule-all", "--yes", environment=surroundings(sim, CI="true")) as terminal,
    ):
        assert (await terminal.ended()).code == 0
        await terminal.shows("ok: everything you asked for was done")
        assert "━" not in terminal.text
        assert "\x1b[2K" not in terminal.raw


async def test_the_pace_that_was_found_is_told() -> None:
    """The plain progress line and the bar say at how many requests a second the run goes on."""
    log = logging.getLogger("meetstream_async.http")
    async with Board(10) as board:
        log.info("finding the pace", extra={"meetstream_event": "pace", "meetstream_rate": 48.2})
        assert board._pace == ", finding the pace: 48/s"
        log.info("finding the pace", extra={"meetstream_event": "pace", "meetstream_rate": 2.53})
        assert board._pace == ", finding the pace: 2.5/s"
