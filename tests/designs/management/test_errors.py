"""``manage.py errors``: readable in 80 columns whatever the errors say, and clear about what it cannot tell."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from freezegun import freeze_time

from designs.context import RunContext
from designs.exceptions import CorruptedFile
from designs.monitoring import ErrorTracker
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.store import error_store
from designs.monitoring.fingerprint import Fingerprint
from designs.terminal_text import width_of
from tests.designs.test_terminal_text import HOSTILE
from tests.designs.views.test_groups import FULL, stub
from tests.support.outage import REFUSED_URL
from tests.support.secrets_table import IN_TEXT

UNKNOWN = f"1:{'0' * 32}"
KEY = str(FULL["fingerprint"])


def errors(*arguments: str) -> str:
    out = io.StringIO()
    call_command("errors", *arguments, stdout=out)
    return out.getvalue()


def fail(message: str = "broken", times: int = 1, kind: type[Exception] = ValueError) -> str:
    """Record failures; return the key of their group."""
    for _ in range(times):
        try:
            raise kind(message)
        except Exception as error:
            record = ErrorTracker.log_error(error)
    return str(record["fingerprint"])


class TestTop:
    def test_groups_come_by_occurrences(self) -> None:
        keys = [fail(times=2), fail(times=5, kind=KeyError), ErrorTracker.log_error("text")["fingerprint"]]

        lines = errors("top").splitlines()
        assert [line.split()[0] for line in lines[1::2]] == ["5", "2", "1"]
        assert [line.split()[-1] for line in lines[1::2]] == [keys[1], keys[0], keys[2]]
        assert [line.strip() for line in lines[2::2]] == ["KeyError: 'broken'", "ValueError: broken", "text"]

    def test_a_group_of_files_has_its_stage_and_reasons(self) -> None:
        for reason in ("syntax", "unresolved_reference", "unresolved_reference"):
            error = CorruptedFile("words", details={"stage": "scan", "reason": reason})
            key = str(ErrorTracker.log_error(error)["fingerprint"])

        assert errors("top").splitlines()[2].strip() == "CorruptedFile, scan: unresolved reference 2, syntax 1"
        shown = errors("show", key).splitlines()
        assert shown[0] == "CorruptedFile, scan: words"
        assert shown[shown.index("Reasons") + 1] == "  unresolved reference 2, syntax 1"
        assert errors("top", "--json").count('"reason": "syntax", "count": 1') == 1

    def test_the_limit_holds(self) -> None:
        for text in ("a", "b", "c"):
            ErrorTracker.log_error(text)

        assert len(errors("top", "-n", "2").splitlines()) == 1 + 2 * 2

    def test_as_json_it_is_one_document(self) -> None:
        key = fail(times=3)

        document = json.loads(errors("top", "--json"))
        assert document["count"] == 1
        assert (document["groups"][0]["fingerprint"], document["groups"][0]["total"]) == (key, 3)

    def test_without_errors_it_says_so(self) -> None:
        assert errors("top") == "No errors are known.\n"
        assert json.loads(errors("top", "--json")) == {"count": 0, "groups": []}

    @pytest.mark.parametrize(
        ("passed", "shown"), [(0, "0s"), (59, "59s"), (60, "1m"), (7_200, "2h"), (200_000, "2d"), (-5, "0s")]
    )
    def test_it_tells_how_long_ago(self, monkeypatch: pytest.MonkeyPatch, passed: int, shown: str) -> None:
        stub(monkeypatch, FULL)
        seen = int(str(FULL["last_seen_ms"])) // 1000
        with freeze_time(datetime.fromtimestamp(seen + passed, UTC)):
            assert errors("top").splitlines()[1].split()[2] == shown


class TestShow:
    def test_it_tells_all_there_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        minutes = [["2026-01-31T11:01:00Z", 1], ["2026-01-31T11:59:00Z", 4], ["2026-01-31T12:00:00+00:00", 8]]
        stub(monkeypatch, {**FULL, "minutes": minutes})
        with freeze_time(datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC)):
            shown = errors("show", KEY)

        for said in ("ValueError: broken", KEY, "12, users: 3", "regressed", "2026-01-31T12:00:00.000Z"):
            assert said in shown
        assert f"|▁{' ' * 57}▄█|" in shown
        for said in ("  designs/x.py", "  Traceback", f"{2:>8}  1:{'b' * 32}  KeyError"):
            assert said in shown.splitlines() or f"  {said}" in shown.splitlines()

    def test_a_group_with_gaps_is_shown_with_gaps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stub(monkeypatch, {"fingerprint": KEY, "minutes": [["nonsense", 1]]})

        assert "last seen   -" in errors("show", KEY)

    def test_a_recorded_failure_is_shown_with_its_traceback(self) -> None:
        assert "raise kind(message)" in errors("show", fail())

    def test_as_json_it_is_one_document(self) -> None:
        key = fail(times=2)

        document = json.loads(errors("show", key, "--json"))
        assert (document["fingerprint"], document["total"]) == (key, 2)

    def test_a_key_that_was_joined_shows_the_group(self) -> None:
        key, joined = f"1:{'a' * 32}", f"1:{'b' * 32}"
        for each in (key, joined):
            error_store.record(build_event("broken", RunContext()), Fingerprint(each, "1", (each,), ("1:bug",), "site"))

        lines = errors("show", joined).splitlines()
        assert f"  key         {key}" in lines
        assert lines[lines.index("Other keys that count here, joined by an alias") + 1] == f"  {joined}"

    @pytest.mark.parametrize("key", [UNKNOWN, "nonsense", "", "\x1b[31m\nred" * 50])
    def test_an_unknown_key_is_one_clear_line(self, key: str) -> None:
        with pytest.raises(CommandError) as refused:
            errors("show", key)

        said = str(refused.value)
        assert said.startswith("No group has the key")
        assert said.isprintable()
        assert len(said) < 80


class TestTail:
    def test_it_gives_the_newest_records_oldest_first(self) -> None:
        for text in ("first", "second", "third"):
            ErrorTracker.log_error(text)

        shown = errors("tail", "-n", "2")
        assert [line.split()[-1] for line in shown.splitlines()[::2]] == ["second", "third"]

    def test_as_json_each_record_is_a_line(self) -> None:
        for text in ("first\nline", "second"):
            ErrorTracker.log_error(text)

        lines = [json.loads(line) for line in errors("tail", "--json").splitlines()]
        assert lines == list(reversed(ErrorTracker.get_recent_errors()))

    def test_it_follows_until_it_is_interrupted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        waited: list[float] = []

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 4:
                raise KeyboardInterrupt
            if len(waited) > 1:
                ErrorTracker.log_error(f"row {'x' * len(waited)}")

        ErrorTracker.log_error("before")
        monkeypatch.setattr(time, "sleep", sleep)
        lines = errors("tail", "-f", "--interval", "0.5", "--json").splitlines()

        assert [json.loads(line)["error_message"] for line in lines] == ["before", "row xx", "row xxx"]
        assert waited == [0.5] * 4


@pytest.mark.parametrize("text", [*HOSTILE, "漢" * 39 + "x" * 500])
def test_no_line_is_wider_than_the_terminal_or_tells_it_anything(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    key = fail(text)
    ErrorTracker.log_error(text, request_path="/" + text)
    shown = errors("top") + errors("tail") + errors("show", key)
    held = dict.fromkeys(("type", "message", "severity", "site", "traceback"), text)
    others = [{"fingerprint": text, "type": text, "total": 10**12}]
    stub(monkeypatch, {**FULL, **held, "parts": [text], "related": others, "total": 10**15, "users": 10**9})
    shown += errors("top") + errors("show", KEY)

    lines = shown.split("\n")
    assert len(lines) > 20
    assert all(line.isprintable() for line in lines)
    assert max(width_of(line) for line in lines) <= 80


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_no_secret_is_shown(text: str, secret: str) -> None:
    key = fail(text)

    for arguments in (("top",), ("tail",), ("show", key)):
        # Wrapped lines must not hide it from this test.
        assert secret not in errors(*arguments).replace("\n  ", "")
        assert secret not in errors(*arguments, "--json")


@override_settings(REDIS_URL=REFUSED_URL)
@pytest.mark.parametrize("arguments", [("top",), ("tail",), ("tail", "-f"), ("show", UNKNOWN), ("top", "--json")])
def test_without_redis_it_is_one_clear_line(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"^Redis does not answer, so the errors cannot be read\.$"):
        errors(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("top", "-n", "0"),
        ("top", "-n", "101"),
        ("top", "-n", "many"),
        ("tail", "--interval", "0.1"),
        ("tail", "--interval", "61"),
        ("tail", "--interval", "nan"),
        ("show",),
        (),
        ("tails",),
    ],
)
def test_a_senseless_option_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        errors(*arguments)
