"""Static files for WSGI and ASGI alike.

WhiteNoise's middleware is sync only: under ASGI it costs every request, for a static file or not, two thread switches,
and makes all middleware outside of it sync, too.

Collected files are compressed by `collectstatic`. In development files come directly from the packages; then each is
compressed at its first request, and the copy is stored in the state folder.
"""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import FileResponse, HttpRequest
from whitenoise.compress import Compressor
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

__all__ = ["StaticFilesMiddleware"]

_CHUNK_BYTES = 65_536
# Smaller files fit into one packet anyway; larger ones would take too long.
_MIN_BYTES, _MAX_BYTES = 1_024, 8 * 1024 * 1024
_compressor = Compressor(use_brotli=False, quiet=True)


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise that awaits the rest of an async stack; there, it reads files in a thread."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self._answer(request) if self.is_async else super().__call__(request)

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        file = super().get_static_file(path, url, stat_cache)
        if not self.autorefresh or (copy := _compressed_copy(Path(path))) is None:
            return file
        _, headers = file.get_path_and_headers({})
        return StaticFile(path, headers, encodings={"gzip": str(copy)})

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
            # Files of packages are searched on the disk only in this mode.
            file = await _in_thread(self.find_file)(path) if path.startswith(self.static_prefix) else None
        return None if file is None else await _in_thread(self.serve)(file, request)


def _in_thread(work: Callable[..., Any]) -> Callable[..., Any]:
    return sync_to_async(work, thread_sensitive=False)


async def _chunks_of(file: Any) -> AsyncIterator[bytes]:
    while file is not None and (chunk := await _in_thread(file.read)(_CHUNK_BYTES)):
        yield chunk


def _compressed_copy(path: Path) -> Path | None:
    """Return a compressed copy of a package's file; None if compression is useless or impossible."""
    try:
        about = path.stat()
        if not _MIN_BYTES <= about.st_size <= _MAX_BYTES or not _compressor.should_compress(str(path)):
            return None
        folder = settings.ENGINEL_STATE_DIR / "static-gzip"
        name = hashlib.blake2b(str(path).encode(), digest_size=16).hexdigest()
        copy: Path = folder / f"{name}-{about.st_mtime_ns}-{about.st_size}.gz"
        if not copy.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(copy, gzip.compress(path.read_bytes(), mtime=0))
            for old in folder.glob(f"{name}-*.gz"):
                if old != copy:
                    old.unlink(missing_ok=True)
        return copy if copy.stat().st_size < about.st_size else None
    except OSError:
        # The file is served uncompressed.
        return None


def _write(path: Path, content: bytes) -> None:
    # Another thread or process may read it meanwhile.
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
