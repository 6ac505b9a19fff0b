"""Failures with no frame of the application: a library's own thread, a worker's loop, a server's."""

from __future__ import annotations

from collections.abc import Mapping

from tests.designs.monitoring.grouping_table.model import Case, Program, another, case, edit, one, split

__all__ = ["CASES"]

# Loads a file under another module's name, as if that library were installed in another release.
LOADING = """
import importlib.util
import pathlib

def load(name, file):
    spec = importlib.util.spec_from_file_location(name, pathlib.Path(__file__).parent / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
"""


def library(text: str, **files: str) -> Program:
    """Return a program of libraries alone, which starts in one of them."""
    made = {"lib:acme.py": text, "lib:loading.py": LOADING}
    return Program({**made, **{f"lib:{name}.py": more for name, more in files.items()}}, entry="acme:run")


def saying(kind: str, *texts: str) -> str:
    return f"from django.db import utils\n\nTEXT = {texts[0]!r}\n\ndef work():\n    raise {kind}(TEXT)\n\ndef run():\n    work()\n"


def said(name: str, kind: str, text: str, same: Mapping[str, str], other: Mapping[str, str]) -> Case:
    """Return a case in which a library raises one type at one place, with one of several texts."""
    written = repr(text)
    return case(
        f"a library says: {name}",
        library(saying(kind, text)),
        *[one(label, edit(written, repr(more))) for label, more in same.items()],
        *[another(label, edit(written, repr(more))) for label, more in other.items()],
    )


def standard(name: str, text: str) -> Case:
    """Return a case in which a library's call ends within the standard library, whose inside differs by Python."""
    return case(f"a library that ends in the standard library: {name}", library(f"{text}\ndef run():\n    read()\n"))


DJANGO = """
def get_response(act):
    return inner(act)

def inner(act):
    return act()
"""
OUTER = """
import loading
base = loading.load("django.core.handlers.base", "handlers.py")

def find():
    raise LookupError("gone")

def run():
    return base.get_response(find)
"""

