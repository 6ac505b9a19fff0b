"""Reduction of spans of controlled work to names of the program, numbers and ids."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, Span
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link
from opentelemetry.trace.status import Status

__all__ = ["WithholdingProcessor"]

_MAX_TRACES = 16_384
_WITHHELD = "[withheld]"
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z")
_VERB = re.compile(r"[A-Z]{2,20}\Z")
_TASK = re.compile(r"[a-z_][a-z0-9_.]{0,199}\Z")
_TASK_SPAN = re.compile(r"(?:run|apply_async)/(.*)\Z", re.DOTALL)
_EXCEPTION = "exception"
_EXCEPTION_TYPE = "exception.type"

# The instrumentation sets these from facts of the program, not from data.
_FACTS = frozenset(
    {
        "http.method", "http.request.method", "http.status_code", "http.response.status_code", "http.route",
        "http.scheme", "url.scheme", "http.flavor", "network.protocol.version", "net.host.port", "server.port",
        "celery.action", "celery.state", "db.system", "db.system.name", "db.redis.database_index",
    }
)  # fmt: skip
_IDS = frozenset({"messaging.message.id", "messaging.message_id", "messaging.conversation_id"})
_TASK_NAME = "celery.task_name"


class WithholdingProcessor(BatchSpanProcessor):
    """Exports spans in batches. Once a trace is controlled, its spans lose their names and content.

    Args:
        exporter: Sends spans.
        withholds: Returns whether the current work is controlled.
        knows_type: Returns whether the program defines a type, by module and qualified name.
        **options: Options of `BatchSpanProcessor`.
    """

    def __init__(
        self, exporter: Any, withholds: Callable[[], bool], knows_type: Callable[[str, str], bool], **options: Any
    ) -> None:
        super().__init__(exporter, **options)
        self._withholds = withholds
        self._knows_type = knows_type
        self._traces: OrderedDict[int, None] = OrderedDict()

    def withhold_trace(self) -> None:
        """Reduce each span of the current trace that ends from now on."""
        self._withhold(trace.get_current_span())

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if self._withholds():
            self._withhold(span)
        super().on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        found = span.context
        if (found is not None and found.trace_id in self._traces) or self._withholds():
            span = self._reduced(span)
        super().on_end(span)

    def _withhold(self, span: trace.Span) -> None:
        found = span.get_span_context()
        if found.is_valid:
            self._traces[found.trace_id] = None
            while len(self._traces) > _MAX_TRACES:
                self._traces.popitem(last=False)

    def _reduced(self, span: ReadableSpan) -> ReadableSpan:
        attributes = _facts(span.attributes or {})
        return ReadableSpan(
            _name(span, attributes),
            span.context,
            span.parent,
            span.resource,
            attributes,
            [self._event(event) for event in span.events],
            [Link(link.context) for link in span.links],
            span.kind,
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _event(self, event: Event) -> Event:
        if event.name != _EXCEPTION:
            return Event(_WITHHELD, timestamp=event.timestamp)
        module, _, name = str((event.attributes or {}).get(_EXCEPTION_TYPE) or "").rpartition(".")
        known = f"{module}.{name}".lstrip(".") if self._knows_type(module or "builtins", name) else _WITHHELD
        return Event(_EXCEPTION, {_EXCEPTION_TYPE: known}, event.timestamp)


def _facts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in attributes.items()
        if name in _FACTS
        or (name in _IDS and _UUID.match(str(value)))
        or (name == _TASK_NAME and _TASK.match(str(value)))
    }


def _name(span: ReadableSpan, attributes: Mapping[str, Any]) -> str:
    """Return a span's name if it is a verb of HTTP, SQL or Redis with its route, or an operation on a task."""
    verb, _, rest = span.name.partition(" ")
    if _VERB.match(verb) and rest in ("", attributes.get("http.route")):
        return span.name
    of_task = _TASK_SPAN.match(span.name)
    return span.name if of_task is not None and _TASK.match(of_task[1]) else _WITHHELD
