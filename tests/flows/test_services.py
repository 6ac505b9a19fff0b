"""The demo on PostgreSQL and Redis from Debian's packages in place of the embedded services."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.support.services import postgresql, postgresql_bin, redis_server

pytestmark = pytest.mark.timeout(420)


def require(found: object, package: str) -> None:
    """Skip, or with ENGINEL_REQUIRE_SERVICES=1 fail, when a package is not installed."""
    if found:
        return
    message = f"Debian's package {package} is not installed"
    if os.environ.get("ENGINEL_REQUIRE_SERVICES") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.mark.slow
def test_the_demo_succeeds_twice_on_postgresql_and_redis() -> None:
    require(postgresql_bin(), "postgresql")
    require(shutil.which("redis-server"), "redis-server")

    with postgresql() as database_url, redis_server() as redis_url:
        env = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
        env.pop("ENGINEL_STATE_DIR", None)
        command = [sys.executable, "-m", "enginel", "demo"]
        # The second one meets what the first one left.
        for _ in range(2):
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=200)

            assert done.returncode == 0, done.stdout + done.stderr
            assert " 65 recorded, 0 deviations" in done.stdout
