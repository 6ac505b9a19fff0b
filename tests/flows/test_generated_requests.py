"""Generated requests against the running service: no server error, and every answer is as the schema says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from enginel.local.stack import BASE_DIR, LocalStack, Ports, free_port
from tests.flows.test_services import require
from tests.support.services import postgresql, postgresql_bin, redis_server
from tests.support.stack import manage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# Two engines and two identities: three minutes in all, with the starts.
SECONDS = 30
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)
HOOKS = "tests.support.schemathesis_hooks"
# A token that has been given back would end the run of its identity.
LEFT_OUT = "/api/auth/logout/"


@pytest.fixture(scope="module", params=["embedded", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A running service on SQLite and Valkey, or on PostgreSQL and Redis."""
    with ExitStack() as servers:
        named = {"DATABASE_URL": "", "REDIS_URL": ""}
        if request.param == "postgresql":
            require(postgresql_bin(), "postgresql")
            require(shutil.which("redis-server"), "redis-server")
            named = {
                "DATABASE_URL": servers.enter_context(postgresql()),
                "REDIS_URL": servers.enter_context(redis_server()),
            }
        settings = {**named, "ENGINEL_ENVIRONMENT": "test", "ENGINEL_LOGIN_RATE": "999999/min"}
        stack = LocalStack(Path(tmp_path_factory.mktemp("generated")), Ports(free_port(), free_port()), settings)
        try:
            stack.take_folder()
            stack.start_valkey()
            manage(stack, "migrate")
            stack.start_services()
            yield stack
        finally:
            stack.stop()


@pytest.fixture(scope="module")
def tokens(service: LocalStack) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.support.schema_rows"]
    made = subprocess.run(command, env=service.env, cwd=BASE_DIR, capture_output=True, text=True, check=True)
    return {"engineer": made.stdout.strip(), "superuser": manage(service, "create_admin_token")}


@pytest.mark.parametrize("identity", ["engineer", "superuser"])
def test_every_answer_to_generated_requests_matches_the_schema(
    service: LocalStack, tokens: dict[str, str], identity: str, tmp_path: Path
) -> None:
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/api/schema/?format=json",
        "--checks", CHECKS, "--header", f"Authorization: Bearer {tokens[identity]}",
        "--exclude-path", LEFT_OUT, "--max-time", str(SECONDS), "--request-timeout", "10",
        "--continue-on-failure", "--generation-database", "none", "--warnings", "off", "--no-color",
    ]  # fmt: skip

    env = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(BASE_DIR), "SCHEMATHESIS_HOOKS": HOOKS}
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=SECONDS * 3
    )

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    # Without a request the run would end well, too.
    assert int(re.findall(r"(\d+) generated", done.stdout)[-1]) > 100, done.stdout
