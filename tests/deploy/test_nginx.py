"""deploy/nginx: accepted by nginx, and a running nginx does with it what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from pytest_django.live_server_helper import LiveServer

from enginel import gunicorn
from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port
from tests.support.debian_programs import needs
from tests.support.stack import wait_for

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "nginx"
NAME = "enginel.example.com"
# Until nginx listens; a 503 is an answer, not something to wait on.
RETRIES = urllib3.Retry(connect=5, backoff_factor=0.1, respect_retry_after_header=False)


def prefix(folder: Path, site: str, changes: dict[str, str]) -> Path:
    """Lay out a folder nginx can start from: the site with its parts, and with other ports and paths."""
    for part in FOLDER.iterdir():
        text = part.read_text()
        for old, new in changes.items():
            text = text.replace(old, new)
        (folder / part.name).write_text(text)
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log stderr warn; events {{}}\n"
        f"http {{ access_log off; {temporary} include {folder}/{site}; }}\n"
    )
    return folder / "nginx.conf"


def check(conf: Path) -> str:
    nginx = needs("nginx", "nginx-light")
    done = subprocess.run(
        [nginx, "-t", "-e", "stderr", "-p", str(conf.parent), "-c", str(conf)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_nginx_accepts_it_behind_a_load_balancer(tmp_path: Path) -> None:
    assert "warn" not in check(prefix(tmp_path, "enginel.conf", {}))


def test_nginx_accepts_it_with_tls(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={NAME}",
         "-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")],
        check=True, capture_output=True,
    )  # fmt: skip

    check(prefix(tmp_path, "enginel-tls.conf", {"/etc/ssl/enginel": str(tmp_path)}))


@pytest.fixture
def proxy(tmp_path: Path, live_server: LiveServer, settings: Any) -> Iterator[str]:
    """The URL of an nginx before the live server."""
    port = free_port()
    upstream = live_server.url.removeprefix("http://").replace("localhost", "127.0.0.1")
    settings.ALLOWED_HOSTS = [NAME, "localhost"]
    conf = prefix(tmp_path, "enginel.conf", {"127.0.0.1:8000": upstream, "listen 8080": f"listen 127.0.0.1:{port}"})
    server = subprocess.Popen(
        [needs("nginx", "nginx-light"), "-e", "stderr", "-p", str(tmp_path), "-c", str(conf)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(server)


def test_a_running_nginx_does_what_it_says(proxy: str, tmp_path: Path) -> None:
    with urllib3.PoolManager(retries=RETRIES) as http:

        def ask(path: str, host: str = NAME, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
            answer = http.request(method, proxy + path, headers={"Host": host}, body=body or None, timeout=20)
            return answer.status, answer.data

        # A probe asks by address, a client by name; whoever asks by another name gets health answers only.
        assert json.loads(ask("/api/health/", host="10.0.0.7")[1]) == {"status": "ok", "service": "enginel"}
        assert ask("/api/designs/", host="10.0.0.7")[0] == 421
        assert ask("/api/designs/")[0] == 401
        # Only uploads are large; a refusal is JSON as everywhere.
        status, body = ask("/api/auth/login/", method="POST", body=b"x" * 3 * 2**20)
        assert (status, json.loads(body)["code"]) == (413, "request_too_large")
        assert ask("/api/designs/upload/", method="POST", body=b"x" * 3 * 2**20)[0] == 401
        assert json.loads(ask("/metrics")[1])["code"] == "not_found"


@pytest.mark.parametrize(("scheme", "policy"), [("https", ["max-age=31536000"]), ("http", [])])
def test_every_answer_over_https_asks_for_https(proxy: str, settings: Any, scheme: str, policy: list[str]) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 60
    with urllib3.PoolManager(retries=RETRIES) as http:
        for path, body in [
            ("/api/designs/", b""),
            ("/api/health/", b""),
            ("/metrics", b""),
            ("/api/x/", b"x" * 3 * 2**20),
        ]:
            answer = http.request(
                "POST" if body else "GET", proxy + path, headers={"Host": NAME, "X-Forwarded-Proto": scheme}, body=body
            )
            assert answer.headers.getlist("Strict-Transport-Security") == policy, path


def test_without_enginel_the_answer_is_json(tmp_path: Path, settings: Any) -> None:
    port = free_port()
    nobody = f"127.0.0.1:{free_port()}"
    conf = prefix(tmp_path, "enginel.conf", {"127.0.0.1:8000": nobody, "listen 8080": f"listen 127.0.0.1:{port}"})
    server = subprocess.Popen(
        [needs("nginx", "nginx-light"), "-e", "stderr", "-p", str(tmp_path), "-c", str(conf)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        with urllib3.PoolManager(retries=RETRIES) as http:
            headers = {"Host": NAME, "X-Forwarded-Proto": "https"}
            answer = http.request("GET", f"http://127.0.0.1:{port}/api/designs/", headers=headers, timeout=20)
    finally:
        stop(server)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert json.loads(answer.data)["code"] == "unavailable"


def test_nginx_passes_no_request_on_before_its_body_is_complete(tmp_path: Path) -> None:
    port = free_port()
    upload = b"POST /api/designs/upload/ HTTP/1.1\r\nHost: %s\r\nContent-Length: 200000\r\n\r\n" % NAME.encode()
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        changes = {
            "127.0.0.1:8000": f"127.0.0.1:{upstream.getsockname()[1]}",
            "listen 8080": f"listen 127.0.0.1:{port}",
        }
        conf = prefix(tmp_path, "enginel.conf", changes)
        server = subprocess.Popen(
            [needs("nginx", "nginx-light"), "-e", "stderr", "-p", str(tmp_path), "-c", str(conf)],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        try:
            wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
            with (
                socket.create_connection(("127.0.0.1", port), 20) as slow,
                socket.create_connection(("127.0.0.1", port), 20) as fast,
            ):
                slow.sendall(upload + b"x" * 100_000)
                fast.sendall(b"GET /api/designs/ HTTP/1.1\r\nHost: %s\r\n\r\n" % NAME.encode())
                upstream.settimeout(20)
                first, _ = upstream.accept()
                slow.sendall(b"x" * 100_000)
                second, _ = upstream.accept()
                with first, second:
                    assert [each.recv(4).decode() for each in (first, second)] == ["GET ", "POST"]
        finally:
            stop(server)


def test_who_answers_keeps_idle_connections_longer_than_who_asks() -> None:
    """A request that meets a connection being closed is a 502."""
    of_the_balancer = json.loads((FOLDER.parent / "aws" / "load-balancer.json").read_text())["Resources"][
        "LoadBalancer"
    ]["Properties"]["LoadBalancerAttributes"]
    idle = {each["Key"]: each["Value"] for each in of_the_balancer}["idle_timeout.timeout_seconds"]
    to_clients, to_gunicorn = (
        int(re.findall(r"keepalive_timeout (\d+)s;", (FOLDER / name).read_text())[0])
        for name in ("enginel.conf", "enginel-upstream.inc")
    )

    assert int(idle) < to_clients
    assert to_gunicorn < gunicorn.keepalive


def test_uploads_may_be_as_large_as_enginel_takes_them(settings: Any) -> None:
    (mebibytes,) = re.findall(r"client_max_body_size (1\d+)m;", (FOLDER / "enginel-proxy.inc").read_text())

    assert int(mebibytes) * 2**20 > settings.ENGINEL_MAX_UPLOAD_BYTES
