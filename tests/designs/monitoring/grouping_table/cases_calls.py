"""Ways to call a function: decorators, callbacks, helpers, scripts, plugins."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import (
    Case,
    another,
    case,
    edit,
    main,
    merged,
    one,
    source,
    split,
    without_source,
)  # fmt: skip

__all__ = ["CASES"]

METHODS = """
class Part:
    def read(self):
        raise OSError("no drawing")

class Assembly:
    def read(self):
        raise OSError("no drawing")

def run():
    return Part().read()
"""

CASES: list[Case] = [
    case(
        "a decorator of a library",
        source(
            """
import decorating

def price(size):
    raise LookupError(size)

def run():
    return price(5)
""",
            decorating="""
import functools

def counted(function):
    @functools.wraps(function)
    def counting(*args):
        return function(*args)
    return counting
""",
        ),
        one("decorated", edit("def price", "@decorating.counted\ndef price")),
        one("decorated twice", edit("def price", "@decorating.counted\n@decorating.counted\ndef price")),
        one("the decorator is renamed inside", edit("def price", "@decorating.counted\ndef price"), edit("counting", "wrapper")),
        one("cached", edit("import decorating", "import functools"), edit("def price", "@functools.cache\ndef price")),
        one("a partial", edit("return price(5)", "import functools\n    return functools.partial(price, 5)()")),
        one("single dispatch", edit("import decorating", "import functools"), edit("def price", "@functools.singledispatch\ndef price")),
    ),
    case(
        "a decorator of the application",
        """
import functools

def logged(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

@logged
def cost(size):
    raise LookupError(size)

@logged
def weight(size):
    raise LookupError(size)

def run():
    return cost(5)
""",
        another("another function below it", edit("return cost(5)", "return weight(5)")),
        split("not decorated", edit("@logged\ndef cost", "def cost"), reason="functions of the application count"),
    ),
    case(
        "a plugin that is run from its file",
        {
            "shop/orders.py": "import pathlib\n\nFILE = pathlib.Path(__file__).with_name('plugin.py')\n\ndef run():\n    space = {'__name__': 'plugin'}\n    exec(compile(FILE.read_text(), str(FILE), 'exec'), space)\n    space['start']()\n",
            "shop/plugin.py": "def start():\n    raise LookupError('plugin')\n\ndef stop():\n    raise LookupError('plugin')\n",
        },
        another("another function of the plugin", edit("space['start']", "space['stop']")),
    ),
    case(
        "a plugin that is run by the standard library",
        {
            "shop/orders.py": "import pathlib\nimport runpy\n\nFILE = pathlib.Path(__file__).with_name('step.py')\n\ndef run():\n    runpy.run_path(str(FILE))\n",
            "shop/step.py": "def start():\n    raise LookupError('step')\n\nstart()\n",
        },
        another("another line of it", edit("\nstart()\n", "\nraise LookupError('step')\n")),
    ),
    case(
        "code made at run time",
        """
FIRST = "def check(size):\\n    raise ValueError(size)\\n"

def made(text):
    space = {}
    exec(text, space)
    return space["check"]

def run():
    check = made(FIRST)
    return check(5)
""",
        one("the made code is longer", edit('FIRST = "', 'FIRST = "import sys\\n')),
        another("called elsewhere", edit("return check(5)", "first = check(1)")),
    ),
    case(
        "callbacks of the standard library",
        """
import re
import functools

def found(match):
    raise LookupError(match[0])

def run():
    return re.sub("[0-9]", found, "5")
""",
        one("another text", edit('"5"', '"77 and 8"')),
        split("another function", edit("found", "replaced"), reason="functions of the application count by name"),
    ),
    case(
        "a script",
        source("class Order:\n    def read(self):\n        raise OSError(1)\n\ndef run():\n    return Order().read()\n"),
        one("another number", edit("OSError(1)", "OSError(1) ")),
        split("imported", main, reason="a script goes by the stem of its file, as a module by its full name"),
        another("another method of its name, in the script", main, edit("class Order", "class Part"), edit("Order()", "Part()")),
        another("a type of the script", main, edit("class Order", "class NoOrder(Exception):\n    pass\n\nclass Order"), edit("OSError(1)", "NoOrder(1)")),
    ),
    case(
        "no source on this host",
        source(METHODS.replace("Part", "Panel")),
        split("the source is gone", without_source, reason="without a source there is no statement to count"),
        event_differs="an event has bare names of functions; without a source the class of a method is not known",
    ),
    case(
        "a call through a bound method, a partial and a thread of control",
        """
import functools

class Order:
    def pay(self, amount):
        raise ValueError(amount)

def run():
    return Order().pay(1)
""",
        one("bound first", edit("return Order().pay(1)", "pay = Order().pay\n    return pay(1)")),
        one("partial", edit("return Order().pay(1)", "return functools.partial(Order().pay, 1)()")),
        one("by name", edit("return Order().pay(1)", "return getattr(Order(), 'pay')(1)")),
        one("mapped", edit("return Order().pay(1)", "return list(map(Order().pay, [1]))")),
    ),
    case(
        "a helper that hides itself",
        """
def require(right):
    __tracebackhide__ = True
    if not right:
        raise ValueError("not right")

def run(size=0, price=1):
    require(size)
    require(price)
""",
        another("called from another statement", edit("size=0, price=1", "size=1, price=0")),
    ),
    case(
        "a helper that raises for its caller",
        """
def require(right):
    if not right:
        raise ValueError("not right")

def run(size=0, price=1):
    require(size)
    require(price)
""",
        merged("called from another statement", edit("size=0, price=1", "size=1, price=0"),
               reason="only the innermost statement counts, so that an edit of a caller does not split"),
    ),
    case(
        "a module that cannot be imported",
        {"shop/orders.py": "import shop.parts\n\ndef run():\n    return 1\n", "shop/parts.py": "import missing_package\n"},
        another("another one", edit("missing_package", "other_package")),
        one("more modules between", edit("import shop.parts", "import importlib\nimportlib.import_module('shop.parts')")),
    ),
]  # fmt: skip
