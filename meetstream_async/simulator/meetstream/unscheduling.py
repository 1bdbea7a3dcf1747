"""The DELETEs: an event's bots, a series', or a bot by its own id."""

from datetime import datetime
from typing import Any

from ..account import Account
from ..bots import SimulatedBot
from ..gateway import Answer, json_answer
from ..trouble import RequestRecord, Trouble
from .values import parse_time
from .words import NOT_YOURS, documented, foreign, refusal


class Unscheduling:
    """Answers the DELETEs, and removes the bots."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._world = account.world
        self._index = account.index
        self._settings = account.settings

    def unschedule(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """DELETE /calendar/schedule/{event_id}."""
        event_id = record.event_id or ""
        options = {} if record.body is None else record.body
        if not record.body_readable or not isinstance(options, dict):
            return refusal(400, "Invalid request body")
        whole_series = options.get("cancel_all_occurrences") or False
        if not isinstance(whole_series, bool):
            return refusal(400, "cancel_all_occurrences must be a boolean")
        from_date = options.get("from_date")
        start = None
        if from_date is not None:
            start = parse_time(from_date)
            if start is None:
                return refusal(400, "Invalid from_date format")
        if event_id not in self._index.events:
            if "schedule" in self._settings.bot_paths and self._world.bot(event_id) is not None:
                return self._delete(event_id, record, now)
            return foreign(self._settings.foreign_id)
        event = self._world.event(event_id)
        master = event.master_event_id if event is not None else self._index.events[event_id].series
        if whole_series:
            if master is None:
                return refusal(400, "Master event ID not found")
            return self._unschedule_series(master, from_date, start, record, now)
        bots = self._pick(self._world.waiting(event_id, now))
        if not bots:
            return documented("unschedule", 400)
        self._remove(bots, record, now)
        return self._done({
            "unscheduled": True,
            "event_id": event_id,
            "cancelled_schedules": self._schedule_ids(bots),
            "schedules_cancelled": len(bots),
            "bots_deleted": len(bots),
            "cancel_all_occurrences": False,
            "from_date": None,
            "is_recurring_series": master is not None,
        })  # fmt: skip

    def _unschedule_series(
        self, master: str, from_date: str | None, start: datetime | None, record: RequestRecord, now: datetime
    ) -> Answer:
        waiting = [self._world.waiting(event_id, now) for event_id in self._world.occurrences(master)]
        if not any(waiting):
            return documented("unschedule", 400)
        if start is not None:
            waiting = [[bot for bot in bots if bot.join_time >= start] for bots in waiting]
        # An event that holds a whole series has a bot for each occurrence.
        one_each = self._settings.series_as == "occurrences"
        picked = [self._pick(bots) if one_each else bots for bots in waiting if bots]
        bots = [bot for occurrence in picked for bot in occurrence]
        self._remove(bots, record, now)
        return self._done({
            "cancelled": True,
            "master_event_id": master,
            "from_date": from_date,
            "occurrences_affected": len(picked) if one_each else len({bot.join_time for bot in bots}),
            "schedules_cancelled": len(bots),
            "cancelled_schedules": self._schedule_ids(bots),
        })  # fmt: skip

    def delete_bot(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """DELETE /calendar/scheduled_bots/{bot_id}."""
        return self._delete(record.bot_id or "", record, now)

    def _delete(self, bot_id: str, record: RequestRecord, now: datetime) -> Answer:
        if not bot_id:
            return refusal(400, "Missing bot_id")
        if bot_id in self._settings.foreign_bots:
            return refusal(403, NOT_YOURS)
        bot = self._world.bot(bot_id)
        state = None if bot is None else self._world.state(bot, now)
        # A removed bot is as if it had never been, unless cancelled ones stay to be seen.
        if bot is None or (state == "Cancelled" and state not in self._settings.listed_states):
            return documented("delete_bot", 404)
        if state == "InMeeting":
            return refusal(400, "Cannot delete active bot")
        if state != "Scheduled":
            return documented("delete_bot", 400)
        self._remove([bot], record, now)
        return self._done({"message": "Scheduled bot deleted successfully", "bot_id": bot_id})

    def _done(self, fields: dict[str, Any]) -> Answer:
        match self._settings.unschedule_answer:
            case "message":
                fields = {"message": fields.get("message", "Bot unscheduled successfully")}
            case "empty_object":
                fields = {}
            case "no_content":
                return Answer(202, b"")
        return json_answer(200, fields)

    def _pick(self, bots: list[SimulatedBot]) -> list[SimulatedBot]:
        return bots[:1] if self._settings.removes == "occurrence" else bots

    def _remove(self, bots: list[SimulatedBot], record: RequestRecord, now: datetime) -> None:
        if self._settings.removes != "nothing":
            self._world.remove(bots, now, record.index)

    def _schedule_ids(self, bots: list[SimulatedBot]) -> list[str]:
        return [self._account.schedule_id(bot) for bot in bots]
