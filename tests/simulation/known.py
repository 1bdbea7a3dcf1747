"""The one list of what today's product is known to break. It only ever gets shorter."""

from __future__ import annotations

KNOWN: dict[str, str] = {
    "false-ok/partly": "a DELETE took one of an event's bots, and given targets are not looked at again",
    "false-ok/partly-joined": "the other bot of an event joined before the next listing",
    "false-ok/sign": "a 2xx that says that something failed counts as done",
    "false-ok/odd": "a 2xx that names another event counts as done",
    "false-ok/unanswered": "as the two before, for ids that were typed",
    "false-ok/scheduled": 'a provider\'s id answers "Event not scheduled", and nothing else is tried',
    "false-ok/joined": "whether a bot has joined is judged by the client's clock, and by the first row seen",
    "false-ok/no-event-id": "a calendar bot whose row shows no event id is taken for a one-off bot",
    "false-ok/meeting-ids": "a meeting's bots are looked for under the provider's id alone",
    "false-ok/meeting-scheduled": 'as "false-ok/scheduled", for a meeting',
    "false-ok/meeting-sign": 'as "false-ok/sign", for a meeting',
    "false-ok/meeting-odd": 'as "false-ok/odd", for a meeting',
    "false-ok/meeting-joined": 'as "false-ok/joined", for a meeting',
    "false-ok/meeting-partly": 'as "false-ok/partly", for a meeting',
    "false-ok/meeting-partly-joined": 'as "false-ok/partly-joined", for a meeting',
    "false-outcome/partly": 'as "false-ok/partly", in an outcome',
    "false-outcome/partly-joined": 'as "false-ok/partly-joined", in an outcome',
    "false-outcome/sign": 'as "false-ok/sign", in an outcome',
    "false-outcome/odd": 'as "false-ok/odd", in an outcome',
    "false-outcome/scheduled": "already_unscheduled stays, although no later listing could be read",
    "false-outcome/joined": 'as "false-ok/joined", in an outcome',
    "false-outcome/no-event-id": "bots of a last listing are forgotten when the one after it fails",
    "complete-truncated": "a short page that says has_more counts as whole",
    "outside": "what an earlier listing showed of an event is forgotten",
    "outside-unseen": "an event is taken whole although no listing was whole",
    "early/503": "a Retry-After of a 503 binds its own call alone",
    "repeats": "a DELETE is repeated back to back for events that a listing that flickers still shows",
    "ends": "an outage that flaps leaves nobody who asks whether it is over",
    "failed-took-effect": "a second DELETE that is refused makes a failure of what the first one did",
    "one-outcome/late-row": "a bot that is listed late is in no outcome of its event",
}
"""Name of the invariant, or of one kind of case of it, to what is wrong."""


def is_known(invariant: str) -> bool:
    return invariant in KNOWN
