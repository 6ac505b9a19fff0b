"""Names of functions, classes and modules: what belongs to one and what does not."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, outer

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
        "methods of two classes",
        METHODS,
        another("the other class", edit("return Part()", "return Assembly()")),
        one("inherited", edit("def run():\n    return Part()", "class Small(Part):\n    pass\n\ndef run():\n    return Small()")),
        one("a method before it", edit("class Part:\n", "class Part:\n    def write(self):\n        return 1\n\n")),
    ),
    case(
        "functions of one name within two functions",
        """
def open_orders():
    def check(size):
        raise LookupError(size)
    return check

def closed_orders():
    def check(size):
        raise LookupError(size)
    return check

def run():
    return open_orders()(1)
""",
        another("the other function", edit("return open_orders()", "return closed_orders()")),
    ),
    case(
        "lambdas of two functions",
        """
def open_orders():
    return lambda order: order.size

def closed_orders():
    return lambda order: order.size

def run():
    return max([None], key=open_orders())
""",
        another("the other function", edit("key=open_orders()", "key=closed_orders()")),
        one("sorted", edit("max([None]", "sorted([None]")),
    ),
    case(
        "two lambdas on lines of their own",
        """
def run():
    first = lambda order: order.size
    second = lambda order: order.price
    return first(None)
""",
        another("the other one", edit("return first(", "return second(")),
    ),
    case(
        "functions of one name in two modules",
        {
            "shop/orders.py": "from shop import parts, tools\n\ndef run():\n    return parts.read()\n",
            "shop/parts.py": "def read():\n    raise OSError(1)\n",
            "shop/tools.py": "def read():\n    raise OSError(1)\n",
        },
        another("the other module", edit("return parts", "return tools")),
        another("another caller", edit("def run():\n    return", "def run():\n    return again()\n\ndef again():\n    return")),
    ),
    case(
        "a property",
        """
import functools

class Order:
    @property
    def size(self):
        return self.parts["size"]

    @property
    def price(self):
        return self.parts["price"]

    parts = {}

def run():
    return Order().size
""",
        one("a cached one", edit("@property\n    def size", "@functools.cached_property\n    def size")),
        another("another one", edit("Order().size", "Order().price")),
    ),
    case(
        "a property that is set",
        """
class Order:
    @property
    def size(self):
        return self._size

    @size.setter
    def size(self, size):
        self._size = size / 0

def run():
    Order().size = 5
""",
        another("read", edit("Order().size = 5", "return Order().size")),
    ),
    case(
        "methods of the class and of a class within",
        """
class Order:
    class Row:
        def read(self):
            raise OSError("row")

    @staticmethod
    def read():
        raise OSError("row")

    @classmethod
    def write(cls):
        raise OSError("row")

def run():
    Order.Row().read()
""",
        another("the outer one", edit("Order.Row().read()", "Order.read()")),
        another("the class method", edit("Order.Row().read()", "Order.write()")),
    ),
    case(
        "functions of one name, of which one is chosen",
        """
import sys

if sys.maxsize > 5:
    def choose(order):
        return order.size
else:
    def choose(order):
        return order.price

class Kind(type):
    def __call__(cls, *args):
        raise TypeError(cls)

class Order(metaclass=Kind):
    pass

def run():
    choose(None)
""",
        another("the other one", edit("maxsize > 5", "maxsize < 5")),
        another("a metaclass", edit("    choose(None)", "    Order()")),
    ),
    case(
        "an enumeration",
        """
import enum

class Size(enum.Enum):
    SMALL = 1

    @classmethod
    def _missing_(cls, value):
        raise LookupError(value)

class Weight(enum.Enum):
    SMALL = 1

def run():
    return Size(5)
""",
        one("another value", edit("Size(5)", "Size(7)")),
        another("another enumeration", edit("Size(5)", "Weight(5)")),
    ),
    case(
        "generated methods of a data class",
        """
import dataclasses

@dataclasses.dataclass
class Order:
    size: int

    def __post_init__(self):
        if self.size < 0:
            raise ValueError(self.size)

def run():
    return Order(-1)
""",
        one("frozen", edit("@dataclasses.dataclass", "@dataclasses.dataclass(frozen=True)")),
        one("with slots", edit("@dataclasses.dataclass", "@dataclasses.dataclass(slots=True)")),
        one("another size", edit("Order(-1)", "Order(-70)")),
    ),
    case(
        "a special method",
        """
class Order:
    def __getattr__(self, name):
        raise AttributeError(name)

    def __eq__(self, other):
        return self.size == other.size

    def __hash__(self):
        return 1

    def __format__(self, how):
        return self.text

def run():
    return Order() == Order()
""",
        one("looked up in a list", edit("Order() == Order()", "[Order()].index(Order())")),
        another("another one", edit("Order() == Order()", "f'{Order():5}'")),
    ),
    case(
        "types of the application",
        {
            "shop/orders.py": "from shop.errors import Closed, Full\n\ndef run(kind=Closed):\n    raise kind('order 5')\n",
            "shop/errors.py": "class Full(Exception):\n    pass\n\nclass Closed(Exception):\n    pass\n",
        },
        one("a docstring", edit("class Closed(Exception):\n    pass", 'class Closed(Exception):\n    """Closed."""')),
        another("another type", edit("kind=Closed", "kind=Full")),
        another("a type of this name in another module", edit("from shop.errors import Closed, Full", "from shop.errors import Full\nfrom shop.more import Closed"),
                outer("shop/more.py", "class Closed(Exception):\n    pass\n")),
    ),
    case(
        "a class made within a function",
        """
def made(name):
    class Row:
        def read(self):
            raise KeyError(name)
    return Row()

def run():
    return made("a").read()
""",
        one("another name", edit('made("a")', 'made("b")')),
    ),
]  # fmt: skip
