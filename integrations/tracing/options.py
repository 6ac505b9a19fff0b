"""Tracing, which is off unless an OTLP endpoint is set: then nothing is patched and nothing of OpenTelemetry loaded.

The extra (requirements/otel.txt) makes spans of requests, tasks, Redis commands and database queries, and sends them
over OTLP. What the rest of the service wants of it is the id of the trace that is going on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

__all__ = ["TracingOptions", "is_tracing_installed"]


def _never(*_: object) -> bool:
    return False


def _ignore(act: Callable[[], None]) -> None:
    return


@dataclass(frozen=True)
class TracingOptions:
    """How to trace.

    Attributes:
        endpoint: OTLP over HTTP, such as ``http://collector:4318``; empty switches tracing off.
        service: Name of this service.
        environment: Where it runs.
        release: Version of the running code.
        sample_rate: Share of traces begun here that are kept, 0 to 1.
        withholds: Whether what runs now must not be told: spans then have names of the program, numbers and ids only.
        knows_type: Whether a type, by module and qualified name, is the program's.
        on_withheld: Takes a function to call when what runs now must not be told from now on.
    """

    endpoint: str
    service: str = "enginel"
    environment: str = "production"
    release: str = ""
    sample_rate: float = 1.0
    withholds: Callable[[], bool] = _never
    knows_type: Callable[[str, str], bool] = _never
    on_withheld: Callable[[Callable[[], None]], None] = _ignore


def is_tracing_installed() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.instrumentation") is not None
