"""Clients that send, read and close slowly, against gunicorn as production runs it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import urllib3

from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port
from tests.support.stack import RunningStack, manage, wait_for

pytestmark = pytest.mark.timeout(90)

CLIENTS = 200
PROBES = 20
PROBE_MAX_SECONDS = 0.3
LOGIN = b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LIVENESS = b"GET /api/health/ HTTP/1.1\r\nHost: localhost\r\n"
LARGE = b"/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"

KINDS = {
    "no byte": b"",
    "half a request line": b"GET /api/hea",
    "half a head": LIVENESS + b"X-Slow: ",
    "no body": LOGIN + b"Content-Length: 40\r\n\r\n",
    "half a body": LOGIN + b'Content-Length: 40\r\n\r\n{"username": ',
    "the beginning of a large body": LOGIN + b"Content-Length: 5000000\r\n\r\n" + b"x" * 70_000,
    "half a chunk": LOGIN + b"Transfer-Encoding: chunked\r\n\r\nff\r\nx",
    "a body that waits for permission": LOGIN + b"Expect: 100-continue\r\nContent-Length: 40\r\n\r\n",
    "idle after an answer": LIVENESS + b"\r\n",
    "open after the last answer": LIVENESS + b"Connection: close\r\n\r\n",
    "reads no answer": b"GET " + LARGE + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "reads no answers": (b"GET " + LARGE + b" HTTP/1.1\r\nHost: localhost\r\n\r\n") * 20,
}


SERVERS = {
    "gthread": ["gunicorn", "enginel.wsgi", "--config", "python:enginel.gunicorn", "--graceful-timeout", "1",
                "--bind", "127.0.0.1:{port}"],
    "asgi": ["uvicorn", "enginel.asgi:application", "--host", "127.0.0.1", "--port", "{port}"],
}  # fmt: skip


@contextmanager
def server(running: RunningStack, kind: str, **env: str) -> Iterator[int]:
    """Start a server beside the running stack, with settings of its own; return its port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *(word.format(port=port) for word in SERVERS[kind])],
        env={**running.stack.env, **env},
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    try:
        wait_for(lambda: _answers(port))
        yield port
    finally:
        stop(process)


def _answers(port: int) -> bool:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/api/health/", retries=False, timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


@pytest.fixture(scope="module")
def patient(running: RunningStack) -> Iterator[int]:
    """A server that waits longer for slow clients than the tests take."""
    with server(running, "gthread", ENGINEL_CLIENT_GRACE_SECONDS="60") as port:
        yield port


@pytest.fixture(scope="module", params=SERVERS)
def strict(request: pytest.FixtureRequest, running: RunningStack) -> Iterator[int]:
    """A server that gives slow clients a second."""
    with server(running, request.param, ENGINEL_CLIENT_GRACE_SECONDS="1") as port:
        yield port


MAKE_LOGINS = """
from datetime import timedelta
from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY
from knox.models import get_token_model
from designs.models import User
from designs.access.sessions import SessionStore
make = get_token_model().objects.create
user = User.objects.create_user("sends-bodies")
gone = User.objects.create_user("sends-no-bodies", is_active=False)
session = SessionStore()
session.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
                HASH_SESSION_KEY: user.get_session_auth_hash()})
session.save()
print("token: Authorization: Bearer", make(user)[1])
print("expired token: Authorization: Bearer", make(user, expiry=timedelta(days=-1))[1])
print("inactive token: Authorization: Bearer", make(gone)[1])
print(f"session: Cookie: sessionid={session.session_key}; csrftoken={'a' * 32}")
"""


@pytest.fixture(scope="module")
def logins(running: RunningStack) -> dict[str, str]:
    """Headers of logins by name."""
    lines = manage(running.stack, "shell", "--no-imports", "-c", MAKE_LOGINS).splitlines()
    named = {name: header for name, colon, header in (line.partition(": ") for line in lines) if colon}
    return {**named, "session": f"{named['session']}\r\nX-CSRFToken: {'a' * 32}"}


def slow_client(port: int, data: bytes) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(("127.0.0.1", port))
    client.setblocking(False)
    with suppress(BlockingIOError):
        client.send(data)
    client.settimeout(20)
    return client


def probe(port: int) -> float:
    """Return the seconds that liveness takes, over a connection of its own."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(LIVENESS + b"Connection: close\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    return time.monotonic() - began


def answer_of(client: socket.socket) -> bytes:
    """Return all that the server sends until it closes the connection."""
    received = b""
    while data := client.recv(65536):
        received += data
    return received


@pytest.mark.parametrize("kind", KINDS)
def test_liveness_answers_while_slow_clients_hang(patient: int, kind: str) -> None:
    with ExitStack() as clients:
        for _ in range(CLIENTS):
            clients.enter_context(slow_client(patient, KINDS[kind]))
        # The processes have taken all of the requests before: the clients hang now.
        wait_for(lambda: max(probe(patient) for _ in range(4)) < PROBE_MAX_SECONDS)
        times = sorted(probe(patient) for _ in range(PROBES))

    # One probe may meet a busy machine; most may not.
    assert times[int(PROBES * 0.9)] < PROBE_MAX_SECONDS


@pytest.mark.parametrize("kind", ["no body", "half a body", "a body that waits for permission"])
def test_a_body_that_does_not_arrive_is_answered_and_the_connection_closed(strict: int, kind: str) -> None:
    with slow_client(strict, KINDS[kind]) as client:
        answer = answer_of(client).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nconnection: close" in head.lower()
    assert json.loads(body) == {
        "detail": "The body of this request arrives too slowly.",
        "code": "request_timeout",
        "error_id": None,
    }


@pytest.mark.parametrize("strict", ["gthread"], indirect=True)
def test_a_head_that_does_not_arrive_is_answered_and_the_connection_closed(strict: int) -> None:
    with slow_client(strict, KINDS["half a head"]) as client:
        assert answer_of(client).startswith(b"HTTP/1.1 408 ")


def framed(framing: str, length: int) -> bytes:
    """Return the header that says how long a body is, and the body."""
    body = b'{"username": "' + b"x" * (length - 16) + b'"}'
    if framing == "length":
        return b"Content-Length: %d\r\n\r\n" % length + body
    parts = (body[start : start + 50_000] for start in range(0, length, 50_000))
    return (
        b"Transfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        + b"0\r\n\r\n"
    )


def answer_to(port: int, method: str, path: str, headers: str, body: bytes) -> tuple[int, bytes]:
    """Send a request with one of its own connections; return status and body of the answer."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}".encode()
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.sendall(head + body)
        start, _, answered = answer_of(client).partition(b"\r\n\r\n")
    return int(start.split()[1]), answered


