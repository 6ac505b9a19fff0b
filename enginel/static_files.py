"""Static files for WSGI and ASGI alike.

WhiteNoise's middleware is sync only: under ASGI it costs every request, of a static file or not, a change of threads
and back, and makes all that stands outside of it sync, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import FileResponse, HttpRequest
from whitenoise.middleware import WhiteNoiseMiddleware

__all__ = ["StaticFilesMiddleware"]

_CHUNK_BYTES = 65_536


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise that awaits the rest of the stack where that is async; files are read in a thread there."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self._answer(request) if self.is_async else super().__call__(request)

    async def _answer(self, request: HttpRequest) -> Any:
        response = await self._file_response(request)
        if response is None:
            return await self.get_response(request)
        response.streaming_content = _chunks_of(response.file_to_stream)
        return response

    async def _file_response(self, request: HttpRequest) -> FileResponse | None:
        path = request.path_info
        if not self.autorefresh:
            file = self.files.get(path)
        else:
            # Only there files of packages are looked for on the disk.
            file = await _aside(self.find_file)(path) if path.startswith(self.static_prefix) else None
        return None if file is None else await _aside(self.serve)(file, request)


def _aside(work: Callable[..., Any]) -> Callable[..., Any]:
    return sync_to_async(work, thread_sensitive=False)


async def _chunks_of(file: Any) -> AsyncIterator[bytes]:
    while file is not None and (chunk := await _aside(file.read)(_CHUNK_BYTES)):
        yield chunk