CASES: list[Case] = [
    case(
        "a library alone",
        library("def look(number):\n    raise LookupError(number)\n\ndef run():\n    return look(5)\n"),
        one("another number", edit("look(5)", "look(6)")),
        another("another type", edit("LookupError", "ValueError")),
        split("it is upgraded", edit("look", "looked"), reason="without the application's, functions of a library count"),
    ),
    case(
        "a library below Django's handlers",
        library(OUTER, handlers=DJANGO),
        one("Django is upgraded: a renamed function", edit("inner", "_get_response")),
        one("Django is upgraded: one function more", edit("    return inner(act)", "    return between(act)\n\ndef between(act):\n    return inner(act)")),
        one("Django is upgraded: one function less", edit("    return inner(act)\n\ndef inner(act):\n", "")),
        one("Django's modules are moved", edit('"django.core.handlers.base"', '"django.core.handlers.wsgi_base"')),
        another("another function of the library", edit("find", "read")),
    ),
    case(
        "a library below Celery's tracer",
        library(OUTER.replace("django.core.handlers.base", "celery.app.trace").replace("find", "pick"), handlers=DJANGO),
        one("Celery is upgraded: a renamed function", edit("inner", "fun")),
        one("Celery is upgraded: one function more", edit("    return inner(act)", "    return between(act)\n\ndef between(act):\n    return inner(act)")),
        another("another function of the library", edit("pick", "take")),
    ),
    case(
        "a library below asyncio",
        library(
            """
import asyncio

async def find():
    raise LookupError("gone")

async def serve():
    await find()

def run():
    asyncio.run(serve())
"""
        ),
        one("run by a runner", edit("    asyncio.run(serve())", "    with asyncio.Runner() as runner:\n        runner.run(serve())")),
        one("by the loop itself", edit("    asyncio.run(serve())", "    loop = asyncio.new_event_loop()\n    try:\n        loop.run_until_complete(serve())\n    finally:\n        loop.close()")),
        another("another function", edit("find", "read")),
    ),
    case(
        "a task of a library in asyncio's loop",
        library(
            """
import asyncio

async def find():
    await asyncio.sleep(0)
    raise LookupError("gone")

def run():
    async def serve():
        task = asyncio.create_task(find())
        await asyncio.wait([task])
        return task.exception()
    return asyncio.run(serve())
"""
        ),
        another("another task", edit("find", "read")),
    ),
    case(
        "a library that ends in the standard library: a path",
        library("import pathlib\n\ndef read():\n    return pathlib.Path('/nowhere/at/all.txt').read_text()\n\ndef run():\n    return read()\n"),
        one("another path", edit("/nowhere/at/all.txt", "/nowhere/else.txt")),
        another("another function", edit("def read()", "def look()"), edit("return read()", "return look()")),
    ),
    case(
        "a library that ends in the standard library: JSON",
        library("import json\n\ndef read(text):\n    return json.loads(text)\n\ndef run():\n    return read('{')\n"),
        one("spaces before", edit("'{'", "'   {'")),
    ),
    case(
        "a library that ends in the standard library: importing",
        library("import importlib\n\ndef load(name):\n    return importlib.import_module(name)\n\ndef run():\n    return load('acme_plugins_red')\n"),
        another("another module", edit("acme_plugins_red", "acme_plugins_blue")),
    ),
    *(
        standard(name, text)
        for name, text in (
            ("a folder", "import shutil\n\ndef read():\n    shutil.rmtree('/nowhere/at/all')\n"),
            ("an archive", "import zipfile\n\ndef read():\n    zipfile.ZipFile('/nowhere/at/all.zip')\n"),
            ("a process", "import subprocess\n\ndef read():\n    subprocess.run(['false'], check=True)\n"),
            ("a process that is not there", "import subprocess\n\ndef read():\n    subprocess.run(['/nowhere/at/all'], check=True)\n"),
            ("a time", "import datetime\n\ndef read():\n    datetime.datetime.strptime('5', '%Y-%m')\n"),
            ("a configuration", "import configparser\n\ndef read():\n    configparser.ConfigParser().get('a', 'b')\n"),
            ("an address", "import urllib.request\n\ndef read():\n    urllib.request.urlopen('nonsense://a')\n"),
            ("XML", "import xml.etree.ElementTree as tree\n\ndef read():\n    tree.fromstring('<a>')\n"),
            ("a pattern", "import re\n\ndef read():\n    re.compile('(')\n"),
            ("a choice", "import enum\n\nclass Size(enum.Enum):\n    SMALL = 1\n\ndef read():\n    Size(5)\n"),
            ("a glob", "import pathlib\n\ndef read():\n    list(pathlib.Path('/').glob('/a'))\n"),
            ("a temporary file", "import tempfile\n\ndef read():\n    tempfile.mkstemp(dir='/nowhere/at/all')\n"),
            ("a fraction", "import fractions\n\ndef read():\n    fractions.Fraction(1, 0)\n"),
            ("an option", "import argparse\n\ndef read():\n    argparse.ArgumentParser(exit_on_error=False).add_argument('--a', type=int, nargs='nonsense')\n"),
            ("a signature", "import inspect\n\ndef read():\n    inspect.signature(5)\n"),
            ("a data class", "import dataclasses\n\ndef read():\n    dataclasses.make_dataclass('A', ['a', 'a'])\n"),
            ("a setting of the log", "import logging.config\n\ndef read():\n    logging.config.dictConfig({'version': 7})\n"),
            ("a pool", "from concurrent.futures import ThreadPoolExecutor\n\ndef fail():\n    raise LookupError(1)\n\ndef read():\n    with ThreadPoolExecutor(1) as pool:\n        pool.submit(fail).result()\n"),
            ("a time limit", "import asyncio\n\nasync def wait():\n    await asyncio.wait_for(asyncio.sleep(60), 0.001)\n\ndef read():\n    asyncio.run(wait())\n"),
            ("a group of tasks", "import asyncio\n\nasync def fail():\n    raise LookupError(1)\n\nasync def start():\n    async with asyncio.TaskGroup() as group:\n        group.create_task(fail())\n\ndef read():\n    asyncio.run(start())\n"),
            ("a context manager", "import contextlib\n\n@contextlib.contextmanager\ndef locked():\n    yield\n    raise LookupError(1)\n\ndef read():\n    with locked():\n        pass\n"),
        )
    ),
    case(
        "a thread of a library",
        library("""
import threading

def hunt():
    raise LookupError(1)

def run():
    found = []
    threading.excepthook = lambda args: found.append(args.exc_value)
    try:
        thread = threading.Thread(target=hunt)
        thread.start()
        thread.join()
    finally:
        threading.excepthook = threading.__excepthook__
    return found[0]
"""),
        another("another function", edit("hunt", "seek")),
    ),
    case(
        "a library's comprehension",
        library("def seek(number):\n    raise LookupError(number)\n\ndef run():\n    return [seek(n) for n in [1]]\n"),
        one("a loop", edit("    return [seek(n) for n in [1]]", "    for n in [1]:\n        seek(n)")),
    ),
    case(
        "a library's recursion",
        library("def climb(number):\n    if number == 0:\n        raise LookupError(number)\n    return climb(number - 1)\n\ndef run():\n    return climb(5)\n"),
        one("deeper", edit("climb(5)", "climb(50)")),
    ),
    case(
        "a library's cause",
        library("def find():\n    try:\n        {}['a']\n    except KeyError as error:\n        raise LookupError('no a') from error\n\ndef run():\n    return find()\n"),
        another("another cause", edit("{}['a']\n    except KeyError", "[]['a']\n    except TypeError")),
    ),
    said(
        "a relation is missing", "utils.ProgrammingError", 'relation "django_q_ormq" does not exist\nLINE 1: SELECT 5\n',
        {"another statement": 'relation "django_q_ormq" does not exist\nLINE 1: DELETE 7\n'},
        {"another relation": 'relation "auth_user" does not exist\nLINE 1: SELECT 5\n'},
    ),
    said(
        "a table is missing", "utils.OperationalError", "no such table: django_q_ormq",
        {}, {"another table": "no such table: auth_user", "a column": "no such column: auth_user.name"},
    ),
    said(
        "a column is missing", "utils.ProgrammingError", 'column "rank" of relation "orders" does not exist',
        {}, {"another column": 'column "size" of relation "orders" does not exist', "of another relation": 'column "rank" of relation "parts" does not exist'},
    ),
    said("a module is missing", "ModuleNotFoundError", "No module named 'lxml'", {}, {"another module": "No module named 'yaml'"}),
    said(
        "a name cannot be imported", "ImportError", "cannot import name 'Order' from 'acme.models' (/srv/a/acme/models.py)",
        {"from another folder": "cannot import name 'Order' from 'acme.models' (/srv/b/lib/acme/models.py)"},
        {"another name": "cannot import name 'Part' from 'acme.models' (/srv/a/acme/models.py)"},
    ),
    said(
        "an attribute is missing", "AttributeError", "'NoneType' object has no attribute 'size'",
        {}, {"another attribute": "'NoneType' object has no attribute 'price'", "of another type": "'Order' object has no attribute 'size'"},
    ),
    said("a key is missing", "KeyError", "organization", {}, {"another key": "revision"}),
    said("a number as key is missing", "KeyError", "4711", {"another number": "815"}, {}),
    said(
        "a text is no number", "ValueError", "invalid literal for int() with base 10: '12a'",
        {"another text": "invalid literal for int() with base 10: '77-b'"}, {},
    ),
    said(
        "an argument is missing", "TypeError", "send() missing 1 required positional argument: 'order'",
        {}, {"another argument": "send() missing 1 required positional argument: 'size'"},
    ),
    said(
        "an operating system's error", "OSError", "[Errno 28] No space left on device: '/var/lib/a1'",
        {"another file": "[Errno 28] No space left on device: '/var/lib/b/22'"}, {"another error": "[Errno 104] Connection reset by peer"},
    ),
    said(
        "an answer's status", "RuntimeError", "HTTP 404 for part 5",
        {"another part": "HTTP 404 for part 77"}, {"another status": "HTTP 500 for part 5"},
    ),
    said(
        "an exit code", "RuntimeError", "worker 12 exited with code 1",
        {"another worker": "worker 77 exited with code 1"}, {"another code": "worker 12 exited with code 137"},
    ),
    said("a setting is missing", "RuntimeError", "setting 'ACME_URL' is not set", {}, {"another setting": "setting 'ACME_KEY_FILE' is not set"}),
    said(
        "a user is not allowed", "PermissionError", "user 7 may not read order 0b9c6f2e-7a3f-4d55-9a0a-0d6f6a1b2c3d",
        {"another user": "user 12 may not read order 5e1f6a10-58a7-4c9e-8e37-1f1d6ad7a001"}, {},
    ),
]  # fmt: skip
