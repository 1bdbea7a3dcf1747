# A notebook as a script: each `# %%` begins a cell for Jupyter, VS Code or PyCharm, where `await` needs no
# function.
# %% [markdown]
# # What is scheduled, and what would a cancel do?
# Against a simulated account; for your own: `MeetStreamClient()` with `MEETSTREAM_API_KEY`.

# %%
from collections import Counter
from contextlib import AsyncExitStack

from meetstream_async import BotFilter, MeetStreamClient, diagnose, platform_name, unschedule_all
from meetstream_async.simulator import Simulator

opened = AsyncExitStack()
simulator = await opened.enter_async_context(Simulator(bots=60, seed=3))
client = await opened.enter_async_context(MeetStreamClient(simulator.api_key, base_url=simulator.base_url))

# %% What kind of account is it?
diagnosis = await diagnose(client)
print(diagnosis.verdict)

# %% The bots by platform, of which the API has several spellings
page = await client.list_scheduled_bots()
by_platform = Counter(platform_name(bot.platform) for bot in page.bots)
by_platform

# %% What would a run over Zoom do? Nothing is sent.
zoom = BotFilter(platform="zoom")
plan = await unschedule_all(client, where=zoom, one_off_bots="skip", dry_run=True)
plan

# %% Do it. As the last value of a cell, a report is shown as a table.
report = await unschedule_all(client, where=zoom, one_off_bots="skip")
report

# %% What is left?
left = Counter(platform_name(bot.platform) for bot in (await client.list_scheduled_bots()).bots)
left

# %%
await opened.aclose()
