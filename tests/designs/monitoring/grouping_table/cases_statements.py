"""The text of the innermost statement: what a formatter may do to it, and what tells two of them apart."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, split

__all__ = ["CASES"]

TWO_RAISES = """
def check(order):
    if order["size"] < 0:
        raise ValueError(
            "the size of an order must not be negative", order["size"]
        )
    if order["price"] < 0:
        raise ValueError(
            "the price of an order must not be negative", order["price"]
        )

def run():
    check({"size": -1, "price": 1})
"""

CASES: list[Case] = [
    case(
        "two raises over several lines in one function",
        TWO_RAISES,
        another("the second one", edit('{"size": -1, "price": 1}', '{"size": 1, "price": -1}')),
        one("on one line", edit('ValueError(\n            "the size of an order must not be negative", order["size"]\n        )',
                                'ValueError("the size of an order must not be negative", order["size"])')),
        one("an argument a line", edit('"the size of an order must not be negative", order["size"]\n',
                                       '"the size of an order must not be negative",\n            order["size"],\n')),
        one("another value", edit('{"size": -1', '{"size": -99')),
        one("deeper indented", edit("    if order[\"size\"] < 0:\n        raise ValueError(\n            \"the size of an order must not be negative\", order[\"size\"]\n        )",
            "    if True:\n        if order[\"size\"] < 0:\n            raise ValueError(\n                \"the size of an order must not be negative\", order[\"size\"]\n            )")),
        one("Windows line ends", edit("\n", "\r\n")),
        one("tabs", edit("    ", "\t")),
        split("other quotes", edit('"the size of an order must not be negative"', "'the size of an order must not be negative'"),
              reason="the statement's text keeps its quotes"),
        split("another wording", edit("must not be negative\", order[\"size\"]", "is negative\", order[\"size\"]"),
              reason="the statement's text counts"),
    ),
    case(
        "a raise that a formatter wraps",
        """
def check(size, limit):
    raise ValueError("too large", size, limit)

def run():
    check(5, 3)
""",
        one("wrapped", edit('ValueError("too large", size, limit)', 'ValueError(\n        "too large", size, limit\n    )')),
        one("wrapped, an argument a line",
            edit('ValueError("too large", size, limit)', 'ValueError(\n        "too large",\n        size,\n        limit,\n    )')),
        one("aligned", edit('("too large", size, limit)', '("too large",\n                     size, limit)')),
        one("a comment behind it", edit("size, limit)\n\ndef run", "size, limit)  # Seen in June.\n\ndef run")),
        one("a comment within", edit('ValueError("too large", size, limit)', 'ValueError(\n        "too large",  # Or too long.\n        size, limit\n    )')),
        one("a backslash", edit('raise ValueError("too', 'raise \\\n        ValueError("too')),
        one("a line before", edit("    raise", "    limit += 1\n    raise")),
        one("a blank line and a comment before", edit("    raise", "\n    # The limit is that of the contract.\n    raise")),
        one("a comment before that mentions an address", edit("    raise", "    # (see the contract\n    raise")),
        another("another class", edit("ValueError", "TypeError")),
    ),
    case(
        "an assert over several lines",
        """
def check(rows, columns):
    assert len(rows) == len(
        columns
    ), (
        "a column is missing"
    )

def run():
    check([1], [])
""",
        one("another number of rows", edit("check([1], [])", "check([1, 2], [])")),
        another("another assert", edit("len(rows) == len(", "len(rows) > 5 + len(")),
    ),
    case(
        "an assert whose condition fails to be found out",
        """
def check(rows):
    assert (
        len(rows) > 1
        and rows[0].is_open
    )

def run():
    check([None, 1])
""",
        one("other rows", edit("[None, 1]", "[7, 1, 1]")),
        another("another member", edit("is_open", "is_shut")),
    ),
    case(
        "an argument within a call over several lines",
        """
def price(order):
    return order["price"]

def text(*parts):
    return "".join(parts)

def run():
    return text(
        "a",
        str(1),
        price({}),
        "b",
    )
""",
        one("on one line", edit('(\n        "a",\n        str(1),\n        price({}),\n        "b",\n    )', '("a", str(1), price({}), "b")')),
    ),
    case(
        "an expression within a call over several lines",
        """
def text(*parts):
    return "".join(parts)

def run(order=None):
    return text(
        "a",
        order.name,
        "b",
    )
""",
        one("on one line", edit('(\n        "a",\n        order.name,\n        "b",\n    )', '("a", order.name, "b")')),
        one("wrapped otherwise", edit('"a",\n        order.name,\n        "b",\n', '"a", order.name, "b"\n')),
        another("another expression", edit("order.name", "order.title")),
    ),
    case(
        "two calls over several lines in one function",
        """
def total(first, second):
    one = sum(
        first,
    )
    two = sum(
        second,
    )
    return one + two

def run():
    return total([1], 5)
""",
        another("the first one", edit("[1], 5", "5, [1]")),
    ),
    case(
        "the head of a with statement",
        """
def handle(number):
    raise LookupError(number)

def run(stock=None):
    with stock.lock(
        "orders",
    ):
        print("locked")
""",
        one("the body changes", edit('print("locked")', 'print("locked by us")\n        stock.write()')),
        one("the head on one line", edit('(\n        "orders",\n    )', '("orders")')),
        another("another head", edit("stock.lock", "stock.read")),
    ),
    case(
        "a statement in the body of a with statement",
        """
import contextlib

def run(stock=None):
    with contextlib.nullcontext() as lock:
        first = 1
        stock.write(first)
        stock.close()
""",
        one("the head changes", edit("contextlib.nullcontext() as lock", "contextlib.nullcontext(5)")),
        another("another statement of the body", edit("stock.write(first)", "pass")),
    ),
    case(
        "the heads of an if statement",
        """
def run(order=None):
    if order is not None:
        return 1
    elif order.size > 5:
        return 2
    elif order.price > 5:
        return 3
    return 4
""",
        one("a branch's body changes", edit("return 3", "return 33")),
        another("another head", edit("order.size > 5", "order is not None")),
    ),
    case(
        "the head of a for loop",
        """
def run(orders=None):
    for order in orders.open():
        print(order)
""",
        one("the body changes", edit("print(order)", "print(order, 1)")),
        another("a while loop", edit("for order in orders.open():", "while orders.open():\n        order = 1")),
    ),
    case(
        "statements of one text in several blocks",
        """
def run(order=None, first=True):
    if first:
        return order.size
    return order.price
""",
        another("the other one", edit("first=True", "first=False")),
        one("nested otherwise", edit("    if first:\n        return order.size", "    for _ in [1]:\n        with open(__file__):\n            try:\n                return order.size\n            finally:\n                print(end='')")),
    ),
    case(
        "two managers in one head",
        """
import contextlib

def run(stock=None, basket=None):
    with (
        contextlib.nullcontext() as first,
        stock.lock() as second,
    ):
        print(first, second)
""",
        one("on one line", edit("(\n        contextlib.nullcontext() as first,\n        stock.lock() as second,\n    )", "contextlib.nullcontext() as first, stock.lock() as second")),
    ),
    case(
        "an assignment over several lines",
        """
def run(order=None):
    total = (
        order.size +
        order.price
    )
    return total
""",
        one("on one line", edit("(\n        order.size +\n        order.price\n    )", "order.size + order.price")),
    ),
]  # fmt: skip
