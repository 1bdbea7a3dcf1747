"""What a bot leaves behind, and what it can be told in its meeting: in outline."""

from datetime import datetime
from typing import Any

from ..account import Account
from ..bots import SimulatedBot
from ..gateway import Answer, json_answer
from ..trouble import RequestRecord, Trouble
from .bots import Bots
from .words import refusal

GETS = ("get_audio", "get_video", "get_recording_streams", "get_audio_streams", "get_speaker_timeline",
        "get_chats", "get_screenshots", "get_participants", "transcriptions")  # fmt: skip
COMMANDS: dict[str, str | None] = {
    "pause_recording": None,
    "resume_recording": None,
    "send_message": "message",
    "send_image": "img_url",
    "transcribe": "provider",
}
"""The commands, and the field that the body of each must have."""


class Media:
    """Answers requests about a bot's recordings, and commands to a bot."""

    def __init__(self, account: Account, bots: Bots) -> None:
        self._account = account
        self._bots = bots
        self._erased: set[str] = set()

    def get(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """GET /bots/{bot_id}/get_audio and the like: 202 until the bot has left its meeting."""
        bot = self._bots.find(record.bot_id, "bot_media")
        if isinstance(bot, Answer):
            return bot
        if bot.bot_id in self._erased:
            return refusal(404, "No data found for this bot")
        if self._account.world.state(bot, now) != "Stopped":
            text = "Not ready yet: the bot has not finished its meeting"
            return json_answer(202, {"error": text, "message": text})
        return json_answer(200, _media(record.path.rsplit("/", 1)[-1], bot))

    def command(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """POST /bots/{bot_id}/pause_recording and the like: 409 unless the bot is in its meeting."""
        bot = self._bots.find(record.bot_id, "bot_command")
        if isinstance(bot, Answer):
            return bot
        name = record.path.rsplit("/", 1)[-1]
        field = COMMANDS[name]
        body = record.body if isinstance(record.body, dict) else {}
        if field is not None and not isinstance(body.get(field), str):
            return refusal(400, f"{field} is required")
        if name == "transcribe":
            transcript_id = self._account.new_id("transcript")
            told = {"provider": body[field], "message": "Transcription started"}
            return json_answer(200, {"bot_id": bot.bot_id, "transcript_id": transcript_id, **told})
        if self._account.world.state(bot, now) != "InMeeting":
            return refusal(409, "Bot is not currently in the meeting")
        return json_answer(200, {"status": "success", "bot_id": bot.bot_id, "command": name})

    def remove(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """GET /bots/{bot_id}/remove_bot: the bot leaves its meeting."""
        bot = self._bots.find(record.bot_id, "remove_bot")
        if isinstance(bot, Answer):
            return bot
        if self._account.world.state(bot, now) != "InMeeting":
            return refusal(400, "Bot is not currently in the meeting")
        self._account.world.end(bot.bot_id, now)
        return json_answer(200, {"message": "Bot removed successfully"})

    def erase(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """DELETE /bots/{bot_id}/delete: the recordings go; a scheduled bot stays scheduled."""
        bot = self._bots.find(record.bot_id, "delete_data")
        if isinstance(bot, Answer):
            return bot
        objects = 0 if self._account.world.state(bot, now) != "Stopped" or bot.bot_id in self._erased else 3
        self._erased.add(bot.bot_id)
        done = {"message": "Data deleted successfully", "bot_id": bot.bot_id, "deleted_objects": objects}
        return json_answer(200, done)


def _media(name: str, bot: SimulatedBot) -> Any:
    where = f"https://media.example.com/{bot.bot_id}"
    match name:
        case "get_audio":
            return {"audio_url": f"{where}/audio.wav"}
        case "get_video" | "get_recording_streams":
            return {"video_url": f"{where}/video.mp4", "video_info": {}}
        case "get_audio_streams":
            return {"bot_id": bot.bot_id, "audio_status": "Success", "audio_streams_available": False,
                    "participants": [], "summary": {}, "message": "No separate streams"}  # fmt: skip
        case "get_speaker_timeline":
            return {"chunks": [], "lastUpdated": "", "audioFilePath": "", "totalFileSize": 0}
        case "get_chats":
            return {"metadata": {}, "speakers": [], "chatMessages": [], "messagesBySpeaker": {},
                    "serverMetadata": {}}  # fmt: skip
        case "get_screenshots":
            return {"bot_id": bot.bot_id, "screenshots_count": 0, "screenshots": []}
        case "transcriptions":
            return {"bot_id": bot.bot_id, "transcriptions": []}
    return []