TYPES = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain", ""]


@pytest.mark.parametrize("length", [65_537, 1_100_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_anonymous_body_of_more_than_64_kib_is_refused(strict: int, framing: str, length: int) -> None:
    body = framed(framing, length)
    requests = [
        *(("POST", path, kind) for path in ("/api/auth/login/", "/admin/login/") for kind in TYPES),
        *((method, "/api/auth/login/", TYPES[0]) for method in ("PUT", "PATCH", "DELETE", "GET", "BREW")),
        ("POST", "/api/series/", TYPES[0]),
        ("POST", "/api/designs/upload/", TYPES[2]),
    ]

    answers = {
        request: answer_to(strict, request[0], request[1], f"Content-Type: {request[2]}\r\n" * bool(request[2]), body)
        for request in requests
    }

    assert {request: status for request, (status, _) in answers.items() if status != 413} == {}
    assert {json.loads(answered)["code"] for _, answered in answers.values()} == {"request_too_large"}


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_anonymous_body_of_64_kib_is_read(strict: int, framing: str) -> None:
    status, answered = answer_to(
        strict, "POST", "/api/auth/login/", f"Content-Type: {TYPES[0]}\r\n", framed(framing, 65_536)
    )

    assert (status, json.loads(answered)["code"]) == (400, "invalid")


def test_a_body_with_a_length_that_is_too_short_is_no_longer_than_it(strict: int) -> None:
    body = framed("length", 100_000).replace(b"100000", b"100")

    assert answer_to(strict, "POST", "/api/auth/login/", f"Content-Type: {TYPES[0]}\r\n", body)[0] == 400


@pytest.mark.parametrize(
    "login",
    [
        "Authorization: Bearer wrong",
        "Authorization: Bearer \xff",
        "Authorization: Basic YTpi",
        "Authorization: ",
        "Cookie: sessionid=wrong",
        'Cookie: sessionid="\\000"',
        "Cookie: csrftoken=a",
        "Cookie: other=a",
        "expired token",
        "inactive token",
    ],
)
def test_a_wrong_login_does_not_lift_the_limit_of_a_body(strict: int, logins: dict[str, str], login: str) -> None:
    headers = f"{logins.get(login, login)}\r\nContent-Type: {TYPES[0]}\r\n"

    for length in (65_537, 1_100_000):
        status, answered = answer_to(strict, "POST", "/api/auth/login/", headers, framed("length", length))

        assert (status, json.loads(answered)["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("login", ["token", "session"])
def test_a_user_may_send_more_than_64_kib_and_json_of_a_mebibyte(
    strict: int, logins: dict[str, str], login: str
) -> None:
    headers = f"{logins[login]}\r\nContent-Type: {TYPES[0]}\r\n"

    answers = [
        answer_to(strict, "POST", "/api/series/", headers, framed("length", size)) for size in (70_000, 1_100_000)
    ]

    assert [status for status, _ in answers] == [400, 413]
    assert json.loads(answers[1][1])["detail"] == "The body of this request is too large."


def upload(port: int, token: str, sent: bytes, length: int) -> socket.socket:
    """Begin an upload of a file that is none."""
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.step"\r\n\r\n'
    head = b"POST /api/designs/upload/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += b"Authorization: Bearer %s\r\nContent-Type: multipart/form-data; boundary=b\r\n" % token.encode()
    client = socket.create_connection(("127.0.0.1", port), 20)
    client.sendall(head + b"Content-Length: %d\r\n\r\n" % (len(form) + length) + form + sent)
    return client


def status_of(client: socket.socket) -> int:
    with client:
        return int(answer_of(client).split()[1])


@pytest.mark.slow
def test_an_upload_takes_the_place_of_the_slowest(patient: int, running: RunningStack) -> None:
    with ExitStack() as clients:
        for _ in range(50):
            clients.enter_context(upload(patient, running.token, b"x" * 70_000, 5_000_000))

        # The first ones find clients that are hardly behind.
        wait_for(lambda: status_of(upload(patient, running.token, b"x" * 5_000_000, 5_000_000)) in {400, 403, 422})


def test_a_client_that_keeps_up_gets_a_long_answer_in_full(strict: int) -> None:
    with socket.create_connection(("127.0.0.1", strict), 20) as client:
        client.sendall(b"GET " + LARGE + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head, _, body = answer_of(client).partition(b"\r\n\r\n")

    assert f"\r\ncontent-length: {len(body)}\r\n" in head.decode().lower()
    assert len(body) > 1_000_000
