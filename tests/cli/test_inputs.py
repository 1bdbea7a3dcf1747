"""Files that an operator hands over: ids, rows and keys."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from meetstream_async.cli.exit_codes import Refused
from meetstream_async.cli.inputs.accounts import meetbit_account, meetstream_account
from meetstream_async.cli.inputs.files import check_note, check_number, read_ids, read_rows
from meetstream_async.simulator import Simulator
from tests.helpers.command_line import CANARY, command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "given"


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b"a\nb\n", ("a", "b")),
        (b"a\nb", ("a", "b")),
        (b"\xef\xbb\xbfa\r\nb\r\n", ("a", "b")),
        (b"# why\n\n  a \n   \n #b\n", ("a",)),
        (b"a\nb\na\n", ("a", "b")),
        ("evt_ä/ü?#x\n".encode(), ("evt_ä/ü?#x",)),
    ],
)
def test_ids_are_read(file: Path, content: bytes, ids: tuple[str, ...]) -> None:
    """One id per line, without duplicates; blank lines, comments, CRLF and a byte order mark are ignored."""
    file.write_bytes(content)
    assert read_ids(str(file)) == ids


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\n..\n", "line 2: '..' is not a valid event id"),
        (b"a\n\nb\x1b[2J\n", "line 3: "),
        (b"a\x00\n", "line 1: "),
        (b"\xff\xfea\x00", "not UTF-8"),
        (b"", "contains no event ids"),
        (b"# only\n", "contains no event ids"),
    ],
)
def test_bad_ids_are_named_with_their_line(file: Path, content: bytes, words: str) -> None:
    """An invalid id is named with its line; an empty list is refused, since it may be a failed query."""
    file.write_bytes(content)
    with pytest.raises(Refused, match=r"nothing was sent|not UTF-8") as refusal:
        read_ids(str(file))
    assert words in str(refusal.value)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("read", [read_ids, lambda name: read_rows(name, note="off")])
def test_a_file_that_is_too_large_is_refused(file: Path, read: Callable[[str], object]) -> None:
    """Its size is checked before it is read."""
    with open(file, "wb") as grown:
        grown.truncate(2**40)
    with pytest.raises(Refused, match="larger than 64 MiB"):
        read(str(file))


def test_standard_input_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no size is read as far as the bound."""
    with open("/dev/zero") as endless:
        monkeypatch.setattr("sys.stdin", endless)
        with pytest.raises(Refused, match="standard input is larger than 64 MiB"):
            read_ids("-")


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa\r\nb")))
    assert read_ids("-") == ("a", "b")


def test_a_missing_file_is_refused(file: Path) -> None:
    """A file that is not there, or is a folder, is one line that says so."""
    with pytest.raises(Refused, match=r"can't be read: No such file"):
        read_ids(str(file))
    with pytest.raises(Refused, match=r"can't be read: Is a directory"):
        read_ids(str(file.parent))


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"1,2\n3,4\n", [(1, 2, "n"), (3, 4, "n")]),
        (b"calendar_id,event_id\n1,2\n", [(1, 2, "n")]),
        (b'\xef\xbb\xbfcalendar_id,event_id,cancel_note\r\n1,2,"moved, sorry"\r\n', [(1, 2, "moved, sorry")]),
        (b"Event_ID, Calendar_ID\n2, 1\n", [(1, 2, "n")]),
        (b"\n1,2,own\n,,\n3,4,\n", [(1, 2, "own"), (3, 4, "n")]),
        (b"1,2\n1,2\n", [(1, 2, "n")]),
        (b'1,2,"two\nlines"\n', [(1, 2, "two\nlines")]),
    ],
)
def test_rows_are_read(file: Path, content: bytes, rows: list[tuple[int, int, str]]) -> None:
    """With or without a header, in any order of columns, each event once, with its own note or --note."""
    file.write_bytes(content)
    found = read_rows(str(file), note="n")
    assert [(row.calendar_id, row.event_id, row.note) for row in found] == rows


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"1,2\nx,4\n", "line 2: calendar_id 'x' is not a positive whole number"),
        (b"1,2\n\n3,0\n", "line 3: event_id '0'"),
        (b"1,-2\n", "line 1: event_id '-2'"),
        (b"1,2.0\n", "line 1: event_id '2.0'"),
        (b"1\n", "line 1: event_id ''"),
        (b"1,99999999999999999999\n", "line 1: event_id"),
        ("1,²\n".encode(), "line 1: event_id"),
        (b"1,2,a,b\n", "line 1: 4 columns instead of 3; a note with a comma needs quotes"),
        (b'1,2,"two\nlines"\nx,1\n', "line 3: calendar_id 'x'"),
        (b"1;2\n", "commas, not semicolons"),
        (b"calendar_id,event_id,note\n1,2,x\n", "unknown column 'note'"),
        (b"calendar_id,cancel_note\n1,x\n", "the column event_id is missing"),
        (b"event_id,event_id,calendar_id\n1,2,3\n", "occurs twice"),
        (b"1,2," + b"x" * 256 + b"\n", "line 1: cancel_note has 256 characters"),
        (b"1,2,a\n1,2,b\n", "line 2: repeats line 1 with a different note"),
        (b'1,2,"a\n', "line 1: not valid CSV"),
        (b"", "has no rows"),
        (b"calendar_id,event_id\n", "has no rows"),
        (b"a,1\nb,2\nc,3\nd,4\ne,5\n", "(and 2 more bad rows)"),
    ],
)
def test_bad_rows_are_named_with_their_line(file: Path, content: bytes, words: str) -> None:
    """A bad row is named with its line and with what is wrong with it."""
    file.write_bytes(content)
    with pytest.raises(Refused, match=r"nothing was sent") as refusal:
        read_rows(str(file), note="n")
    assert words in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_a_row_without_any_note_is_named(file: Path) -> None:
    """Without --note each row needs its own."""
    file.write_bytes(b"1,2,own\n3,4\n")
    with pytest.raises(Refused, match=r"line 2: cancel_note is empty, and --note"):
        read_rows(str(file), note=None)


