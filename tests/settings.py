"""Settings of the test run: an own state directory, and an embedded Valkey unless REDIS_URL names a server."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from enginel.local.valkey import EmbeddedValkey

_state_dir = Path(tempfile.mkdtemp(prefix="enginel-tests-"))
atexit.register(shutil.rmtree, _state_dir, ignore_errors=True)
os.environ["ENGINEL_ENVIRONMENT"] = "test"
os.environ["ENGINEL_STATE_DIR"] = str(_state_dir)

# Of tests that run in parallel, each process has a Redis and a database of its own.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
if os.environ.get("REDIS_URL") in {None, "", os.environ.get("TESTS_EMBEDDED_URL")}:
    _valkey = EmbeddedValkey(_state_dir, persistent=False)
    _valkey.start()
    atexit.register(_valkey.stop)
    os.environ["REDIS_URL"] = os.environ["TESTS_EMBEDDED_URL"] = _valkey.url
elif _worker:
    os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{int(_worker) + 1}").geturl()

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
