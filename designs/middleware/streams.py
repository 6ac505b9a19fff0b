"""Streaming bodies: they run after the middlewares, in their request's context, and their exceptions are recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from django.http.response import FileResponse, HttpResponseBase, StreamingHttpResponse

from designs.context import State, current_state, start_with
from designs.middleware.stack import severity_of
from designs.monitoring import ErrorTracker, guarded

__all__ = ["watch_stream"]

_END: Any = object()


def watch_stream(response: HttpResponseBase) -> None:
    """Run each step of a response's body, and its close, in the current context; record the body's exceptions."""
    # A file response runs no code of ours, and an iterator around it would prevent the server's sendfile.
    if isinstance(response, FileResponse):
        return
    stream, state = cast("StreamingHttpResponse", response), current_state()
    body = stream.streaming_content
    if isinstance(body, AsyncIterator):
        stream.streaming_content = _asteps(body, state)
    else:
        stream.streaming_content = _steps(body, state)
    _close_within(stream, state)


def _steps(body: Iterator[bytes], state: State) -> Iterator[bytes]:
    """Yield the chunks of a body and record its exceptions: Django has sent the 200 by then and ignores them."""
    while True:
        outer = current_state()
        start_with(state)
        try:
            chunk = next(body, _END)
        except Exception as exc:
            _record(exc)
            raise
        finally:
            # Context that the body has bound lasts until its next step.
            state = current_state()
            start_with(outer)
        if chunk is _END:
            return
        yield chunk


async def _asteps(body: AsyncIterator[bytes], state: State) -> AsyncIterator[bytes]:
    chunk = b""
    try:
        while chunk is not _END:
            outer = current_state()
            start_with(state)
            try:
                chunk = await anext(body, _END)
            except Exception as exc:
                _record(exc)
                raise
            finally:
                state = current_state()
                start_with(outer)
            if chunk is not _END:
                yield chunk
    finally:
        # The client may have disconnected before the end.
        outer = current_state()
        start_with(state)
        try:
            await cast("Any", body).aclose()
        finally:
            start_with(outer)


def _close_within(response: StreamingHttpResponse, state: State) -> None:
    """Make the response close, with a sync body that was not read to its end, in the context of its request."""
    close = response.close

    def close_within() -> None:
        outer = current_state()
        start_with(state)
        try:
            close()
        finally:
            start_with(outer)
            # Breaks the reference cycle between the response and this function.
            vars(response).pop("close", None)

    response.close = close_within  # type: ignore[method-assign] # servers and Django's test clients call it


def _record(exc: Exception) -> None:
    with guarded("streaming"):
        ErrorTracker.log_error(exc, {"status": 200, "streaming": True}, severity=severity_of(exc), source="http")
