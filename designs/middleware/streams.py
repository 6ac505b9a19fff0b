"""Streaming bodies run after the middlewares, in the context of their request; their exceptions are recorded."""

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
    """Run each step of a response's body, and its end, in the context of now; record what the body raises."""
    # A file has no code of ours in it, and an iterator around it would cost the server its sendfile.
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
    """Pass a body on; by the time it raises, Django has sent its 200 and looks no more."""
    while True:
        outer = current_state()
        start_with(state)
        try:
            chunk = next(body, _END)
        except Exception as exc:
            _record(exc)
            raise
        finally:
            # The body may have bound something that is to last until its next step.
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
        # Where the reader left before the end.
        outer = current_state()
        start_with(state)
        try:
            await cast("Any", body).aclose()
        finally:
            start_with(outer)


def _close_within(response: StreamingHttpResponse, state: State) -> None:
    """Close the response, and with it a sync body that was not read to its end, in the context of its request."""
    close = response.close

    def close_within() -> None:
        outer = current_state()
        start_with(state)
        try:
            close()
        finally:
            start_with(outer)
            # The response and this function hold each other.
            vars(response).pop("close", None)

    response.close = close_within  # type: ignore[method-assign] # what servers and Django's clients call


def _record(exc: Exception) -> None:
    with guarded("streaming"):
        ErrorTracker.log_error(exc, {"status": 200, "streaming": True}, severity=severity_of(exc), source="http")
