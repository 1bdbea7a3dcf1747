"""Every route of the simulated MeetStream, longhand: what is asked, what comes back, how it is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import field, frozen

from meetstream_async.simulator import SimulatedBot, SimulatedMeetStreamEvent, Simulator

Json = dict[str, Any]
SOON = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0).isoformat()


def obj(*, optional: tuple[str, ...] = (), **fields: Any) -> Json:
    """An object with exactly these fields; the optional ones may be missing."""
    return {
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name not in optional],
        "additionalProperties": False,
    }


def array(items: Json) -> Json:
    return {"type": "array", "items": items}


def null_or(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "integer"}
FLAG: Json = {"type": "boolean"}
FREE: Json = {"type": "object"}
TIME: Json = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$"}
SCHEDULE: Json = {"type": "string", "pattern": r"^bot-[0-9a-f]{8}-.{1,12}$"}
STATE: Json = {"enum": ["Scheduled", "InMeeting", "Stopped", "Cancelled"]}
ERROR = obj(error=TEXT, message=TEXT)
DONE = obj(message=TEXT)
OF_BOT = obj(message=TEXT, bot_id=TEXT)
ROW = obj(
    bot_id=TEXT, platform=TEXT, status=STATE, scheduled_join_time=TIME, custom_attributes=FREE,
    bot_username=TEXT, is_scheduled=FLAG, meeting_link=null_or(TEXT), optional=("custom_attributes",),
)  # fmt: skip
EVENT_BOT = obj(
    id=TEXT, status=STATE, scheduled_join_time=TIME, bot_username=TEXT, platform=TEXT, is_scheduled=FLAG
)
EVENT = obj(
    id=TEXT, platform={"enum": ["google", "outlook"]}, platform_id=TEXT, ical_uid=TEXT, calendar_id=TEXT,
    start_time=TIME, end_time=TIME, created_at=TIME, updated_at=TIME, meeting_platform=null_or(TEXT),
    meeting_url=null_or(TEXT), is_deleted=FLAG, raw=FREE, bots=array(EVENT_BOT), optional=("bots",),
)  # fmt: skip
CALENDAR = obj(
    id=TEXT, summary=TEXT, description=null_or(TEXT), isPrimary=FLAG, accessRole=TEXT, timeZone=TEXT,
    backgroundColor=TEXT, foregroundColor=TEXT, selected=FLAG, hidden=FLAG,
)  # fmt: skip
SINGLE = obj(
    unscheduled=FLAG, event_id=TEXT, cancelled_schedules=array(SCHEDULE), schedules_cancelled=NUMBER,
    bots_deleted=NUMBER, cancel_all_occurrences=FLAG, from_date=null_or(TEXT), is_recurring_series=FLAG,
)  # fmt: skip
SERIES = obj(
    cancelled=FLAG, master_event_id=TEXT, from_date=null_or(TEXT), occurrences_affected=NUMBER,
    schedules_cancelled=NUMBER, cancelled_schedules=array(SCHEDULE),
)  # fmt: skip
SCHEDULED = obj(
    scheduled=FLAG, schedule_id=SCHEDULE, bot_id=TEXT, schedule_group=TEXT, event_id=TEXT,
    scheduled_time=TIME, existing_schedules=NUMBER, occurrence_date=null_or(TEXT),
    is_recurring_occurrence=FLAG, bot_config=FREE,
)  # fmt: skip
CONFLICT = obj(
    error=TEXT, message=TEXT, bot_id=TEXT, existing_bot_id=TEXT, optional=("bot_id", "existing_bot_id")
)
AUTO = obj(auto_schedule_enabled=FLAG, default_bot_config=FREE)
AUTO_DONE = obj(message=TEXT, auto_schedule_enabled=FLAG, default_bot_config=FREE)
CREATED = obj(bot_id=TEXT, transcript_id=null_or(TEXT), meeting_url=TEXT, status=TEXT)
BOT = obj(
    bot_id=TEXT, bot_username=TEXT, platform={"enum": ["GMeet", "Zoom", "Teams"]}, status=STATE,
    meeting_link=null_or(TEXT), scheduled_join_time=TIME, custom_attributes=FREE,
)  # fmt: skip
DETAIL = obj(bot_details=obj(
    BotID=TEXT, BotImageURL=null_or(TEXT), BotMessage=TEXT, BotUsername=TEXT, CreatedAt=TIME,
    Duration=NUMBER, EndTime=TEXT, LastUpdatedAt=NUMBER, MeetingLink=null_or(TEXT), Platform=TEXT,
    StartTime=TEXT, Status=STATE, StatusTimeline=FREE, RequestPayload=FREE, UserID=TEXT,
    custom_attributes=FREE, caption_file=obj(available=FLAG),
))  # fmt: skip
COMMAND = obj(status=TEXT, bot_id=TEXT, command=TEXT)
CONNECTED = obj(
    calendar_id=TEXT, platform=TEXT, user_email=TEXT, user_name=TEXT, primary_calendar_id=TEXT, message=TEXT,
    calendars=array(CALENDAR), watch_setup=FREE,
)  # fmt: skip

ROW_OF_LIST = obj(scheduled_bots=array(ROW))
PAGE = obj(next=null_or(TEXT), previous=null_or(TEXT), has_more=FLAG, results=array(EVENT))
MOVED = obj(message=TEXT, bot_id=TEXT, updated_fields=array(TEXT), schedule_updated=FLAG)
GOOGLE = {f"google_{name}": "x" for name in ("client_id", "client_secret", "refresh_token")}
OUTLOOK = {f"microsoft_{name}": "x" for name in ("client_id", "client_secret", "refresh_token")}
MEETING = {"meeting_link": "https://zoom.us/j/1", "bot_name": "Notes", "join_at": SOON}
AGENT = {"agent_name": "Mia", "mode": "realtime", "model": {"provider": "x"}}


@frozen
class Reply:
    """One status of a route: a request that gets it, and the shape of what comes back.

    asked: the path with its query, or the ids in it; None where the path is the route's own.
    before: requests that come first. switches: what the simulator is told.
    """

    status: int
    shape: Json | None
    asked: str | None = None
    body: Any = None
    before: tuple[tuple[str, str, Any], ...] = ()
    switches: Json = field(factory=dict)


@frozen
class Row:
    """One route. known: "documented" in the API's pages, "published" in its OpenAPI file or its clients."""

    method: str
    path: str
    known: str
    replies: tuple[Reply, ...]


