"""Which exceptions stop the process or the thread on purpose, and which only come out of foreign code. Pure."""

from __future__ import annotations

import signal

__all__ = ["is_stop"]

_MAX_FRAMES = 200


def is_stop(error: BaseException) -> bool:
    """Return whether an exception out of foreign code must go on: Ctrl-C, or one that a signal handler raised.

    A `SystemExit` or `GeneratorExit` of an object's own ``__str__`` is a fault of that object as any other. Ctrl-C has
    no frame of its own, so that a `KeyboardInterrupt` of an object looks the same and goes on.
    """
    if isinstance(error, KeyboardInterrupt):
        return True
    if isinstance(error, Exception):
        return False
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    handlers.discard(None)
    link = BaseException.__dict__["__traceback__"].__get__(error)
    for _ in range(_MAX_FRAMES):
        if link is None:
            return False
        if link.tb_frame.f_code in handlers:
            return True
        link = link.tb_next
    return False
