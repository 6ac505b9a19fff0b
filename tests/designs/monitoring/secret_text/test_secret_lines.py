"""How many secrets of real lines are found, and how many harmless lines are changed; and every way a failure takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from designs.monitoring import ErrorTracker
from designs.monitoring.redaction.values import OVERLAP_CHARS, redact, redact_text, redacted_tail
from tests.support import secret_lines
from tests.support.sentry_capture import Collecting, transport

__all__ = ["transport"]

TABLES = ["first", "second", "third", "fourth"]
FOUND_MIN, CHANGED_MAX = 0.95, 0.03
SECRET = "Xk7Qm2Rv9Tz4Lp8W"


def scrubbed(value: Any) -> str:
    return redact_text(value) if isinstance(value, str) else repr(redact(value))


@pytest.mark.parametrize("table", TABLES)
def test_of_the_secrets_of_real_lines_nearly_all_go(table: str) -> None:
    lines = secret_lines.secrets(table)
    missed = [value for value, made in lines if any(secret_lines.leaks(scrubbed(value), secret) for secret in made)]

    assert len(missed) <= (1 - FOUND_MIN) * len(lines), missed


@pytest.mark.parametrize("table", TABLES)
def test_of_harmless_real_lines_nearly_all_stay(table: str) -> None:
    lines = secret_lines.harmless(table)
    changed = [value for value in lines if scrubbed(value) != (value if isinstance(value, str) else repr(value))]

    assert len(changed) <= CHANGED_MAX * len(lines), changed


@pytest.mark.parametrize(
    "text",
    [
        "password      = {}",
        'password := "{}"',
        "token == '{}'",
        'connect(password=f"{}")',
        "db:\n  password:\n    {}\n",
        '[tls]\nsecret = """\n{}\n"""',
        '<add key="DbPassword" value="{}"/>',
        '<property name="password">{}</property>',
        'name="password"\r\n\r\n{}',
        "mysql -u root -p{} enginel",
        "curl -u bob:{} https://x",
        "sshpass -p {} ssh x",
        "['redis-cli', '-a', '{}', 'ping']",
        '["docker", "login", "-u", "app", "-p", "{}"]',
        "DBPASS={}",
        "{{'bindpw': '{}'}}",
        "Secret access key: {}",
        "Private key: {}=",
        "jdbc:oracle:thin:scott/{}@//db:1521/orcl",
        "machine x login bob password {}",
        "bad .pgpass: db.internal:5432:enginel:app:{}",
        "AUTH PLAIN {}",
        "HTTPBasicAuth('bob', '{}')",
        "Password for bob: {}",
        "shared secret '{}' does not match",
        "[SQL: UPDATE u SET password=?]\n[parameters: ('{}', 5)]",
        "GET /x?sid={} refused",
        "GET /cb?code={}&state=x",
        "mot de passe : {}",
        "{{'contraseña': '{}'}}",
        '"password":\n"{}"',
        "if pw != '{}'",
    ],
)
def test_each_way_to_write_a_secret_is_known(text: str) -> None:
    assert not secret_lines.leaks(redact_text(text.format(SECRET)), SECRET)


@pytest.mark.parametrize(
    "text",
    [
        "password={}",
        "token='{}'",
        "Authorization: Negotiate {}",
        "Cookie: a={}",
        "https://bob:{}@x/y",
        '"api_key": "{}"',
    ],
)
def test_a_secret_of_any_length_goes_to_its_end(text: str) -> None:
    assert SECRET not in redact_text(text.format("x" * 9_000 + SECRET))


def test_json_in_json_is_looked_into() -> None:
    text: Any = {"password": SECRET}
    for _ in range(5):
        text = json.dumps(text)
        assert SECRET not in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "unauthorized: 401",
        "passwordless=True",
        "has_password=True",
        "password_min_length=10",
        "password_reset_url=/reset/",
        "api_key_id=42",
        "auth_time_ms=12",
        "n_cookies=3",
        "secrets_file_missing: True",
        "signature: def scan(...)",
        "pass: 3 of 5",
        "PASS: test_x",
        "sk-something-very-long-feature-name-here",
        '{"part_number": "4111 1111 1111 1111"}',
        '{"bytes": 4539578763621486}',
        "password=None",
        "token=%s",
        "Unexpected token: 'ENDSEC'",
    ],
)
def test_what_only_looks_like_a_secret_stays_readable(text: str) -> None:
    assert redact_text(text) == text


def test_the_end_of_a_private_key_goes_where_its_beginning_is_cut() -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{(SECRET * 4 + chr(10)) * 200}-----END PRIVATE KEY-----\nat the end"

    assert len(key) > 2 * OVERLAP_CHARS
    assert SECRET not in redacted_tail(key, 6_000)
    assert SECRET not in redacted_tail("x" * 70_000 + key, 6_000)
    assert redacted_tail(key, 6_000).endswith("at the end")


def _chain() -> Exception:
    try:
        try:
            raise KeyError(f"password      = {SECRET}")
        except KeyError as cause:
            cause.add_note(f"mysql -p{SECRET} x")
            raise ValueError(f"DBPASS={SECRET}") from cause
    except ValueError as error:
        error.add_note(f'secret = """\n{SECRET}\n"""')
        return ExceptionGroup("several", [error, RuntimeError(f"AUTH PLAIN {SECRET}")])


def _subprocess() -> Exception:
    try:
        subprocess.run(
            [sys.executable, "-c", "raise SystemExit(1)", "curl", "--user", f"app:{SECRET}"], check=True, timeout=30
        )
    except subprocess.CalledProcessError as error:
        return error
    raise AssertionError


class Login:
    """Prints its password among its facts, as a dataclass does."""

    def __repr__(self) -> str:
        return f"Login(user='bob', bindpw='{SECRET}')"


def _statement() -> Exception:
    return RuntimeError(f"[SQL: INSERT INTO tokens (id, token) VALUES (?, ?)]\n[parameters: (5, '{SECRET}')]", Login())


@pytest.mark.parametrize("failure", [_chain, _subprocess, _statement])
def test_no_failure_carries_a_secret_to_the_store_or_to_sentry(
    failure: Callable[[], Exception], transport: Collecting
) -> None:
    error = failure()
    context = {
        "argv": ["mysql", f"-p{SECRET}", "x"],
        "env": {"FERNET_KEY": SECRET, "DBPASS": SECRET},
        "login": Login(),
        "note": f"Secret access key: {SECRET}",
        "url": f"/x?sid={SECRET}",
    }
    try:
        raise error
    except Exception as raised:
        ErrorTracker.log_error(raised, context)

    record = json.dumps(ErrorTracker.get_recent_errors(1), ensure_ascii=False)
    assert type(error).__name__ in record
    assert not secret_lines.leaks(record, SECRET)
    assert transport.events
    assert not secret_lines.leaks(b"".join(transport.raw).decode(), SECRET)
