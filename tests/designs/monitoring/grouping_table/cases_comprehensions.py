"""Comprehensions: frames of their own up to Python 3.11, none from 3.12 on."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, split

__all__ = ["CASES"]

CALLED = """
def price(size):
    if size < 0:
        raise ValueError(f"no price for {size}")
    return size * 2

def total(sizes):
    return sum([price(size) for size in sizes])

def run():
    return total([1, -1])
"""

CASES: list[Case] = [
    case(
        "a function called in a list comprehension",
        CALLED,
        one("in a set comprehension", edit("sum([price(size) for size in sizes])", "sum({price(size) for size in sizes})")),
        one("in a dict comprehension", edit("[price(size) for size in sizes]", "{price(size): 1 for size in sizes}")),
        one("in a loop", edit("    return sum([price(size) for size in sizes])", "    for size in sizes:\n        price(size)")),
        one("in two comprehensions", edit("[price(size) for size in sizes]", "[sum([price(s) for s in [size]]) for size in sizes]")),
        one("another size", edit("[1, -1]", "[1, 3, -17]")),
        another("another check fails", edit('raise ValueError(f"no price for {size}")', 'raise ValueError("too many")')),
        split("the caller is renamed", edit("total", "sum_up"), reason="functions of the application count by name"),
        split("in a generator", edit("sum([price(size) for size in sizes])", "sum(price(size) for size in sizes)"),
              reason="a generator is a function of its own on every Python"),
    ),
    case(
        "the expression of a list comprehension",
        """
def shares(sizes):
    kept = [1 / size for size in sizes]
    return [size % 0 for size in kept]

def run():
    return shares([1, 0])
""",
        one("another variable's value", edit("shares([1, 0])", "shares([5, 6, 0])")),
        another("the second one fails", edit("[1, 0]", "[1, 2]")),
    ),
    case(
        "the expression of a set comprehension",
        """
def names(rows):
    return {row["name"] for row in rows}

def run():
    return names([{"nam": 1}])
""",
        another("another name is asked for", edit('row["name"]', 'row["title"]')),
    ),
    case(
        "the expression of a dict comprehension over several lines",
        """
def by_name(rows):
    return {
        row.name: row
        for row in rows
        if row.is_open
    }

def run():
    return by_name([None])
""",
        one("on one line", edit("{\n        row.name: row\n        for row in rows\n        if row.is_open\n    }",
                                "{row.name: row for row in rows if row.is_open}")),
        another("the condition is another one", edit("row.is_open", "row.is_closed")),
    ),
    case(
        "the iterable of a comprehension",
        """
def run():
    return [row for row in None]
""",
    ),
    case(
        "nested comprehensions",
        """
def cell(value):
    return int(value)

def table(rows):
    return [[cell(value) for value in row] for row in rows]

def run():
    return table([["1"], ["x"]])
""",
        one("one flat comprehension", edit("[[cell(value) for value in row] for row in rows]",
                                           "[cell(value) for row in rows for value in row]")),
    ),
    case(
        "a comprehension in a lambda",
        """
def check(size):
    raise ValueError(size)

def run():
    return sorted([1], key=lambda size: [check(part) for part in [size]])
""",
        one("without the comprehension", edit("[check(part) for part in [size]]", "check(size)")),
    ),
    case(
        "a lambda in a comprehension",
        """
def weigh(size):
    raise ValueError(size)

def run():
    return [(lambda size: weigh(size))(part) for part in [1]]
""",
    ),
    case(
        "a function in a comprehension's method",
        """
class Basket:
    def __init__(self):
        self.rows = [1]

    def price(self, row):
        raise LookupError(row)

    def total(self):
        return sum([self.price(row) for row in self.rows])

def run():
    return Basket().total()
""",
        another("another class's method", edit("Basket", "Cart")),
    ),
    case(
        "a comprehension at the top of a module",
        {
            "shop/orders.py": "def run():\n    import shop.prices\n",
            "shop/prices.py": "def price(size):\n    raise ValueError(size)\n\nPRICES = [price(size) for size in [1]]\n",
        },
        one("a set comprehension", edit("[price(size) for size in [1]]", "{price(size) for size in [1]}")),
        another("without a function", edit("price(size) for size", "1 // 0 for size")),
    ),
    case(
        "a comprehension in the body of a class",
        """
def price(size):
    raise ValueError(size)

def run():
    class Prices:
        all = [price(size) for size in [1]]
""",
        one("a loop", edit("all = [price(size) for size in [1]]", "for size in [1]:\n            price(size)")),
    ),
    case(
        "an async comprehension",
        """
import asyncio

async def sizes():
    yield 1
    raise LookupError("no more")

async def total():
    return sum([size async for size in sizes()])

def run():
    asyncio.run(total())
""",
        one("a set", edit("sum([size async for size in sizes()])", "sum({size async for size in sizes()})")),
        one("an async loop", edit("    return sum([size async for size in sizes()])",
                                  "    async for size in sizes():\n        print(end='')")),
    ),
    case(
        "a comprehension that awaits",
        """
import asyncio

async def price(size):
    await asyncio.sleep(0)
    raise LookupError(size)

async def total():
    return [await price(size) for size in [1, 2]]

def run():
    asyncio.run(total())
""",
        one("a loop that awaits", edit("    return [await price(size) for size in [1, 2]]",
                                       "    for size in [1, 2]:\n        await price(size)")),
    ),
    case(
        "recursion through a comprehension",
        """
def depth(tree):
    if tree is None:
        raise ValueError("no tree")
    return 1 + max([depth(part) for part in tree], default=0)

def run():
    return depth([[[None]]])
""",
        one("deeper", edit("[[[None]]]", "[[[[[[[[None]]]]]]]]")),
        one("at once", edit("[[[None]]]", "[None]")),
    ),
    case(
        "mutual recursion through comprehensions",
        """
def rows(tree):
    return [cells(part) for part in tree]

def cells(tree):
    if tree is None:
        raise ValueError("no cell")
    return {str(rows(part)) for part in tree}

def run():
    return rows([[[None]]])
""",
        one("deeper", edit("[[[None]]]", "[[[[[[[[[None]]]]]]]]]")),
        one("loops", edit("[cells(part) for part in tree]", "list(map(cells, tree))")),
    ),
    case(
        "a comprehension in a generator and in an async function",
        """
import asyncio

def price(size):
    raise IndexError(size)

def rows():
    yield [price(size) for size in [1]]

async def serve():
    return {row for row in rows()}

def run():
    asyncio.run(serve())
""",
        one("loops", edit("    return {row for row in rows()}", "    for row in rows():\n        print(row)"), edit("yield [price(size) for size in [1]]", "yield list(map(price, [1]))")),
    ),
    case(
        "endless recursion through a comprehension",
        """
def depth(tree):
    return 1 + max([depth(part) for part in tree])

def run():
    tree = []
    tree.append(tree)
    return depth(tree)
""",
        one("a dict comprehension", edit("max([depth(part) for part in tree])", "max({depth(part): 1 for part in tree})")),
    ),
    case(
        "two generators of one function",
        """
def total(sizes):
    first = sum(10 / size for size in sizes)
    return first + sum(20 % size for size in sizes)

def run():
    return total([0])
""",
        another("the second one", edit("10 / size for size in sizes", "10 for size in sizes")),
    ),
]  # fmt: skip
