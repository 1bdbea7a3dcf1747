"""A worker for a queue: take event ids as they come, unschedule their bots, acknowledge what is done."""
# Here the queue is standard input, one JSON message a line, and acknowledgements go to standard output:
#   echo '{"id": "m-1", "event_id": "evt_abc123"}' | MEETSTREAM_API_KEY=... python queue_worker.py
# For SQS, RabbitMQ or Redis replace `messages` and `acknowledge`, and leave the rest.

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator

from meetstream_async import MeetStreamClient, OutcomeStatus, stream_unschedule

DONE = (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)
waiting: dict[str, list[str]] = defaultdict(list)
"""The messages that ask for an event; one DELETE answers them all."""


async def messages() -> AsyncIterator[tuple[str, str]]:
    """The next message's own id, and the event that it names. Ends when the queue is closed."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        message = json.loads(line)
        yield message["id"], message["event_id"]


async def acknowledge(message_id: str) -> None:
    print(json.dumps({"ack": message_id}), flush=True)


async def event_ids() -> AsyncIterator[str]:
    # It is asked for the next one only when a slot is free: what is not taken stays in the queue.
    async for message_id, event_id in messages():
        waiting[event_id].append(message_id)
        yield event_id


async def main() -> int:
    # Without `dedupe` nothing is remembered, so it may run for ever, and an event may come again.
    async with (
        MeetStreamClient() as client,
        stream_unschedule(client, event_ids(), max_concurrency=10, dedupe=False) as run,
    ):
        async for outcome in run:
            done = outcome.status in DONE
            for message_id in waiting.pop(outcome.event_id or "", ()):
                if done:
                    await acknowledge(message_id)
                else:  # not acknowledged: the queue will bring it again, or put it aside
                    print(
                        f"{message_id}: {outcome.status}: {outcome.reason or outcome.error}", file=sys.stderr
                    )
    # No listing was asked, so that `already_unscheduled` stands on the API's word: see the report's reason.
    print(run.report, file=sys.stderr)
    return 0 if run.report.ok else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