@pytest.mark.parametrize("note", ["", "  ", "x" * 256, "\ud800"])
def test_notes_that_the_api_refuses_are_refused(note: str) -> None:
    """A note has 1 to 255 whole characters."""
    with pytest.raises(Refused, match=r"--note"):
        check_note(note)


def test_numbers_are_checked() -> None:
    """A MeetBit id is a positive whole number."""
    assert check_number("12", "EVENT") == 12
    for text in ("0", "-1", "x", "1e3", ""):
        with pytest.raises(Refused, match=r"EVENT"):
            check_number(text, "EVENT")


def say_key(file: Path, content: bytes, mode: int = 0o600) -> Path:
    file.write_bytes(content)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("content", [b"%s", b"%s\n", b"%s\r\n", b"\xef\xbb\xbf%s\n\n", b"  %s \n"])
def test_a_key_file_holds_a_key(
    file: Path, content: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line ends and a byte order mark are not part of the key; the file takes precedence."""
    monkeypatch.setenv("MEETSTREAM_API_KEY", "another_key_0123456789")
    account = meetstream_account(say_key(file, content % CANARY.encode()))
    assert account.key_source == str(file)
    assert account.client().api.transport.scrub(CANARY) == "***"
    assert CANARY not in repr(account)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"a\nb\n", b"\xff\xfe", b"has space", pytest.param(b"k" * 65_537, id="large")],
)
def test_a_file_that_holds_no_key_is_refused(file: Path, content: bytes) -> None:
    """An unusable key file is named, and what it holds is not repeated."""
    with pytest.raises(Refused) as refusal:
        meetstream_account(say_key(file, content))
    assert str(file) in str(refusal.value)
    assert "has space" not in str(refusal.value)


def test_a_key_file_that_others_may_read_is_a_warning(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key file that others may read still works, with a warning that says what to do."""
    meetstream_account(say_key(file, CANARY.encode(), 0o640))
    err = capsys.readouterr().err
    assert f"warning: other users can read the key file {file}: chmod 600 {file}" in err.replace("\n", " ")
    assert CANARY not in err


def test_access_keys_are_two_lines(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of --access-keys-file holds the id, then the secret."""
    monkeypatch.setenv("MEETBIT_PRIMARY_DOMAIN", "acme.example.com")
    account = meetbit_account(say_key(file, b"the-id-0123456789\nthe-secret-0123456789\n"))
    assert account.base_url == "https://acme.example.com/api/public/v2.0"
    scrub = account.client().api.transport.scrub
    assert scrub("the-id-0123456789 the-secret-0123456789") == "*** ***"
    with pytest.raises(Refused, match=r"the access key id on one line and the access key secret"):
        meetbit_account(say_key(file, b"only-one-0123456789\n"))


def test_without_access_keys_the_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MeetBit's keys one line names the variables and the option."""
    monkeypatch.setenv("MEETBIT_ACCESS_KEY_ID", "the-id-0123456789")
    with pytest.raises(Refused, match=r"MEETBIT_ACCESS_KEY_SECRET is not set.*--access-keys-file"):
        meetbit_account(None)


async def test_a_command_takes_its_key_from_a_file(file: Path) -> None:
    """--api-key-file stands in for the variable, and is named where the key is rejected."""
    async with Simulator(2, one_off=0) as sim:
        say_key(file, f"{sim.api_key}\n".encode())
        environment = {"MEETSTREAM_API_URL": sim.base_url}
        listed = await command("list", "--api-key-file", file, **environment)
        say_key(file, CANARY.encode())
        rejected = await command("unschedule-all", "--yes", "--api-key-file", file, **environment)
        assert not [record for record in sim.requests if record.method == "DELETE"]
    assert listed.code == 0
    assert listed.err == "2 scheduled bots\n"
    assert rejected.code == 3
    assert f"the key from {os.fspath(file)} was rejected" in rejected.err
    assert CANARY not in rejected.err + rejected.out
