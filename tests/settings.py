"""Settings of the test run: an own state directory, and an embedded Valkey unless REDIS_URL names a server."""

import atexit
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from enginel.local.valkey import EmbeddedValkey
from tests.support.services import redis_server

_state_dir = Path(tempfile.mkdtemp(prefix="enginel-tests-"))
atexit.register(shutil.rmtree, _state_dir, ignore_errors=True)
os.environ["ENGINEL_ENVIRONMENT"] = "test"
os.environ["ENGINEL_STATE_DIR"] = str(_state_dir)

# Each of the processes that run tests in parallel has a Redis of its own, of the same kind as the one that is named.
# A process that a test starts has the Redis of its test.
_worker = os.environ.get("PYTEST_XDIST_WORKER")
_has_none = not os.environ.get("REDIS_URL")
_is_new = _worker is not None and _worker != os.environ.get("TESTS_PROCESS")
if _worker:
    os.environ["TESTS_PROCESS"] = _worker
if _has_none or (_is_new and "TESTS_EMBEDDED" in os.environ):
    _valkey = EmbeddedValkey(_state_dir, persistent=False)
    _valkey.start()
    atexit.register(_valkey.stop)
    os.environ["REDIS_URL"] = _valkey.url
    os.environ["TESTS_EMBEDDED"] = "1"
elif _is_new:
    _services = ExitStack()
    atexit.register(_services.close)
    os.environ["REDIS_URL"] = _services.enter_context(redis_server())

from enginel.settings import *  # noqa: E402, F403 - after the environment is set
from enginel.settings import DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, so that threads and worker processes of a test see one database.
    DATABASES["default"]["TEST"] = {"NAME": str(_state_dir / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = True
# Only tests of it want a thread that hands over.
ENGINEL_HAND_OVER_SECONDS = 0
# And hand over what it measured when they read it.
ENGINEL_METRICS_FLUSH_SECONDS = 0
# Many a test holds SQLite's one write lock in its transaction.
ENGINEL_HEALTH_DATABASE_WRITE = False
# Only tests of it want a scrape that checks health.
ENGINEL_METRICS_HEALTH_SECONDS = 0
# Nor one that asks what other processes found.
ENGINEL_HEALTH_REFRESH_SECONDS = 0
