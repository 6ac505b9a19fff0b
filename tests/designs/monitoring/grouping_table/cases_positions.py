"""Places of a statement at which a library may fail: Pythons differ in the line that they name."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, source

__all__ = ["CASES"]

ACME = """
import contextlib

def fail(*args, **more):
    raise LookupError(args)

def fine(*args, **more):
    return args

def rows():
    yield 1
    raise LookupError("no more")

async def async_rows():
    yield 1
    raise LookupError("no more")

@contextlib.contextmanager
def at_the_end():
    yield
    raise LookupError("end")

@contextlib.asynccontextmanager
async def async_at_the_end():
    yield
    raise LookupError("end")

def decorating(*args):
    return fail

class Meta(type):
    def __new__(cls, *args, **more):
        raise LookupError("class")

class Chain:
    def step(self, *args):
        return self

    fail = fail
"""


def placed(name: str, wrapped: str, plain: str, prelude: str = "") -> Case:
    """Return a case of a statement in a function, over several lines and on one; both are one bug."""
    text = f"import asyncio\n\nimport acme\n{prelude}\ndef run(size=1):\n{wrapped.rstrip()}\n"
    return case(
        f"a library fails in {name}",
        source(text, acme=ACME),
        one("on one line", edit(wrapped.rstrip(), plain.rstrip())),
        one("a line before", edit("def run(size=1):\n", "def run(size=1):\n    size += 1\n")),
        another(
            "another function, over several lines",
            edit("def run(size=1):", "def run():\n    return again()\n\ndef again(size=1):"),
        ),
    )


CASES: list[Case] = [
    placed("an argument", "    print(\n        size,\n        acme.fail(\n            size\n        ),\n    )", "    print(size, acme.fail(size))"),
    placed("a keyword argument", "    print(\n        size,\n        end=acme.fail(size),\n    )", "    print(size, end=acme.fail(size))"),
    placed("a call of a call", "    acme.decorating(\n        size,\n    )(\n        size,\n    )", "    acme.decorating(size)(size)"),
    placed("a chain of calls", "    return (\n        acme.Chain()\n        .step(size)\n        .fail(size)\n    )", "    return acme.Chain().step(size).fail(size)"),
    placed("a sum", "    total = (\n        size\n        + acme.fail(size)\n        + 2\n    )", "    total = size + acme.fail(size) + 2"),
    placed("a comparison", "    if (\n        size > 5\n        or acme.fail(size)\n    ):\n        print(size)", "    if size > 5 or acme.fail(size):\n        print(size)"),
    placed("a condition", "    total = (\n        acme.fail(size)\n        if size\n        else 0\n    )", "    total = acme.fail(size) if size else 0"),
    placed("a list", "    total = [\n        size,\n        acme.fail(size),\n    ]", "    total = [size, acme.fail(size)]"),
    placed("a dict", '    total = {\n        "size": size,\n        "price": acme.fail(size),\n    }', '    total = {"size": size, "price": acme.fail(size)}'),
    placed("an index", "    total = size[\n        acme.fail(size)\n    ]", "    total = size[acme.fail(size)]"),
    placed("an assignment to an index", "    known = {}\n    known[\n        acme.fail(size)\n    ] = size", "    known = {}\n    known[acme.fail(size)] = size"),
    placed("an added assignment", "    size += (\n        acme.fail(size)\n    )", "    size += acme.fail(size)"),
    placed("an assert", '    assert (\n        acme.fail(size)\n    ), "no size"', '    assert acme.fail(size), "no size"'),
    placed("the text of an assert", "    assert not size, (\n        acme.fail(size)\n    )", "    assert not size, acme.fail(size)"),
    placed("a raise", "    raise ValueError(\n        size,\n        acme.fail(size),\n    )", "    raise ValueError(size, acme.fail(size))"),
    placed("a raise from", "    raise ValueError(\n        size,\n    ) from acme.fail(size)", "    raise ValueError(size) from acme.fail(size)"),
    placed("the head of a loop", "    for row in (\n        acme.fail(size)\n    ):\n        print(row)", "    for row in acme.fail(size):\n        print(row)"),
    placed("a later step of a loop", "    for row in (\n        acme.rows()\n    ):\n        size = row\n        size += 1", "    for row in acme.rows():\n        size = row\n        size += 1"),
    placed("the end of a with statement", "    with (\n        acme.at_the_end()\n    ):\n        size = 1\n        size += 1", "    with acme.at_the_end():\n        size = 1\n        size += 1"),
    placed("the end of the second of two managers", "    with (\n        open(__file__) as first,\n        acme.at_the_end() as second,\n    ):\n        size = first, second", "    with open(__file__) as first, acme.at_the_end() as second:\n        size = first, second"),
    placed("the head of a while loop", "    while (\n        acme.fail(size)\n    ):\n        size = 1", "    while acme.fail(size):\n        size = 1"),
    placed("a match", "    match (\n        acme.fail(size)\n    ):\n        case 1:\n            print(size)", "    match acme.fail(size):\n        case 1:\n            print(size)"),
    placed("the guard of a match", "    match size:\n        case int() if (\n            acme.fail(size)\n        ):\n            print(size)", "    match size:\n        case int() if acme.fail(size):\n            print(size)"),
    placed("a decorator", "    @acme.fail(\n        size,\n    )\n    def show():\n        return 1", "    @acme.fail(size)\n    def show():\n        return 1"),
    placed("what a decorator returns", "    @acme.decorating(\n        size,\n    )\n    def show():\n        return 1", "    @acme.decorating(size)\n    def show():\n        return 1"),
    placed("the second of two decorators", "    @acme.fine\n    @acme.fail\n    def show(\n        size,\n    ):\n        return 1", "    @acme.fine\n    @acme.fail\n    def show(size):\n        return 1"),
    placed("a default", "    def show(\n        first,\n        second=acme.fail(size),\n    ):\n        return 1", "    def show(first, second=acme.fail(size)):\n        return 1"),
    placed("an annotation", "    def show(\n        first,\n        second: acme.fail(size),\n    ):\n        return 1", "    def show(first, second: acme.fail(size)):\n        return 1"),
    placed("a metaclass", "    class Row(\n        metaclass=acme.Meta,\n    ):\n        size = 1", "    class Row(metaclass=acme.Meta):\n        size = 1"),
    placed("a class that inherits", "    class Row(\n        acme.fail(size),\n    ):\n        size = 1", "    class Row(acme.fail(size)):\n        size = 1"),
    placed("an f-string", "    text = (\n        f'{size} '\n        f'{acme.fail(size)}'\n    )", "    text = f'{size} ' f'{acme.fail(size)}'"),
    placed("a format of an f-string", "    text = (\n        f'{size:{acme.fail(size)}}'\n    )", "    text = f'{size:{acme.fail(size)}}'"),
    placed("a yield", "    def rows():\n        yield (\n            acme.fail(size)\n        )\n    return list(rows())", "    def rows():\n        yield acme.fail(size)\n    return list(rows())"),
    placed("a yield from", "    def rows():\n        yield from (\n            acme.rows()\n        )\n    return list(rows())", "    def rows():\n        yield from acme.rows()\n    return list(rows())"),
    placed("a named expression", "    if (\n        total := acme.fail(size)\n    ):\n        return total", "    if total := acme.fail(size):\n        return total"),
    placed("a starred argument", "    print(\n        *acme.rows(),\n        size,\n    )", "    print(*acme.rows(), size)"),
    placed("a slice", "    total = [1][\n        acme.fail(size) :\n    ]", "    total = [1][acme.fail(size) :]"),
    placed("the first iterable of a comprehension", "    return [\n        row\n        for row in acme.rows()\n        if row\n    ]", "    return [row for row in acme.rows() if row]"),
    placed("the condition of a comprehension", "    return [\n        row\n        for row in [1]\n        if acme.fail(row)\n    ]", "    return [row for row in [1] if acme.fail(row)]"),
    placed("the value of a comprehension", "    return {\n        row: acme.fail(row)\n        for row in [1]\n    }", "    return {row: acme.fail(row) for row in [1]}"),
    placed("a second iterable of a comprehension", "    return {\n        part\n        for row in [1]\n        for part in acme.rows()\n    }", "    return {part for row in [1] for part in acme.rows()}"),
    placed("a generator", "    return sum(\n        acme.fail(row)\n        for row in [1]\n    )", "    return sum(acme.fail(row) for row in [1])"),
    placed("an await", "    async def serve():\n        return await (\n            acme.fail(size)\n        )\n    asyncio.run(serve())", "    async def serve():\n        return await acme.fail(size)\n    asyncio.run(serve())"),
    placed("an async loop", "    async def serve():\n        async for row in (\n            acme.async_rows()\n        ):\n            print(end='')\n    asyncio.run(serve())", "    async def serve():\n        async for row in acme.async_rows():\n            print(end='')\n    asyncio.run(serve())"),
    placed("the end of an async with statement", "    async def serve():\n        async with (\n            acme.async_at_the_end()\n        ):\n            print(end='')\n    asyncio.run(serve())", "    async def serve():\n        async with acme.async_at_the_end():\n            print(end='')\n    asyncio.run(serve())"),
    placed("an async comprehension", "    async def serve():\n        return [\n            row\n            async for row in acme.async_rows()\n        ]\n    asyncio.run(serve())", "    async def serve():\n        return [row async for row in acme.async_rows()]\n    asyncio.run(serve())"),
    placed("a finally block", "    try:\n        size = 1\n    finally:\n        print(\n            acme.fail(size)\n        )", "    try:\n        size = 1\n    finally:\n        print(acme.fail(size))"),
    placed("an except clause's handler", "    try:\n        size = {}[1]\n    except KeyError:\n        print(\n            acme.fail(size)\n        )", "    try:\n        size = {}[1]\n    except KeyError:\n        print(acme.fail(size))"),
    placed("what an except clause looks for", "    try:\n        size = {}[1]\n    except (\n        acme.fail(size)\n    ):\n        print(size)", "    try:\n        size = {}[1]\n    except acme.fail(size):\n        print(size)"),
    placed("an else block", "    for row in [1]:\n        size = row\n    else:\n        print(\n            acme.fail(size, 5)\n        )", "    for row in [1]:\n        size = row\n    else:\n        print(acme.fail(size, 5))"),
    placed("a lambda", "    return (\n        lambda row: acme.fail(\n            row,\n        )\n    )(size)", "    return (lambda row: acme.fail(row))(size)"),
    placed("a negation", "    return not (\n        acme.fail(size)\n    )", "    return not acme.fail(size)"),
    placed("a deletion", "    known = {}\n    del known[\n        acme.fail(size)\n    ]", "    known = {}\n    del known[acme.fail(size)]"),
    placed("a pair of values", "    first, second = (\n        size,\n        acme.fail(size),\n    )", "    first, second = size, acme.fail(size)"),
]  # fmt: skip
