"""The connected calendars, and how they are connected; the agents' configurations (MIA)."""

from datetime import datetime
from typing import Any

from ..account import Account
from ..gateway import Answer, json_answer
from ..index import ConnectedCalendar
from ..trouble import RequestRecord, Trouble
from .values import iso
from .words import documented, refusal

_CREDENTIALS = {
    "create_calendar": ("google_client_id", "google_client_secret", "google_refresh_token"),
    "create_outlook_calendar": (
        "microsoft_client_id", "microsoft_client_secret", "microsoft_refresh_token",
    ),
}  # fmt: skip


class Connections:
    """Answers requests about calendars. Nothing is done with the credentials that come in."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def list(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """GET /calendar."""
        calendars = self._account.index.calendars if self._account.connected else ()
        rows = [_calendar(calendar) for calendar in calendars]
        return json_answer(200, {"total": len(rows), "user_id": self._account.user_id, "calendars": rows})

    def connect(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """POST /calendar/create_calendar and /calendar/create_outlook_calendar."""
        name = record.path.rsplit("/", 1)[-1]
        body = record.body if isinstance(record.body, dict) else {}
        for field in _CREDENTIALS[name]:
            if not isinstance(body.get(field), str) or not body[field]:
                return refusal(400, f"{field} is required")
        self._account.connected = True
        platform = "google" if name == "create_calendar" else "outlook"
        own = [one for one in self._account.index.calendars if one.platform == platform]
        return json_answer(200, {
            "calendar_id": own[0].id,
            "platform": platform,
            "user_email": own[0].account,
            "user_name": own[0].summary,
            "primary_calendar_id": own[0].id,
            "message": "Calendar connected successfully",
            "calendars": [_calendar(calendar) for calendar in own],
            "watch_setup": {},
        })  # fmt: skip

    def disconnect(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """POST /calendar/disconnect."""
        if not self._account.connected:
            return documented("disconnect_calendar", 404)
        self._account.connected = False
        return json_answer(200, {"message": "Calendar disconnected successfully"})


def _calendar(calendar: ConnectedCalendar) -> dict[str, Any]:
    return {
        "id": calendar.id,
        "summary": calendar.summary,
        "description": None,
        "isPrimary": calendar.primary,
        "accessRole": "owner",
        "timeZone": "UTC",
        "backgroundColor": "#9fe1e7",
        "foregroundColor": "#000000",
        "selected": True,
        "hidden": False,
    }


class Agents:
    """The four methods of /mia."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._agents: dict[str, dict[str, Any]] = {}

    def create(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """POST /mia."""
        body = record.body if isinstance(record.body, dict) else {}
        wanted = {"agent_name": str, "mode": str, "model": dict}
        for name, kind in wanted.items():
            if not isinstance(body.get(name), kind):
                return refusal(400, f"{name} is required")
        agent_id = self._account.new_id("agent")
        self._agents[agent_id] = {
            "AgentConfigID": agent_id,
            "UserID": self._account.user_id,
            "AgentName": body["agent_name"],
            "Mode": body["mode"],
            "Model": body["model"],
            "Voice": body.get("voice"),
            "Transcriber": body.get("transcriber"),
            "Agent": body.get("agent") or {},
            "CreatedAt": iso(now),
            "UpdatedAt": iso(now),
        }
        return json_answer(201, {
            "message": "Agent config created successfully",
            "agent_config_id": agent_id,
            "agent_config": self._agents[agent_id],
        })  # fmt: skip

    def list(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """GET /mia: all of them, or the one that is asked for."""
        wanted = record.query.get("agent_config_id")
        found = [agent for agent_id, agent in self._agents.items() if wanted in (None, agent_id)]
        if wanted is not None and not found:
            return documented("mia", 404)
        return json_answer(200, {"agent_configs": found, "count": len(found)})

    def update(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """PUT /mia."""
        body = record.body if isinstance(record.body, dict) else {}
        agent_id = body.get("agent_config_id")
        if not isinstance(agent_id, str):
            return refusal(400, "agent_config_id is required")
        agent = self._agents.get(agent_id)
        if agent is None:
            return documented("mia", 404)
        for name, field in (("agent_name", "AgentName"), ("mode", "Mode"), ("model", "Model")):
            agent[field] = body.get(name, agent[field])
        agent["UpdatedAt"] = iso(now)
        return json_answer(200, {"message": "Agent config updated successfully", "agent_config": agent})

    def delete(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """DELETE /mia."""
        if self._agents.pop(record.query.get("agent_config_id", ""), None) is None:
            return documented("mia", 404)
        return json_answer(200, {"message": "Agent config deleted successfully"})
