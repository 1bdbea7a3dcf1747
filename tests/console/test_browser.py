"""The console as its user sees it, in a Chromium, and what the simulator's ledger says of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.async_api", reason="the extra `browser` is not installed")

import axe_playwright_python  # noqa: E402
from aiohttp import web  # noqa: E402

from meetstream_async.preview import NamedEvents  # noqa: E402
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble  # noqa: E402
from tests.helpers.browser import Seen, browsing  # noqa: E402

pytestmark = pytest.mark.browser
expect = playwright.expect
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


WAYS_IN = """async (address) => {
    const tries = {};
    const attempt = async (name, act) => {
        try { tries[name] = await act() } catch (error) { tries[name] = 'refused' }
    };
    const all = { credentials: 'include' };
    const blind = { ...all, mode: 'no-cors' };
    const plain = { 'Content-Type': 'text/plain' };
    const post = { ...blind, method: 'POST', body: '{}', headers: plain };
    await attempt('read', async () => (await fetch(address + 'api/bots', all)).status);
    await attempt('opaque', async () => (await fetch(address + 'api/bots', blind)).type);
    await attempt('post', async () => (await fetch(address + 'api/previews', post)).type);
    await attempt('script', () => new Promise((good, bad) => {
        const one = document.createElement('script');
        Object.assign(one, { src: address + 'main.js', onload: () => good('loaded'), onerror: bad });
        document.head.append(one);
    }));
    await attempt('events', () => new Promise((good, bad) => {
        const one = new EventSource(address + 'api/runs/x/events', { withCredentials: true });
        Object.assign(one, { onopen: () => good('opened'), onerror: bad });
    }));
    return tries;
}"""


def account() -> list[SimulatedBot]:
    """Twelve bots: six in Zoom, among them an event that is shared, and one without an event."""
    bots = [
        SimulatedBot(
            f"bot-{n}",
            f"evt_{n}",
            platform="zoom" if n % 2 else "google_meet",
            join_time=SOON + timedelta(hours=n),
            bot_username=f"{'Acme' if n < 6 else 'Other'} {n}",
            attributes={"customer": "acme" if n < 4 else "other"},
        )
        for n in range(10)
    ]
    shared = SimulatedBot("bot-10", "evt_0", platform="zoom", join_time=SOON + timedelta(days=1))
    return [*bots, shared, SimulatedBot("bot-11", None, platform="teams", join_time=SOON + timedelta(days=2))]


async def test_a_bulk_cancel_from_the_listing_to_the_report(tmp_path: Path) -> None:
    """Filter, select, preview, type, watch the bar reach its end: the ledger and the report agree with it."""
    async with Simulator(account(), latency=0.1) as sim, browsing(sim) as seen:
        page = seen.page
        assert "token" not in page.url
        await seen.shows(12)
        await page.select_option("#f-platform", "zoom")
        await seen.shows(6)
        await page.fill("#f-name", "Acme *")
        await seen.shows(3)
        await page.check("#all")
        await expect(page.locator("#selected")).to_have_text("3 bots selected")
        await page.click("#some")
        dialog = page.locator("#preview")
        await expect(dialog).to_contain_text(sim.base_url)
        await expect(dialog).to_contain_text("unschedule 3 events")
        await expect(dialog).to_contain_text("9 bots outside the selection")
        await expect(page.locator("#go")).to_be_disabled()
        await page.fill("#words", "unschedule 4")
        await expect(page.locator("#go")).to_be_disabled()
        assert sim.ledger.unscheduled_events == frozenset()
        assert await seen.consent() == "unschedule 3"
        await seen.ended()
        wanted = {"evt_1", "evt_3", "evt_5"}
        assert sim.ledger.unscheduled_events == wanted
        bar = page.locator("#run-bar")
        assert await bar.evaluate("bar => [bar.value, bar.max]") == [3, 3]
        await expect(page.locator("#run-state")).to_have_text("everything you asked for was done")
        rows = page.locator("#outcomes tbody tr")
        await expect(rows).to_have_count(3)
        assert {await row.locator(".id").first.inner_text() for row in await rows.all()} == wanted
        await seen.shows(0)
        await page.click("#f-reset")
        await seen.shows(9)
        async with page.expect_download() as started:
            await page.click("#report")
        download = await started.value
        await download.save_as(tmp_path / "run.jsonl")
        lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
        said = {line["event_id"]: line["status"] for line in lines if line["type"] == "outcome"}
        assert said == dict.fromkeys(wanted, "unscheduled")
        assert lines[-1]["ok"] is True


async def test_a_run_is_undone_by_a_button() -> None:
    """It says for each bot what comes back, asks for its words, and names new bots beside old ones."""
    async with Simulator(account()) as sim, browsing(sim) as seen:
        page = seen.page
        await expect(page.locator("#undo")).to_be_hidden()
        await seen.tick("bot-1", "bot-3")
        await page.click("#some")
        await seen.consent()
        await seen.ended()
        await page.click("#undo")
        dialog = page.locator("#undo-preview")
        await expect(dialog).to_contain_text("2 would reschedule")
        await expect(dialog.locator("#undo-rows li")).to_have_count(2)
        await expect(dialog).to_contain_text("lost: its bot, schedule and transcript ids")
        await page.fill("#undo-words", "reschedule 3")
        await page.press("#undo-words", "Enter")
        await expect(page.locator("#undo-problem")).to_have_text("Type reschedule 2 to continue.")
        await page.fill("#undo-words", await page.inner_text("#undo-wanted"))
        await page.click("#undo-go")
        await expect(dialog).to_be_hidden()
        await expect(page.locator("#undone-state")).to_have_text("all that can come back is there")
        rows = page.locator("#undone-rows tbody tr")
        await expect(rows).to_have_count(2)
        new = {await row.locator("td").nth(1).inner_text() for row in await rows.all()}
        assert new <= sim.ledger.scheduled_bots
        assert len(new) == 2
        await seen.shows(12)
        # On a phone each row is a block that shows all of it.
        await page.set_viewport_size({"width": 390, "height": 800})
        for cell in (await rows.first.locator("td").all())[:3]:
            box = await cell.bounding_box()
            assert box is not None
            assert box["width"] > 0
            assert box["x"] + box["width"] <= 390


async def test_all_is_more_than_the_listing_shows() -> None:
    """A full listing is said to be full; all of the account asks for `unschedule all`, and leaves nothing."""
    async with Simulator(230, one_off=0) as sim, browsing(sim) as seen:
        await expect(seen.page.locator("#notices")).to_contain_text("is full with 100 bots")
        await seen.page.click("#every")
        await expect(seen.page.locator("#preview")).to_contain_text("the run lists until nothing is left")
        assert await seen.consent() == "unschedule all"
        await seen.ended()
        assert sim.ledger.scheduled_events == frozenset()
        await expect(seen.page.locator("#run-progress")).to_have_text(
            f"{len(sim.ledger.events)} outcomes, ended"
        )
        await expect(seen.page.locator("#bots-empty")).to_have_text("No bot is scheduled.")


async def test_a_reload_in_the_middle_finds_the_run_again() -> None:
    """The page that comes back shows the run, all outcomes so far, and its end."""
    async with Simulator(40, one_off=0, several=0, latency=0.4) as sim, browsing(sim) as seen:
        await seen.page.click("#every")
        await seen.consent()
        await expect(seen.page.locator("#outcomes tbody tr")).not_to_have_count(0)
        await seen.reload()
        await expect(seen.page.locator("#run-state")).to_have_text("running")
        await expect(seen.page.locator("#stop")).to_be_visible()
        await seen.ended()
        await expect(seen.page.locator("#outcomes tbody tr")).to_have_count(40)
        await seen.reload()
        await expect(seen.page.locator("#run-progress")).to_have_text("40 outcomes, ended")
    assert sim.ledger.scheduled_events == frozenset()


async def test_stop_and_retry_what_needs_it() -> None:
    """A stopped run shows what was not attempted and why; a retry asks again and does the rest."""
    troubles = [Trouble("unschedule", 409, when=lambda record: record.event_id == "evt_9", times=1)]
    bots = [one for one in account() if one.event_id not in ("evt_0", None)]
    # More than are in flight by the time the first outcome is shown and the stop is pressed.
    bots += [SimulatedBot(f"more-{number}", f"evt_more_{number}") for number in range(20)]
    async with Simulator(bots, troubles=troubles, latency=0.5) as sim, browsing(sim) as seen:
        page = seen.page
        await page.click("#every")
        await seen.consent()
        await expect(page.locator("#outcomes tbody tr")).not_to_have_count(0)
        await page.click("#stop")
        await seen.ended()
        await expect(page.locator("#run-state")).to_have_text("stopped")
        await expect(page.locator("#run-reason")).to_contain_text("stopped")
        left = len(sim.ledger.scheduled_events)
        assert left > 0
        await page.select_option("#outcomes-shown", "attention")
        await expect(page.locator("#outcomes tbody tr")).to_have_count(left)
        await page.click("#retry")
        await expect(page.locator("#preview-options")).to_be_hidden()
        assert await seen.consent() == f"unschedule {left}"
        await seen.ended()
        # The run before can be looked at again.
        runs = await page.locator("#runs option").all()
        assert len(runs) == 2
        newest, before = [await one.get_attribute("value") for one in runs]
        await page.select_option("#runs", before)
        await expect(page.locator("#run-state")).to_have_text("stopped")
        await page.select_option("#runs", newest)
        await expect(page.locator("#run-state")).not_to_have_text("stopped")
        if sim.ledger.scheduled_events:
            # The refusal came in this run, then.
            assert sim.ledger.scheduled_events == {"evt_9"}
            await expect(page.locator("#outcomes")).to_contain_text("409")
            await page.click("#retry")
            await seen.consent()
            await seen.ended()
        assert sim.ledger.scheduled_events == frozenset()
        await expect(page.locator("#run-state")).to_have_text("everything you asked for was done")


async def test_the_preview_says_what_the_filter_is() -> None:
    """All inside a filter is its own button; the dialog repeats the filter, and takes what lies inside."""
    async with Simulator(account()) as sim, browsing(sim) as seen:
        page = seen.page
        await page.fill("#f-name", "Other *")
        await page.select_option("#f-platform", "zoom")
        await seen.shows(2)
        await expect(page.locator("#every")).to_have_text("Unschedule all that match the filter…")
        await page.click("#every")
        await expect(page.locator("#preview-facts")).to_contain_text("platform zoom, name Other *")
        assert await seen.consent() == "unschedule 2"
        await seen.ended()
        assert sim.ledger.unscheduled_events == {"evt_7", "evt_9"}


async def test_the_preview_says_what_is_left_alone_and_how_to_take_it() -> None:
    """A shared event and a one-off bot are named; choosing otherwise asks the server, and for other words."""
    async with Simulator(account()) as sim, browsing(sim) as seen:
        page = seen.page
        await seen.tick("bot-0", "bot-11", "bot-2")
        await page.click("#some")
        left = page.locator("#left-alone")
        await expect(left).to_contain_text("1 one-off bot without a calendar event, which will join")
        await expect(left).to_contain_text("1 event with bots outside the selection, too (evt_0)")
        await expect(page.locator("#wanted")).to_have_text("unschedule 1")
        await page.select_option("#one-off", "delete")
        await expect(page.locator("#wanted")).to_have_text("unschedule 2")
        await page.check("#whole")
        await expect(page.locator("#wanted")).to_have_text("unschedule 3")
        await expect(left).not_to_contain_text("one-off")
        await seen.consent()
        await seen.ended()
        assert sim.ledger.removed_bots == {"bot-0", "bot-2", "bot-10", "bot-11"}


async def test_everything_can_be_done_with_the_keyboard() -> None:
    """Sort, tick, open, type, start; Escape leaves the dialog, and the focus comes back to where it was."""
    async with Simulator(account()) as sim, browsing(sim) as seen:
        page = seen.page

        async def focus_on(selector: str) -> None:
            for _ in range(60):
                if await page.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
                    return
                await page.keyboard.press("Tab")
            raise AssertionError(f"no way to {selector}")

        first = page.locator("#bots tbody tr").first
        await focus_on('#bots button[data-key="name"]')
        await page.keyboard.press("Enter")
        header = page.locator("#bots th", has=page.locator('button[data-key="name"]'))
        await expect(header).to_have_attribute("aria-sort", "ascending")
        await expect(first).to_contain_text("Acme 0")
        await page.keyboard.press("Enter")
        await expect(header).to_have_attribute("aria-sort", "descending")
        await expect(first).to_contain_text("Other 9")
        await focus_on('#bots input[value="bot-9"]')
        await page.keyboard.press("Space")
        await expect(page.locator("#selected")).to_have_text("1 bot selected")
        await page.locator("#refresh").focus()
        await focus_on("#some")
        await page.keyboard.press("Enter")
        await expect(page.locator("#words")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#preview")).to_be_hidden()
        await expect(page.locator("#some")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#words")).to_be_focused()
        await page.keyboard.type("unschedule 2")
        await page.keyboard.press("Enter")
        await expect(page.locator("#consent-problem")).to_have_text("Type unschedule 1 to continue.")
        await page.keyboard.press("Control+A")
        await page.keyboard.type("unschedule 1")
        await page.keyboard.press("Enter")
        await expect(page.locator("#run-title")).to_be_focused()
        await seen.ended()
        assert sim.ledger.unscheduled_events == {"evt_9"}


async def axe(seen: Seen) -> list[str]:
    """The serious and critical problems that axe-core finds in the page."""
    await seen.page.evaluate(AXE)
    found: dict[str, Any] = await seen.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
async def test_axe_finds_nothing_serious(scheme: Any, width: int) -> None:
    """With bots, with a dialog, with a run that failed in part; light and dark, wide and narrow."""
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    troubles = [Trouble("unschedule", 409, times=1), Trouble("list", 503, times=1, skip=30)]
    async with Simulator(account(), troubles=troubles) as sim, browsing(sim, **options) as seen:
        assert await axe(seen) == []
        await seen.tick("bot-0", "bot-1", "bot-3")
        await seen.page.click("#some")
        await expect(seen.page.locator("#words")).to_be_focused()
        assert await axe(seen) == []
        await seen.consent()
        await seen.ended()
        await expect(seen.page.locator("#retry")).to_be_visible()
        assert await axe(seen) == []
        wide = await seen.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide
        dark = await seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert dark == ("rgb(18, 22, 26)" if scheme == "dark" else "rgb(245, 246, 247)")


async def test_the_account_is_checked_by_a_button() -> None:
    """The verdict and each check are shown, until they are closed; nothing is changed."""
    async with Simulator(account(), ids="none") as sim, browsing(sim) as seen:
        page = seen.page
        await expect(page.locator("#diagnosis")).to_be_hidden()
        await page.click("#diagnose")
        await expect(page.locator("#diagnosis-verdict")).to_contain_text("without event ids")
        await expect(page.locator("#diagnosis-checks dt")).to_have_count(10)
        await expect(page.locator("#diagnosis-title")).to_be_focused()
        await page.click("#diagnosis-close")
        await expect(page.locator("#diagnosis")).to_be_hidden()
        assert {record.method for record in sim.requests} == {"GET"}


async def test_the_platforms_time_and_attribute_filters_work_in_the_page() -> None:
    """Local times, a custom attribute, and what matches nothing; what is hidden is not selected any more."""
    async with Simulator(account()) as sim, browsing(sim) as seen:
        page = seen.page
        await page.check("#all")
        await page.fill("#f-key", "customer")
        await page.fill("#f-value", "acme")
        await seen.shows(4)
        await expect(page.locator("#selected")).to_have_text("4 bots selected")
        await page.click("#f-reset")
        await seen.shows(12)
        local = await page.evaluate(
            """iso => { const t = new Date(iso); t.setMinutes(t.getMinutes() - t.getTimezoneOffset());
            return t.toISOString().slice(0, 16) }""",
            (SOON + timedelta(hours=3, minutes=1)).isoformat(),
        )
        await page.fill("#f-before", local)
        await seen.shows(4)
        await page.fill("#f-name", "nobody")
        await expect(page.locator("#bots-empty")).to_have_text("No bot matches the filter.")
        await expect(page.locator("#timeline-summary")).to_have_text("0 bots")


async def test_what_a_server_says_is_text() -> None:
    """Markup in names, platforms, ids, attributes and errors is shown as it is, and does nothing."""
    bot = SimulatedBot(
        HOSTILE, f"evt{HOSTILE}", platform=HOSTILE, bot_username=HOSTILE, attributes={HOSTILE: HOSTILE}
    )
    trouble = Trouble("unschedule", 422, body=json.dumps({"detail": HOSTILE, "message": HOSTILE}))
    async with Simulator([bot], troubles=[trouble]) as sim, browsing(sim) as seen:
        await expect(seen.page.locator("#bots tbody tr")).to_contain_text(HOSTILE)
        await seen.page.check("#all")
        await seen.page.click("#some")
        await seen.consent()
        await seen.ended()
        await expect(seen.page.locator("#outcomes")).to_contain_text("onerror")
        assert await seen.page.locator("main img, main script").count() == 0
        assert await seen.page.title() != "owned"


@pytest.fixture
async def thousand() -> AsyncIterator[str]:
    """An API that lists 1,000 bots at once."""
    rows = [
        {
            "bot_id": f"bot-{n}",
            "platform": ("zoom", "google_meet", "microsoft_teams")[n % 3],
            "status": "Scheduled",
            "scheduled_join_time": (SOON + timedelta(minutes=7 * n)).isoformat(),
            "bot_username": f"Acme {n % 17}",
            "custom_attributes": {"event_id": f"evt_{n}", "customer": f"customer {n % 40}"},
        }
        for n in range(1000)
    ]

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"user_id": "u", "scheduled_bots": rows})

    app = web.Application()
    app.router.add_get("/api/v1/calendar/scheduled", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/api/v1"
    await runner.cleanup()


async def test_a_thousand_rows_are_as_quick_as_ten(thousand: str) -> None:
    """Sorting, filtering and selecting 1,000 rows each take a fraction of a second."""

    class Account:
        base_url, api_key = thousand, "ms_key"

    async with browsing(Account()) as seen:  # type: ignore[arg-type]
        page = seen.page
        await seen.shows(1000)
        took = await page.evaluate(
            """() => {
                const laid = (act) => { const from = performance.now(); act();
                    document.body.getBoundingClientRect(); return performance.now() - from };
                return [laid(() => document.querySelector('button[data-key=name]').click()),
                        laid(() => document.querySelector('#all').click())];
            }"""
        )
        assert max(took) < 1000, took
        await expect(page.locator("#selected")).to_have_text("1,000 bots selected")
        await page.fill("#f-key", "customer")
        await page.fill("#f-value", "customer 7")
        await seen.shows(25)


async def test_another_page_in_the_same_browser_can_neither_read_nor_start() -> None:
    """A page on another port of this host, with the console open beside it: every way in is refused."""
    async with Simulator(account()) as sim, browsing(sim) as seen:
        served: list[str] = []

        async def evil(request: web.Request) -> web.Response:
            served.append(request.headers.get("Cookie", ""))
            return web.Response(text="<!doctype html><title>evil</title>", content_type="text/html")

        app = web.Application()
        app.router.add_get("/{tail:.*}", evil)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        other = await seen.page.context.new_page()
        try:
            await other.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
            before = len(sim.requests)
            found = await other.evaluate(WAYS_IN, seen.served.address)
            assert found == dict.fromkeys(("read", "opaque", "post", "script", "events"), "refused")
            assert len(sim.requests) == before
            # Cookies of a host go to all of its ports, but not to other paths.
            assert served
            assert not any(served)
        finally:
            await other.close()
            await runner.cleanup()


async def test_the_pure_functions_of_the_page_say_what_they_mean() -> None:
    """Times away in two units, order with missing values last, plurals, and what needs attention."""
    async with Simulator(0) as sim, browsing(sim) as seen:
        said = await seen.page.evaluate(
            """async () => {
                const f = await import(new URL('format.js', location.href).href);
                const now = new Date('2026-05-01T10:00:00Z');
                const at = (minutes) => new Date(now.getTime() + minutes * 60000);
                const bots = ['b', null, 'A', 'b'].map((name, order) => ({ name, order }));
                return {
                    away: [at(5), at(60 * 26), at(-90), null].map((moment) => f.away(moment, now)),
                    up: f.sorted(bots, 'name', false).map((bot) => bot.order),
                    down: f.sorted(bots, 'name', true).map((bot) => bot.order),
                    plural: [f.plural(1, 'bot'), f.plural(1000, 'bot')],
                    moment: [f.toMoment(''), f.toMoment('nonsense'), f.toMoment('2026-05-01T12:00')],
                    local: f.localTime(now, now),
                    attention: ['unscheduled', 'skipped', 'unknown', 'new_status'].map(f.needsAttention),
                };
            }"""
        )
    assert said["away"] == ["in 5 min", "in 1 d 2 h", "1 h 30 min ago", ""]
    assert (said["up"], said["down"]) == ([2, 0, 3, 1], [0, 3, 2, 1])
    assert said["plural"] == ["1 bot", "1,000 bots"]
    assert said["moment"] == [None, None, "2026-05-01T10:00:00.000Z"]
    assert said["local"] == "Fri 1 May 12:00"
    assert said["attention"] == [False, True, True, True]


async def test_what_is_still_listed_needs_attention_and_outcomes_say_which_bot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that leaves bots behind names them first; each outcome says when, where and as whom they join."""
    assert NamedEvents.carry_out.__kwdefaults__ is not None
    monkeypatch.setitem(NamedEvents.carry_out.__kwdefaults__, "settle", 0.3)
    async with Simulator(account(), removes="nothing") as sim, browsing(sim) as seen:
        page = seen.page
        await seen.tick("bot-1", "bot-3")
        await page.click("#some")
        await seen.consent()
        await seen.ended()
        rows = page.locator("#outcomes tbody tr")
        await expect(rows).to_have_count(4)
        await expect(rows.first).to_contain_text("still listed")
        await expect(rows.nth(2)).to_contain_text("zoom · Acme")
        await page.select_option("#outcomes-shown", "attention")
        await expect(rows).to_have_count(2)
        await page.click("#retry")
        await expect(page.locator("#preview-facts")).to_contain_text("2 still listed")