def _of_bot(method: str, path: str, known: str, *replies: Reply) -> Row:
    """A route of one bot, with the refusals that all of them have."""
    return Row(method, path, known, (
        *replies,
        Reply(403, ERROR, path.replace("{bot_id}", "theirs")),
        Reply(404, ERROR, path.replace("{bot_id}", "no")),
    ))  # fmt: skip


def _media(name: str, shape: Json) -> Row:
    path = f"/bots/{{bot_id}}/{name}"
    return _of_bot("GET", path, "published", Reply(200, shape, f"/bots/over/{name}"),
                   Reply(202, ERROR, f"/bots/b/{name}"))  # fmt: skip


def _command(name: str, body: Json | None) -> Row:
    path, missing = (
        f"/bots/{{bot_id}}/{name}",
        () if body is None else (Reply(400, ERROR, f"/bots/in/{name}"),),
    )
    return _of_bot("POST", path, "published", Reply(200, COMMAND, f"/bots/in/{name}", body),
                   Reply(409, ERROR, f"/bots/b/{name}", body), *missing)  # fmt: skip


def _routes() -> Iterator[Row]:
    for path in ("/calendar/scheduled", "/calendar/schedule", "/calendar/scheduled_bots"):
        known = "published" if path.endswith("_bots") else "documented"
        yield Row("GET", path, known, (Reply(200, ROW_OF_LIST), Reply(400, ERROR, f"{path}?limit=0")))
    yield Row("DELETE", "/calendar/schedule/{event_id}", "documented", (
        Reply(200, SINGLE, "/calendar/schedule/evt_1"),
        Reply(200, SERIES, "/calendar/schedule/evt_s", {"cancel_all_occurrences": True}),
        Reply(400, ERROR, "/calendar/schedule/evt_free"),
        Reply(404, ERROR, "/calendar/schedule/no"),
    ))  # fmt: skip
    yield Row("POST", "/calendar/schedule/{event_id}", "published", (
        Reply(200, SCHEDULED, "/calendar/schedule/evt_free"),
        Reply(400, ERROR, "/calendar/schedule/evt_free", {"bot_config": 5}),
        Reply(404, ERROR, "/calendar/schedule/no"),
        Reply(409, CONFLICT, "/calendar/schedule/evt_1"),
    ))  # fmt: skip
    bot = "/calendar/scheduled_bots/{bot_id}"
    yield _of_bot("DELETE", bot, "published", Reply(200, OF_BOT, "/calendar/scheduled_bots/b"),
                  Reply(400, ERROR, "/calendar/scheduled_bots/in"))  # fmt: skip
    moved = {"scheduled_join_time": SOON}
    yield _of_bot("PATCH", bot, "published", Reply(200, MOVED, "/calendar/scheduled_bots/b", moved),
                  Reply(400, ERROR, "/calendar/scheduled_bots/b"))  # fmt: skip
    yield Row("GET", "/calendar/events", "published", (
        Reply(200, PAGE, "/calendar/events?sync=false"),
        Reply(400, ERROR, "/calendar/events?limit=x"),
        Reply(404, ERROR, switches={"calendar_connected": False}),
    ))  # fmt: skip
    toggle = {"event_id": "evt_s", "recurring_enabled": True}
    yield Row("POST", "/calendar/toggle-recurrence", "published", (
        Reply(200, obj(), body=toggle),
        Reply(400, ERROR),
        Reply(404, ERROR, body={**toggle, "event_id": "no"}),
    ))  # fmt: skip
    yield Row("GET", "/calendar/auto-schedule/settings", "published", (
        Reply(200, AUTO),
        Reply(404, ERROR, switches={"calendar_connected": False}),
    ))  # fmt: skip
    for name in ("enable", "disable"):
        yield Row("POST", f"/calendar/auto-schedule/{name}", "published", (
            Reply(200, AUTO_DONE),
            Reply(400, ERROR, body=[]),
            Reply(404, ERROR, switches={"calendar_connected": False}),
        ))  # fmt: skip
    yield Row("GET", "/calendar", "published", (
        Reply(200, obj(total=NUMBER, user_id=TEXT, calendars=array(CALENDAR))),
    ))  # fmt: skip
    for name, body in (("create_calendar", GOOGLE), ("create_outlook_calendar", OUTLOOK)):
        replies = (Reply(200, CONNECTED, body=body), Reply(400, ERROR))
        yield Row("POST", f"/calendar/{name}", "published", replies)
    yield Row("POST", "/calendar/disconnect", "published", (
        Reply(200, DONE),
        Reply(404, ERROR, switches={"calendar_connected": False}),
    ))  # fmt: skip
    yield Row("POST", "/bots/create_bot", "published", (
        Reply(201, CREATED, body=MEETING),
        Reply(400, ERROR),
        Reply(507, CREATED, body=MEETING, before=(("POST", "/bots/create_bot", MEETING),)),
    ))  # fmt: skip
    yield Row("GET", "/bots", "published", (
        Reply(200, obj(bots=array(BOT), hasNextPage=FLAG, nextCursor=null_or(TEXT))),
        Reply(400, ERROR, "/bots?from=x"),
    ))  # fmt: skip
    yield _of_bot("GET", "/bots/{bot_id}/status", "published", Reply(
        200, obj(bot_id=TEXT, status=STATE, custom_attributes=FREE), "/bots/b/status",
    ))  # fmt: skip
    for name in ("detail", "summary"):
        yield _of_bot("GET", f"/bots/{{bot_id}}/{name}", "published", Reply(200, DETAIL, f"/bots/b/{name}"))
    yield _of_bot("GET", "/bots/{bot_id}/remove_bot", "published", Reply(200, DONE, "/bots/in/remove_bot"),
                  Reply(400, ERROR, "/bots/b/remove_bot"))  # fmt: skip
    erased = obj(message=TEXT, bot_id=TEXT, deleted_objects=NUMBER)
    yield _of_bot("DELETE", "/bots/{bot_id}/delete", "published", Reply(200, erased, "/bots/over/delete"))
    yield _media("get_audio", obj(audio_url=TEXT))
    for name in ("get_video", "get_recording_streams"):
        yield _media(name, obj(video_url=TEXT, video_info=FREE))
    yield _media("get_audio_streams", obj(
        bot_id=TEXT, audio_status=TEXT, audio_streams_available=FLAG, participants=array({}), summary=FREE,
        message=TEXT,
    ))  # fmt: skip
    yield _media("get_speaker_timeline", obj(
        chunks=array({}), lastUpdated=TEXT, audioFilePath=TEXT, totalFileSize=NUMBER,
    ))  # fmt: skip
    yield _media("get_chats", obj(
        metadata=FREE, speakers=array({}), chatMessages=array({}), messagesBySpeaker=FREE,
        serverMetadata=FREE,
    ))  # fmt: skip
    shots = obj(bot_id=TEXT, screenshots_count=NUMBER, screenshots=array({}))
    yield _media("get_screenshots", shots)
    yield _media("get_participants", array({}))
    yield _media("transcriptions", obj(bot_id=TEXT, transcriptions=array({})))
    for name, body in (("pause_recording", None), ("resume_recording", None),
                       ("send_message", {"message": "x"}), ("send_image", {"img_url": "x"})):  # fmt: skip
        yield _command(name, body)
    started = obj(bot_id=TEXT, transcript_id=TEXT, provider=TEXT, message=TEXT)
    yield _of_bot("POST", "/bots/{bot_id}/transcribe", "published",
                  Reply(200, started, "/bots/over/transcribe", {"provider": "x"}),
                  Reply(400, ERROR, "/bots/over/transcribe"))  # fmt: skip
    yield from _agents()


