"""Async code, threads and pools."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one

__all__ = ["CASES"]

ASYNC = """
import asyncio

async def price(size):
    await asyncio.sleep(0)
    raise LookupError(size)

async def serve():
    return await price(5)

def run():
    asyncio.run(serve())
"""

GROUP = """
import asyncio

async def price(size):
    await asyncio.sleep(0)
    raise LookupError(size)

async def weight(size):
    await asyncio.sleep(0)
    raise KeyError(size)

async def serve():
    async with asyncio.TaskGroup() as group:
        group.create_task(price(1))

def run():
    asyncio.run(serve())
"""

CASES: list[Case] = [
    case(
        "async code",
        ASYNC,
        one("in a task", edit("await price(5)", "await asyncio.create_task(price(5))")),
        one("gathered", edit("await price(5)", "await asyncio.gather(price(5))")),
        one("within a time limit", edit("await price(5)", "await asyncio.wait_for(price(5), 60)")),
        one("within a block of a time limit", edit("    return await price(5)", "    async with asyncio.timeout(60):\n        return await price(5)")),
        one("shielded", edit("await price(5)", "await asyncio.shield(price(5))")),
        one("run by a runner", edit("    asyncio.run(serve())", "    with asyncio.Runner() as runner:\n        runner.run(serve())")),
        another("another function", edit("price", "weight")),
    ),
    case(
        "a time limit of async code",
        """
import asyncio

async def price():
    await asyncio.sleep(60)

async def serve():
    return await asyncio.wait_for(price(), 0.001)

def run():
    asyncio.run(serve())
""",
        one("a statement before", edit("async def price():\n", "async def price():\n    print(end='')\n")),
    ),
    case(
        "an async generator and an async context manager",
        """
import asyncio
import contextlib

@contextlib.asynccontextmanager
async def locked():
    yield 1

async def rows():
    yield 1
    raise LookupError("no more")

async def serve():
    async with locked():
        async for row in rows():
            await asyncio.sleep(0)

def run():
    asyncio.run(serve())
""",
        one("not locked", edit("async with locked():", "if True:")),
    ),
    case(
        "a function in a thread of async code",
        """
import asyncio

def cost(size):
    raise LookupError(size)

async def serve():
    return await asyncio.to_thread(cost, 5)

def run():
    asyncio.run(serve())
""",
        one("not in a thread", edit("await asyncio.to_thread(cost, 5)", "cost(5)")),
        one("in an executor", edit("asyncio.to_thread(cost, 5)", "asyncio.get_running_loop().run_in_executor(None, cost, 5)")),
    ),
    case(
        "a task group of which one fails",
        GROUP,
        one("two in one way", edit("create_task(price(1))", "create_task(price(1))\n        group.create_task(price(2))")),
        one("others succeed", edit("create_task(price(1))", "create_task(asyncio.sleep(0))\n        group.create_task(price(2))")),
        another("another way", edit("create_task(price(1))", "create_task(weight(1))")),
        another("two ways", edit("create_task(price(1))", "create_task(price(1))\n        group.create_task(weight(2))")),
        one("two ways, the other order", edit("create_task(price(1))", "create_task(weight(2))\n        group.create_task(price(1))"), of="two ways"),
        one("two ways, one twice", edit("create_task(price(1))", "create_task(price(3))\n        group.create_task(price(1))"), of="two ways"),
    ),
    case(
        "a thread",
        """
import threading

def charge(size):
    raise LookupError(size)

def weight(size):
    raise LookupError(size)

def run():
    found = []
    threading.excepthook = lambda args: found.append(args.exc_value)
    try:
        thread = threading.Thread(target=charge, args=(5,))
        thread.start()
        thread.join()
    finally:
        threading.excepthook = threading.__excepthook__
    return found[0]
""",
        one("another name of the thread", edit("args=(5,)", "args=(7,), name='orders'")),
        one("a timer", edit("threading.Thread(target=charge, args=(5,))", "threading.Timer(0, charge, (5,))")),
        another("another target", edit("target=charge", "target=weight")),
    ),
    case(
        "a pool of threads",
        """
from concurrent.futures import ThreadPoolExecutor

def quote(size):
    raise LookupError(size)

def run():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(quote, 5).result()
""",
        one("mapped", edit("pool.submit(quote, 5).result()", "list(pool.map(quote, [5]))")),
        one("without a pool", edit("pool.submit(quote, 5).result()", "quote(5)")),
    ),
]  # fmt: skip