async def test_a_ticked_one_off_bot_says_why_nothing_happens() -> None:
    """There is nothing to unschedule, why, and what to choose to remove it."""
    async with Simulator(account()) as sim, browsing(sim) as seen:
        await seen.tick("bot-11")
        await seen.page.click("#some")
        await expect(seen.page.locator("#preview-title")).to_have_text("Nothing to unschedule")
        left = seen.page.locator("#left-alone")
        await expect(left).to_contain_text("1 one-off bot without a calendar event, which will join")
        await expect(left).to_contain_text("Choose “delete them” below to remove it")


async def test_loading_is_not_shown_as_empty() -> None:
    """Until the listing is there, or if it fails, no account is called empty, and nothing can be started."""
    async with Simulator(0, troubles=[Trouble("list", 403)]) as sim, browsing(sim) as seen:
        await expect(seen.page.locator("#bots-empty")).to_have_text("The account could not be listed.")
        await expect(seen.page.locator("#every")).to_be_disabled()
        sim.clear_troubles()
        await seen.page.click("#refresh")
        await expect(seen.page.locator("#bots-empty")).to_have_text("No bot is scheduled.")
        await expect(seen.page.locator("#every")).to_be_enabled()
        # The browser's own line about the answer of 502.
        assert len(seen.problems) == 1
        seen.problems.clear()


async def test_a_run_that_waits_says_so() -> None:
    """While the API asks for a pause the page says for how long, instead of standing still."""
    troubles = [Trouble("unschedule", 429, times=1, retry_after=3)]
    async with Simulator(account(), troubles=troubles) as sim, browsing(sim) as seen:
        await seen.tick("bot-1", "bot-3")
        await seen.page.click("#some")
        await seen.consent()
        await expect(seen.page.locator("#run-waiting")).to_contain_text("the API asks for a pause")
        await expect(seen.page.locator("#run-state")).to_have_text("waiting")
        await seen.ended()
