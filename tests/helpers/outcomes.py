"""The one JSON shape of an outcome."""

SHAPE = [
    "event_id",
    "bot_ids",
    "method",
    "inferred",
    "status",
    "reason",
    "attempts",
    "elapsed",
    "error",
    "request_id",
]
