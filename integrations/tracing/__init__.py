"""Tracing by OpenTelemetry, off unless an OTLP endpoint is set."""

from integrations.tracing.options import TracingOptions, is_tracing_installed
from integrations.tracing.start import init_tracing

__all__ = ["TracingOptions", "init_tracing", "is_tracing_installed"]
