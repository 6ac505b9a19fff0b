"""OpenTelemetry set-up of `integrations.tracing`; imported only if the extra is installed and tracing is on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from celery.signals import worker_process_shutdown
from django.db.backends.signals import connection_created
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from integrations.tracing.options import TracingOptions
from integrations.tracing.withheld_spans import WithholdingProcessor

__all__ = ["current_trace_id", "start"]

# Probes and scrapes come many times a minute, and their traces show nothing new.
_UNTRACED = "api/health,metrics$"
# Also how long an ending process may wait for an unreachable collector.
_EXPORT_SECONDS = 2.0
_STATEMENT_MAX_CHARS = 2_000
_SPAN_SECONDS = 2.0


def start(options: TracingOptions) -> Callable[[], str]:
    """Trace this process and its forks; return a function that returns the current trace's id."""
    facts = {
        "service.name": options.service,
        "service.version": options.release,
        "deployment.environment.name": options.environment,
    }
    provider = TracerProvider(
        resource=Resource.create({name: value for name, value in facts.items() if value}),
        sampler=ParentBased(_Roots(options.sample_rate)),
    )
    # Fork-aware: a child starts its own queue and thread.
    exporter = OTLPSpanExporter(_traces_url(options.endpoint), timeout=_EXPORT_SECONDS)
    processor = WithholdingProcessor(
        exporter, options.withholds, options.knows_type, schedule_delay_millis=int(_SPAN_SECONDS * 1000)
    )
    provider.add_span_processor(processor)
    options.on_withheld(processor.withhold_trace)
    trace.set_tracer_provider(provider)
    _instrument(provider)

    def flush(**kwargs: object) -> None:
        # Celery's pool processes end without running atexit hooks.
        provider.force_flush(int(_EXPORT_SECONDS * 1000))

    worker_process_shutdown.connect(flush, weak=False, dispatch_uid="enginel.flush_spans")
    return current_trace_id


def current_trace_id() -> str:
    """Return the id of the current trace, sampled or not; empty if there is none."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""


def _traces_url(endpoint: str) -> str:
    base = endpoint.rstrip("/")
    return base if base.endswith("/v1/traces") else f"{base}/v1/traces"


def _instrument(provider: TracerProvider) -> None:
    given: dict[str, Any] = {
        "tracer_provider": provider,
        # The metrics of these libraries would cost more than all of ours.
        "meter_provider": metrics.NoOpMeterProvider(),
        "skip_dep_check": True,
    }
    # The outermost middleware, so that all others run within the trace.
    DjangoInstrumentor().instrument(excluded_urls=_UNTRACED, middleware_position=0, **given)
    CeleryInstrumentor().instrument(**given)  # type: ignore[no-untyped-call] # only its base class has types
    RedisInstrumentor().instrument(**given)
    tracer = provider.get_tracer(__name__)

    def watch(connection: Any, **kwargs: object) -> None:
        if not any(isinstance(wrapper, _QuerySpans) for wrapper in connection.execute_wrappers):
            connection.execute_wrappers.append(_QuerySpans(tracer))

    # Django's own hook works for all database engines, and its SQL text has no parameter values.
    connection_created.connect(watch, weak=False, dispatch_uid="enginel.query_spans")


class _QuerySpans:
    """Creates a span for each database query within a sampled trace."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if not trace.get_current_span().is_recording():
            return execute(sql, params, many, context)
        text = str(sql)
        attributes = {
            "db.system.name": context["connection"].vendor,
            "db.query.text": text[:_STATEMENT_MAX_CHARS],
        }
        name = text.lstrip().partition(" ")[0].upper()[:20] or "query"
        with self._tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes):
            return execute(sql, params, many, context)


class _Roots(Sampler):
    """Samples a share of the traces that begin here, but none that begins with a background thread's command."""

    def __init__(self, share: float) -> None:
        self._share = TraceIdRatioBased(share)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return self._share.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"Roots({self._share.get_description()})"
