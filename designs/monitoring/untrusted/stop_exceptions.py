"""Detection of exceptions that stop the process or the thread on purpose, raised during foreign code. Pure."""

from __future__ import annotations

import signal

__all__ = ["is_stop"]

_MAX_FRAMES = 200


def is_stop(error: BaseException) -> bool:
    """Return whether an exception from foreign code must propagate: Ctrl-C, or one that a signal handler raised.

    A `SystemExit` or `GeneratorExit` of an object's own ``__str__`` is a fault of that object, like any exception.
    Ctrl-C has no frame of its own, so a `KeyboardInterrupt` that an object raises looks the same and propagates.
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
