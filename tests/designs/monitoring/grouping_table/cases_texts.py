"""Statements that are hard to read: heads and bodies, texts over several lines, encodings, several functions in one."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, encoded, merged, one, source, split

__all__ = ["CASES"]

LONG = "the order cannot be taken because the customer has not yet confirmed the address to which the parts shall go: "

CASES: list[Case] = [
    case(
        "the head of an except clause",
        """
def run(errors=None):
    try:
        raise LookupError(1)
    except errors.Missing:
        print("missing")
    except errors.Closed:
        print("closed")
""",
        one("its body changes", edit('print("missing")', 'print("gone")')),
    ),
    case(
        "the body of a class",
        """
def run(orders=None):
    class Row:
        size = 5
        price = orders.price
        name = orders.name
""",
        another("another line", edit("        price = orders.price\n", "")),
        one("a line before", edit("size = 5", "size = 5\n        weight = 7")),
    ),
    case(
        "a yield over several lines",
        """
def rows(order=None):
    yield dict(
        size=1,
        price=order.price,
    )

def run():
    return list(rows())
""",
        one("on one line", edit("(\n        size=1,\n        price=order.price,\n    )", "(size=1, price=order.price)")),
    ),
    case(
        "a decorator that fails",
        """
def registered(name):
    raise LookupError(name)

def run():
    @registered("orders")
    def show():
        return 1
""",
        one("the body of what it decorates changes", edit("return 1", "return 2")),
    ),
    case(
        "a default that fails",
        """
def run(limits=None):
    def show(limit=limits.size):
        return limit
""",
        one("the body changes", edit("return limit", "return limit + 1")),
        another("another default", edit("limits.size", "limits.price")),
    ),
    case(
        "an f-string over the new rules of Python 3.12",
        """
def check(size, unit, width):
    raise ValueError(f"{size!r:>{width}} {unit:  <4} is {'more' if size else 'less'} than  {size:.2f}")

def run():
    check(5, "kg", 3)
""",
        one("wrapped", edit('ValueError(f"{size', 'ValueError(\n        f"{size'), edit('{size:.2f}")', '{size:.2f}"\n    )')),
        another("another one", edit("'more' if size else 'less'", "'more'")),
    ),
    case(
        "joined texts over several lines",
        """
def check(size):
    raise ValueError(
        "the size "
        f"{size} "
        "is too large"
    )

def run():
    check(5)
""",
        one("more indented", edit('        "the size "\n        f"{size} "\n        "is', '            "the size "\n            f"{size} "\n            "is')),
    ),
    case(
        "a text in three quotes",
        '''
def check(size):
    raise ValueError("""the size
        is too large
    """)

def run():
    check(5)
''',
        another("another text", edit("too large", "too small")),
    ),
    case(
        "a long statement",
        f"""
def check(size):
    if size > 5:
        raise ValueError(
            "{LONG}"
            "street and number"
        )
    raise ValueError(
        "{LONG}"
        "country"
    )

def run():
    check(6)
""",
        another("the other one", edit("check(6)", "check(5)")),
    ),
    case(
        "two lambdas in one statement",
        """
def run(key="size"):
    readers = dict(
        size=lambda order: order.size,
        price=lambda order: order.price,
    )
    return readers[key](None)
""",
        another("the other one", edit('key="size"', 'key="price"')),
        one("spread out", edit("size=lambda order: order.size,", "size=\n            lambda order: order.size,")),
    ),
    case(
        "two generators in one statement",
        """
def total(sizes, prices):
    return max(
        sum(10 / size for size in sizes),
        sum(20 % price for price in prices),
    )

def run():
    return total([0], [1])
""",
        another("the other one", edit("[0], [1]", "[1], [0]")),
    ),
    case(
        "two expressions in one statement",
        """
class Order:
    pass

def run(**known):
    order = Order()
    vars(order).update(known)
    return {
        "size": order.size,
        "price": order.price,
    }
""",
        merged("the other one", edit("**known", "size=1, **known"), edit("update(known)", "update(known, size=size)"),
               reason="the whole statement counts, so that a formatter does not split"),
    ),
    case(
        "a one-line if",
        """
def check(size):
    if size > 5: raise ValueError(size)
    if size < 5: raise ValueError(-size)

def run():
    check(6)
""",
        another("the other one", edit("check(6)", "check(4)")),
        split("on two lines", edit("if size > 5: raise", "if size > 5:\n        raise"),
              reason="events have no columns, so a head and a body on one line count together"),
    ),
    case(
        "words of other languages",
        """
def prüfe(größe):
    raise ValueError("größer als erlaubt: ", größe, "日本")

def run():
    prüfe(5)
""",
        one("wrapped", edit('("größer als erlaubt: ", größe, "日本")', '(\n        "größer als erlaubt: ", größe, "日本"\n    )')),
        another("another word", edit("größer", "kleiner")),
    ),
    case(
        "a file that is not UTF-8",
        encoded("latin-1")(source("# coding: latin-1\ndef check(size):\n    raise ValueError('größer', size)\n\ndef run():\n    check(5)\n")),
        one("with a byte order mark", edit("# coding: latin-1\n", "\n"), encoded("utf-8-sig")),
        one("as UTF-8", edit("# coding: latin-1\n", "\n"), encoded("utf-8")),
        one("wrapped", edit("ValueError('größer', size)", "ValueError(\n        'größer',\n        size\n    )")),
        another("another word", edit("größer", "kleiner")),
    ),
    case(
        "a return over several lines",
        """
def total(order):
    return (
        order["size"]
        * order["price"]
    )

def run():
    return total({"size": 1})
""",
        one("on one line", edit('(\n        order["size"]\n        * order["price"]\n    )', '(order["size"] * order["price"])')),
        one("broken behind the operator", edit('order["size"]\n        * order', 'order["size"] *\n        order')),
    ),
    case(
        "a match statement",
        """
def run(order=("pay", None)):
    match order:
        case ("send", to):
            return to.name
        case ("pay", by):
            return by.name
""",
        another("the other branch", edit('("pay", None)', '("send", None)')),
    ),
    case(
        "a chain of calls over several lines",
        """
class Query:
    def filter(self, **wanted):
        if "name" in wanted:
            raise LookupError("no name")
        return self

def run():
    return (
        Query()
        .filter(size=1)
        .filter(name=2)
    )
""",
        one("on one line", edit("(\n        Query()\n        .filter(size=1)\n        .filter(name=2)\n    )", "Query().filter(size=1).filter(name=2)")),
    ),
]  # fmt: skip
