"""A nightly job for cron: unschedule the bots of the next 26 hours, and alert unless everything was done."""
# MEETSTREAM_API_KEY=... ALERT_COMMAND='mail -s "bots may join" ops@example.com' python nightly.py
# Exit codes for cron and monitors: 0 everything was done, 1 something was not, 2 it could not even start.

import asyncio
import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from meetstream_async import (
    BotFilter,
    BulkReport,
    MeetStreamClient,
    MeetStreamError,
    UnscheduleOutcome,
    unschedule_all,
)

DONE = ("unscheduled", "already_unscheduled")


def alert(text: str) -> None:
    """Hand the text to a command of yours; without one it goes to stderr, which cron sends by mail."""
    if command := os.environ.get("ALERT_COMMAND"):
        subprocess.run(shlex.split(command), input=text, text=True, check=True, timeout=60)
    else:
        print(text, file=sys.stderr)


def explain(report: BulkReport[UnscheduleOutcome]) -> str:
    left = [outcome for outcome in report.outcomes if outcome.status not in DONE]
    lines = [f"  {one.event_id or one.bot_ids}: {one.status}: {one.reason or one.error}" for one in left]
    lines += [f"  still listed: {bot.bot_id}" for bot in report.still_listed]
    return "\n".join([str(report), *lines])


async def main() -> int:
    now = datetime.now(UTC)
    tonight = BotFilter(after=now, before=now + timedelta(hours=26))
    try:
        async with MeetStreamClient(user_agent="nightly/1.0") as client:
            report = await unschedule_all(client, where=tonight, one_off_bots="skip")
    except MeetStreamError as error:  # no key, a rejected one, or the first listing failed: nothing was sent
        alert(f"the nightly job did not run: {error}")
        return 2
    print(json.dumps(report.to_dict()))  # for the log
    if not report.ok:
        alert(explain(report))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
