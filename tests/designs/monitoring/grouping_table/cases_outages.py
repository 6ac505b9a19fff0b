"""What is not there: services, Redis, the broker, databases."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, settings

__all__ = ["CASES"]

HTTP = """
import requests

def price(host="prices.example"):
    raise requests.ConnectionError(f"HTTPSConnectionPool(host='{host}', port=443): Max retries exceeded with url: /5")

def weight(host="prices.example"):
    raise requests.ConnectionError(f"HTTPSConnectionPool(host='{host}', port=443): Max retries exceeded with url: /7")

def run():
    price()
"""

REDIS = """
import redis

def read(port=1):
    redis.Redis(host="127.0.0.1", port=port, retry=None).get("a")

def write(port=1):
    redis.Redis(host="127.0.0.1", port=port, retry=None).set("a", 1)

def run():
    read()
"""

DATABASE = """
import psycopg
from django.db import OperationalError

def read():
    try:
        raise psycopg.OperationalError("connection refused")
    except psycopg.OperationalError as error:
        raise OperationalError("connection refused: port 5432") from error

def write():
    try:
        raise psycopg.OperationalError("server closed the connection")
    except psycopg.OperationalError as error:
        raise OperationalError("server closed the connection unexpectedly") from error

def run():
    read()
"""

DEADLOCK = """
from psycopg import errors
from django.db import OperationalError

def read():
    try:
        raise errors.DeadlockDetected("deadlock detected")
    except errors.DeadlockDetected as error:
        raise OperationalError("deadlock detected") from error

def write():
    try:
        raise errors.DeadlockDetected("deadlock detected")
    except errors.DeadlockDetected as error:
        raise OperationalError("deadlock detected") from error

def run():
    read()
"""

CASES: list[Case] = [
    case(
        "a service that does not answer",
        HTTP,
        one("another function asks it", edit("    price()", "    weight()")),
        one("another text", edit("Max retries exceeded with url: /5", "Read timed out. (read timeout=5)")),
        one("its time limit", edit("requests.ConnectionError", "requests.ReadTimeout")),
        another("another service", edit("    price()", "    price('weights.example')")),
        another("no service is named", edit("HTTPSConnectionPool(host='{host}', port=443): Max retries exceeded with url: /5", "gone")),
    ),
    case(
        "a service, where the rule is off",
        HTTP.replace("prices.example", "off.example"),
        another("off", settings(ENGINEL_FINGERPRINT_OUTAGE_OFF=("http",))),
        another("off, another function", settings(ENGINEL_FINGERPRINT_OUTAGE_OFF=("http",)), edit("    price()", "    weight()")),
    ),
    case(
        "a service that refuses connections",
        """
import requests

def price(port=1):
    requests.get(f"http://127.0.0.1:{port}/prices/5", timeout=5)

def weight(port=1):
    requests.post(f"http://127.0.0.1:{port}/weights/7", timeout=5)

def run():
    price()
""",
        one("another function asks it", edit("    price()", "    weight()")),
        one("in a session", edit("requests.get(", "requests.Session().get(")),
        another("another service of that host", edit("    price()", "    price(2)")),
    ),
    case(
        "a broker that is away",
        """
from kombu.exceptions import OperationalError

def pay():
    raise OperationalError("[Errno 111] Connection refused")

def send():
    raise OperationalError("[Errno 110] Connection timed out")

def run():
    pay()
""",
        one("another function", edit("    pay()", "    send()")),
    ),
    case(
        "a database file that cannot be opened",
        """
from django.db.utils import ConnectionHandler

FILES = {name: {"ENGINE": "django.db.backends.sqlite3", "NAME": f"/nowhere/{name}.sqlite3"} for name in ("default", "reports")}

def read(name):
    with ConnectionHandler({"default": FILES[name], "reports": FILES[name]})[name].cursor() as cursor:
        cursor.execute("SELECT 1")

def write(name):
    ConnectionHandler({"default": FILES[name], "reports": FILES[name]})[name].ensure_connection()

def run():
    read("reports")
""",
        one("another function", edit('    read("reports")', '    write("reports")')),
    ),
    case(
        "a Redis that is away",
        REDIS,
        one("another function", edit("    read()", "    write()")),
        one("from deeper", edit("    read()", "    return [read() for _ in [1]]")),
        another("another server", edit("    read()", "    read(2)")),
    ),
    case(
        "a database that is away",
        DATABASE,
        one("another function", edit("    read()", "    write()")),
        one("another text", edit("connection refused", "connection timed out")),
    ),
    case(
        "a deadlock",
        DEADLOCK,
        another("another function", edit("    read()", "    write()")),
    ),
]  # fmt: skip
