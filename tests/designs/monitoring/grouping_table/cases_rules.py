"""Where a rule stands for the stack: constraints, time limits, templates, errors of the API."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, source, task

__all__ = ["CASES"]

INTEGRITY = """
from django.db import connection

TABLES = ("CREATE TABLE orders (number integer UNIQUE, name text UNIQUE, size integer NOT NULL)", "INSERT INTO orders VALUES (5, 'a', 1)")

def insert(*row):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO orders VALUES (%s, %s, %s)", row)

def run():
    with connection.cursor() as cursor:
        for statement in TABLES:
            cursor.execute(statement)
    try:
        insert(5, "b", 1)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE orders")
"""

TEMPLATES = """
from django.template import engines

def render(name):
    return engines["django"].get_template(name).render({})

def run():
    from django.conf import settings
    return render("a/missing.html")
"""

SYNTAX = """
from django.template import Context, Engine

PAGES = {"order.html": "{% nonsense %}", "parts.html": "{% nonsense %}", "good.html": "{% include 'order.html' %}"}

def render(name):
    engine = Engine(loaders=[("django.template.loaders.locmem.Loader", PAGES)])
    return engine.get_template(name).render(Context())

def run():
    return render("order.html")
"""

LIMIT = """
from celery.exceptions import SoftTimeLimitExceeded

def scan(stop):
    if stop == 1:
        raise SoftTimeLimitExceeded()
    total = 0
    raise SoftTimeLimitExceeded()

def run():
    scan(1)
"""

RETRIES = """
from celery.exceptions import MaxRetriesExceededError

def pay(order):
    raise LookupError(order)

def send(order):
    raise LookupError(order)

def run(act=pay):
    try:
        act(5)
    except LookupError as error:
        raise MaxRetriesExceededError(f"Can't retry pay[{id(error)}] args:(5,)") from error
"""

API = """
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

class Listing(APIView):
    authentication_classes = permission_classes = ()

    def get(self, request):
        raise NotFound("no order 5")

    def handle_exception(self, exc):
        raise exc

class Detail(Listing):
    pass

def run(view=Listing):
    view.as_view()(APIRequestFactory().get("/"))
"""

PLAIN = API.replace(
    "from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError",
    "from django.core.exceptions import PermissionDenied\nfrom django.http import Http404",
).replace('NotFound("no order 5")', 'Http404("no order 5")')

CASES: list[Case] = [
    case(
        "a constraint of SQLite",
        INTEGRITY,
        one("another value", edit("5, 'a', 1)", "6, 'a', 1)"), edit('insert(5, "b"', 'insert(6, "c"')),
        another("another constraint", edit('insert(5, "b", 1)', 'insert(6, "a", 1)')),
        another("another kind of constraint", edit('insert(5, "b", 1)', 'insert(6, "b", None)')),
    ),
    case(
        "a constraint of PostgreSQL",
        """
from django.db import IntegrityError
from psycopg import errors

NAME = "orders_number_key"

def insert(number):
    try:
        raise errors.UniqueViolation(f'duplicate key value violates unique constraint "{NAME}"')
    except errors.UniqueViolation as error:
        raise IntegrityError(f'duplicate key value violates unique constraint "{NAME}"\\nDETAIL:  Key (number)=({number}) already exists.') from error

def run():
    insert(5)
""",
        one("another value", edit("insert(5)", "insert(6)")),
        another("another constraint", edit("orders_number_key", "orders_name_key")),
        another("another kind", edit("UniqueViolation", "CheckViolation")),
    ),
    case(
        "a template that is missing",
        TEMPLATES,
        another("another template", edit("a/missing.html", "b/missing.html")),
        one("a variable before", edit("    from django.conf import settings\n", "    x = 1\n")),
    ),
    case(
        "a mistake in a template",
        SYNTAX,
        one("more pages", edit("PAGES = {", 'PAGES = {"more.html": "", ')),
        another("in another template", edit('render("order.html")', 'render("parts.html")')),
    ),
    case(
        "a time limit of a task",
        LIMIT,
        another("of the task scan", task("shop.scan")),
        one("of the task scan, elsewhere", task("shop.scan"), edit("scan(1)", "scan(2)"), of="of the task scan"),
        another("of the task send", task("shop.send")),
    ),
    case(
        "a worker that was lost",
        task("shop.scan")(source("from billiard.exceptions import WorkerLostError\n\ndef run():\n    return WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL) Job: 5.')\n")),
        one("another job", edit("Job: 5", "Job: 17")),
        another("another task", task("shop.send")),
    ),
    case(
        "a task's ordinary failure",
        "def run():\n    raise LookupError(1, 2)\n",
        one("in a task", task("shop.scan")),
        one("in another task", task("shop.send")),
    ),
    case(
        "an exception that names its group",
        """
class QuotaUsedUp(Exception):
    error_fingerprint = ["quota", "{{ default }}"]

def run():
    raise QuotaUsedUp("row 5")
""",
        another("another name", edit('"quota"', '"limit"')),
        event_differs="an event does not have what an exception says of its group",
    ),
    case(
        "a file that fails",
        """
from designs.exceptions import CorruptedFile, InvalidFileFormat

def scan(reason):
    raise CorruptedFile(f"no word: {reason}", details={"stage": "scan", "reason": reason})

def run():
    scan("syntax")
""",
        one("another reason", edit('"syntax"', '"truncated"')),
        one("noticed in another line", edit('    scan("syntax")', '    raise CorruptedFile(details={"stage": "scan"})')),
        another("at another stage", edit('"stage": "scan"', '"stage": "sniff"')),
        another("another class", edit("raise CorruptedFile", "raise InvalidFileFormat")),
        another("without a stage", edit('"stage": "scan", ', "")),
        another("a bug in the same line", edit('details={"stage": "scan", "reason": reason}', "details=int(reason)")),
        event_differs="the stage is a tag of the service's own events",
    ),
    case(
        "retries used up",
        RETRIES,
        one("another attempt's id", edit("{id(error)}", "{id(error) + 1}")),
        one("another text", edit("Can't retry pay", "No more tries of pay")),
        another("another cause", edit("act=pay", "act=send")),
    ),
    case(
        "not found, by DRF",
        API,
        one("another order", edit("order 5", "order 6")),
        another("in another view", edit("view=Listing", "view=Detail")),
        another("not allowed", edit('NotFound("no order 5")', 'PermissionDenied("no order 5")')),
    ),
    case(
        "not found, by Django, in a view of DRF",
        PLAIN,
        one("another order", edit("order 5", "order 6")),
        another("in another view", edit("view=Listing", "view=Detail")),
        another("not allowed", edit('Http404("no order 5")', 'PermissionDenied("no order 5")')),
    ),
    case(
        "a value that DRF refuses",
        API.replace('NotFound("no order 5")', 'ValidationError({"size": ["too large"], "name": ["too long"]})'),
        one("another text", edit("too large", "too small")),
        one("another order of the fields", edit('{"size": ["too large"], "name": ["too long"]}', '{"name": ["too long"], "size": ["too large"]}')),
        another("another field", edit('"size": [', '"price": [')),
    ),
    case(
        "a server's error of DRF",
        API.replace('NotFound("no order 5")', 'APIException("no order 5", code="away")').replace("import NotFound, ", "import APIException, "),
        another("another code and statement", edit('code="away"', 'code="broken"')),
    ),
]  # fmt: skip
