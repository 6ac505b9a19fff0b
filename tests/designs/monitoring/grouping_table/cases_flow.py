"""Generators, context managers, retries and recursion."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, split

__all__ = ["CASES"]

WALK = """
def walk(depth):
    if depth == 0:
        raise ValueError("deep enough")
    return walk(depth - 1)

def run():
    return walk(3)
"""

ENDLESS = """
import sys

def helper(depth):
    return len(str(depth))

def walk(depth):
    helper(depth)
    return walk(depth + 1)

def other(depth):
    return other(depth + 1)

def run():
    return walk(0)
"""

LIMIT = "def run():\n    before = sys.getrecursionlimit()\n    sys.setrecursionlimit({})\n    try:\n        return walk(0)\n    finally:\n        sys.setrecursionlimit(before)"

RETRY = """
def pay(order):
    raise ConnectionError(order)

def run(attempts=3):
    for attempt in range(attempts):
        try:
            return pay(5)
        except ConnectionError:
            if attempt == attempts - 1:
                raise
"""

CASES: list[Case] = [
    case(
        "a generator",
        """
def rows():
    yield 1
    raise LookupError("no more")

def run():
    return list(rows())
""",
        one("in a loop", edit("return list(rows())", "for row in rows():\n        row += 1")),
        one("as arguments", edit("return list(rows())", "return max(*rows())")),
        split("through another generator", edit("def run():\n    return list(rows())", "def all_rows():\n    yield from rows()\n\ndef run():\n    return list(all_rows())"),
              reason="functions of the application count"),
    ),
    case(
        "a generator that ends too early",
        """
def rows():
    yield next(iter([]))

def run():
    return list(rows())
""",
    ),
    case(
        "a context manager of the application",
        """
import contextlib

@contextlib.contextmanager
def locked(name):
    yield name

def run():
    with locked("orders"):
        raise LookupError(1, 22)
""",
        another("it fails before", edit("    yield name", "    raise LookupError(1, 22)\n    yield name")),
        another("it fails after", edit("    yield name", "    yield name\n    name.unlock()"), edit("raise LookupError(1, 22)", "print(end='')")),
    ),
    case(
        "a context manager of the standard library",
        """
import contextlib

def read():
    raise LookupError(1)

def run():
    return read()
""",
        one("in a stack", edit("    return read()", "    with contextlib.ExitStack() as stack:\n        stack.callback(print, end='')\n        return read()")),
        one("suppressing others", edit("    return read()", "    with contextlib.suppress(OSError):\n        return read()")),
    ),
    case(
        "retries",
        RETRY,
        one("more attempts", edit("attempts=3", "attempts=7")),
        one("no retry", edit("attempts=3", "attempts=1")),
        one("with a pause", edit("            if attempt", "            print(end='')\n            if attempt")),
        one("raised later", edit("        except ConnectionError:\n            if attempt == attempts - 1:\n                raise\n",
                                 "        except ConnectionError as error:\n            last = error\n    raise last\n")),
        one("logged", edit("                raise\n", "                import logging\n                logging.getLogger('shop').exception('order %s is not paid', 5)\n")),
        another("another call", edit("pay", "send")),
    ),
    case(
        "recursion",
        WALK,
        one("deeper", edit("walk(3)", "walk(77)")),
        one("not at all", edit("walk(3)", "walk(0)")),
        another("another check", edit('"deep enough"', '"too deep"')),
    ),
    case(
        "recursion of more frames than an event holds",
        WALK.replace("walk", "climb").replace("(3)", "(700)"),
        one("deeper", edit("(700)", "(750)")),
        one("not so deep", edit("(700)", "(70)")),
    ),
    case(
        "mutual recursion",
        """
def odd(depth):
    if depth == 0:
        raise ValueError("odd")
    return even(depth - 1)

def even(depth):
    return odd(depth - 1)

def run():
    return odd(4)
""",
        one("deeper", edit("odd(4)", "odd(60)")),
        one("not at all deep", edit("odd(4)", "odd(2)")),
    ),
    case(
        "recursion of more functions than a cycle may have",
        "\n".join(f"def step_{'abcdefghijklmnopqrst'[n]}(depth):\n    return step_{'bcdefghijklmnopqrsta'[n]}(depth - 1)\n" for n in range(19))
        + "\ndef step_t(depth):\n    if depth < 0:\n        raise ValueError(depth)\n    return step_a(depth)\n\ndef run():\n    return step_a(18)\n",
    ),
    case(
        "endless recursion",
        ENDLESS,
        one("another start", edit("    return walk(0)", "    return walk(100)")),
        one("a lower limit", edit("def run():\n    return walk(0)", LIMIT.format(300))),
        one("a limit one higher", edit("def run():\n    return walk(0)", LIMIT.format(301))),
        one("a limit two higher", edit("def run():\n    return walk(0)", LIMIT.format(302))),
        another("another function", edit("return walk(0)", "return other(0)")),
    ),
    case(
        "endless recursion through a special method",
        """
class Order:
    def __repr__(self):
        return f"<{self.parts}>"

    @property
    def parts(self):
        return [self]

def run():
    return repr(Order())
""",
    ),
    case(
        "a signal of Django",
        """
from django.dispatch import Signal

paid = Signal()

def on_paid(sender, **more):
    raise LookupError(sender)

paid.connect(on_paid)

def run():
    paid.send("orders")
""",
        one("another sender", edit('send("orders")', 'send("basket")')),
    ),
    case(
        "a warning that is an error",
        """
import warnings

def old():
    warnings.warn("old", DeprecationWarning, stacklevel=2)

def run():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        old()
""",
    ),
    case(
        "an exit in a thread of control",
        """
import sys

def run():
    sys.exit("no orders")
""",
        another("elsewhere", edit("def run():\n", "def leave():\n"), edit('orders")\n', 'orders")\n\ndef run():\n    leave()\n')),
    ),
]  # fmt: skip
