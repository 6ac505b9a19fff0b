"""Starting tracing: nothing of OpenTelemetry is loaded unless an OTLP endpoint is set."""

from __future__ import annotations

from collections.abc import Callable

from integrations.tracing.options import TracingOptions, is_tracing_installed

__all__ = ["init_tracing"]


def init_tracing(options: TracingOptions) -> Callable[[], str] | None:
    """Start tracing in this process and its forks.

    Returns:
        A function that returns the id of the current trace, or an empty string; None if tracing is off or not
        installed.
    """
    if not options.endpoint or not is_tracing_installed():
        return None
    from integrations.tracing import otlp  # noqa: PLC0415 - an extra, loaded where it is used only

    return otlp.start(options)
