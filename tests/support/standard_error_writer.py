"""Writes one secret to standard error in each way that goes past logging; run in a process of its own.

``python -m tests.support.standard_error_writer KIND``: ``wsgi`` or ``asgi`` for a serving process, ``plain`` for one
whose ``sys.argv[0]`` is none of Django's. The last way ends the process.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import sys
import threading
import traceback
import warnings

__all__: list[str] = []

KIND, SECRET = sys.argv[1:3]


class Broken:
    def __del__(self) -> None:
        raise ValueError(f"way=del password={SECRET}")


class BrokenHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            raise OSError(f"way=handler password={SECRET}")
        except OSError:
            self.handleError(record)


def in_thread() -> None:
    raise ValueError(f"way=thread\npassword={SECRET}")


async def in_loop() -> None:
    async def forgotten() -> None:
        raise ValueError(f"way=asyncio password={SECRET}")

    task = asyncio.ensure_future(forgotten())
    await asyncio.wait([task])
    del task
    gc.collect()
    asyncio.get_running_loop().call_exception_handler({"message": f"way=loop password={SECRET}"})


def main() -> None:
    importlib.import_module(f"enginel.{KIND}")
    thread = threading.Thread(target=in_thread, name=f"way=name password={SECRET}")
    thread.start()
    thread.join()
    broken = Broken()
    del broken
    gc.collect()
    warnings.warn(f"way=warning password={SECRET}", stacklevel=1)
    logger = logging.getLogger("probe")
    handler = BrokenHandler()
    logger.addHandler(handler)
    logger.error("way=template password=%s", SECRET)
    logger.removeHandler(handler)
    # Wrong calls: the arguments do not fit.
    logger.error("way=misfit %d", f"password={SECRET}")
    asyncio.run(in_loop())
    print(f"way=print password={SECRET}", "and more", file=sys.stderr)
    sys.stderr.write(f"way=key\n-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----\n")
    sys.stderr.write('{"way": "json", "password": "' + SECRET + '"}\n')
    try:
        raise LookupError(f"way=printed password={SECRET}")
    except LookupError:
        traceback.print_exc()
    sys.stderr.write(f"way=unended password={SECRET}")
    raise RuntimeError(f"way=uncaught password={SECRET}")


if __name__ == "__main__":
    main()