def _agents() -> Iterator[Row]:
    agent = obj(agent_configs=array(FREE), count=NUMBER)
    yield Row("GET", "/mia", "published", (Reply(200, agent), Reply(404, ERROR, "/mia?agent_config_id=no")))
    yield Row("POST", "/mia", "published", (
        Reply(201, obj(message=TEXT, agent_config_id=TEXT, agent_config=FREE), body=AGENT),
        Reply(400, ERROR),
    ))  # fmt: skip
    made = (("POST", "/mia", AGENT),)
    change = {"agent_config_id": "{agent}", "agent_name": "Ada"}
    yield Row("PUT", "/mia", "published", (
        Reply(200, obj(message=TEXT, agent_config=FREE), body=change, before=made),
        Reply(400, ERROR),
        Reply(404, ERROR, body={"agent_config_id": "no"}),
    ))  # fmt: skip
    yield Row("DELETE", "/mia", "published", (
        Reply(200, DONE, "/mia?agent_config_id={agent}", before=made),
        Reply(404, ERROR),
    ))  # fmt: skip


ROUTES = tuple(_routes())


def whole_account(**switches: Any) -> Simulator:
    """A bot in each state, one of another user's, and events with and without bots."""
    now = datetime.now(UTC)
    bots = [
        SimulatedBot("b", "evt_1"),
        SimulatedBot("in", join_time=now - timedelta(minutes=5)),
        SimulatedBot("over", join_time=now - timedelta(hours=5)),
        SimulatedBot("0834f3b9-043c-4496", "evt_s", series="evt_s"),
    ]
    free = [SimulatedMeetStreamEvent(event_id="evt_free")]
    return Simulator(bots, meetstream_events=free, foreign_bots=["theirs"], **switches)


