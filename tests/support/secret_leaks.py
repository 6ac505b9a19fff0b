"""Ways in which code can leak a secret, as functions and tasks; `tests.support.leaks_urls` has them as views."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable

from enginel.celery import app

__all__ = ["WAYS", "app"]

logger = logging.getLogger("leaks")


def exception(secret: str) -> None:
    raise ValueError(f"no login with password={secret}")


def chained(secret: str) -> None:
    try:
        exception(secret)
    except ValueError as error:
        failure = LookupError(f"api_key: {secret}")
        failure.add_note(f"Authorization: Bearer {secret}")
        raise failure from error


def warning(secret: str) -> None:
    warnings.warn(f"deprecated: password={secret}", stacklevel=2)


def thread(secret: str) -> None:
    failing = threading.Thread(target=exception, args=(secret,))
    failing.start()
    failing.join()


def deletion(secret: str) -> None:
    class Broken:
        def __del__(self) -> None:
            exception(secret)

    Broken()
    gc.collect()


def process(secret: str) -> None:
    subprocess.run([sys.executable, "-c", "raise SystemExit(1)", "--password", secret], check=True)


def timeout(secret: str) -> None:
    command = [sys.executable, "-c", "input()", f"--token={secret}"]
    subprocess.run(command, check=True, timeout=0.001, stdin=subprocess.PIPE)


def printed(secret: str) -> None:
    print(f"password={secret}", file=sys.stderr)
    try:
        exception(secret)
    except ValueError:
        traceback.print_exc()


def logged(secret: str) -> None:
    logger.warning("log in with password=%s", secret)
    logger.error("log in as %s", {"user": "bob", "password": secret}, extra={"api_key": secret})


class _Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            raise OSError(record.getMessage())
        except OSError:
            self.handleError(record)


def handler(secret: str) -> None:
    broken = _Broken()
    logger.addHandler(broken)
    try:
        logger.warning("password=%s", secret)
    finally:
        logger.removeHandler(broken)


def loop(secret: str) -> None:
    async def forgotten() -> None:
        exception(secret)

    async def main() -> None:
        task = asyncio.ensure_future(forgotten())
        await asyncio.wait([task])

    asyncio.run(main())
    gc.collect()


WAYS: dict[str, Callable[[str], None]] = {
    way.__name__: way
    for way in (
        exception, chained, warning, thread, deletion, process, timeout, printed, logged, handler, loop,
    )
}  # fmt: skip


@app.task(name="leaks.leak")
def leak_in_task(way: str, *, password: str) -> None:
    WAYS[way](password)
