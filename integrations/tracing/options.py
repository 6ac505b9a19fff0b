"""Options and start of tracing. Without an OTLP endpoint, OpenTelemetry is not imported and nothing is patched.

The extra (requirements/otel.txt) creates spans for requests, tasks, Redis commands and database queries, and sends them
over OTLP. The rest of the service uses only the id of the current trace.
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
    """Options of tracing.

    Attributes:
        endpoint: OTLP over HTTP, such as ``http://collector:4318``; empty switches tracing off.
        service: Name of this service.
        environment: Name of the deployment.
        release: Version of the running code.
        sample_rate: Share of traces begun here that are kept, 0 to 1.
        withholds: Returns whether the current work is controlled: its spans keep names of the program, numbers and ids.
        knows_type: Returns whether the program defines a type, by module and qualified name.
        on_withheld: Registers a function to call when the current work becomes controlled.
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
