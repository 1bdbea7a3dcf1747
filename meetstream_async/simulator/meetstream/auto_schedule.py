"""The daily job that books bots, and its settings."""

from datetime import datetime, timedelta

from ..account import Account
from ..gateway import Answer, json_answer
from ..index import LEAD
from ..trouble import RequestRecord, Trouble
from .scheduling import Scheduling
from .words import documented, refusal

_AHEAD = timedelta(hours=24)
_FIELDS = {"bot_name": str, "audio_required": bool, "video_required": bool, "bot_message": str,
           "bot_image_url": str, "automatic_leave": dict}  # fmt: skip


class AutoSchedule:
    """Answers requests about the job, and runs it after each midnight (UTC) that the clock has passed."""

    def __init__(self, account: Account, scheduling: Scheduling) -> None:
        self._account = account
        self._scheduling = scheduling
        self._day = _midnight(account.born)

    def tick(self, now: datetime) -> None:
        """Run the job once if a midnight has passed since the last call."""
        day = _midnight(now)
        if day > self._day:
            self._day = day
            self.run(now)

    def run(self, now: datetime) -> tuple[str, ...]:
        """Book the events of the next 24 hours that have no bot. Returns the ids of the new bots."""
        account = self._account
        if not account.auto_schedule or not account.connected:
            return ()
        config = account.default_bot_config
        booked = []
        for event in list(account.index.events.values()):
            ahead = now < event.start <= now + _AHEAD
            if not ahead or event.is_deleted or event.meeting_platform is None:
                continue
            if self._scheduling.goes_on(event) and not account.world.waiting(event.event_id, now):
                source = "calendar_auto_schedule"
                bot = self._scheduling.book(event, event.start - LEAD, now, config, source=source)
                booked.append(bot.bot_id)
        return tuple(booked)

    def settings(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """GET /calendar/auto-schedule/settings."""
        if not self._account.connected:
            return documented("auto_schedule", 404)
        return json_answer(200, self._state())

    def _state(self) -> dict[str, object]:
        account = self._account
        return {
            "auto_schedule_enabled": account.auto_schedule,
            "default_bot_config": account.default_bot_config,
        }

    def enable(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """POST /calendar/auto-schedule/enable."""
        return self._turn(record, on=True)

    def disable(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """POST /calendar/auto-schedule/disable."""
        return self._turn(record, on=False)

    def _turn(self, record: RequestRecord, *, on: bool) -> Answer:
        body = {} if record.body is None else record.body
        if not record.body_readable or not isinstance(body, dict):
            return refusal(400, "Invalid request body")
        config = body.get("default_bot_config", self._account.default_bot_config)
        if not isinstance(config, dict) or not all(
            isinstance(config.get(name, kind()), kind) for name, kind in _FIELDS.items()
        ):
            return refusal(400, "Invalid default_bot_config")
        if not self._account.connected:
            return documented("auto_schedule", 404)
        self._account.auto_schedule = on
        self._account.default_bot_config = config
        text = f"Auto-scheduling {'enabled' if on else 'disabled'} successfully"
        return json_answer(200, {"message": text, **self._state()})


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