def openapi() -> Json:
    """The table as an OpenAPI document, with what every route answers to a wrong key or body."""
    paths: Json = {}
    for row in ROUTES:
        replies: dict[int, list[Json]] = {401: [ERROR], 403: [ERROR]}
        for reply in row.replies:
            known = replies.setdefault(reply.status, [])
            if reply.shape is not None and reply.shape not in known:
                known.append(reply.shape)
        operation: Json = {"responses": {
            str(status): {"description": "", "content": {"application/json": {"schema": {"anyOf": shapes}}}}
            for status, shapes in replies.items()
        }}  # fmt: skip
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"anyOf": [
                {"enum": known}, {"type": "string", "minLength": 1},
            ]}}
            for name, known in _KNOWN.items() if f"{{{name}}}" in row.path
        ] + [
            {"name": name, "in": "query", "schema": TEXT}
            for name in _QUERY.get((row.method, row.path), ())
        ]  # fmt: skip
        if row.method in ("POST", "PUT", "PATCH", "DELETE"):
            body = next((reply.body for reply in row.replies if isinstance(reply.body, dict)), {})
            properties = {name: {"anyOf": [{"const": value}, {}]} for name, value in body.items()}
            # Nothing is said of the body: anything may come, and what is known comes often.
            schema = {"anyOf": [{"type": "object", "properties": properties}, {}]}
            operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        paths.setdefault(row.path, {})[row.method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": "Simulator", "version": "1"}, "paths": paths}


_KNOWN = {"event_id": ["evt_1", "evt_s", "evt_free"], "bot_id": ["b", "in", "over", "theirs"]}
_QUERY = {
    ("GET", "/calendar/events"): (
        "time_min", "time_max", "limit", "cursor", "calendar_id", "provider", "account_id", "sync",
    ),
    ("GET", "/calendar/scheduled_bots"): ("limit",),
    ("GET", "/bots"): ("status", "from", "to", "platform", "cursor", "custom_attr[x]"),
    ("GET", "/mia"): ("agent_config_id",),
    ("DELETE", "/mia"): ("agent_config_id",),
}  # fmt: skip
