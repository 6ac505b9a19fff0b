"""Reading request bodies: what cannot be read is the client's error, never ours."""

from __future__ import annotations

import codecs
import json
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.utils.json import strict_constant

from designs.bodies import DISCARD_MAX_BYTES, DISCARD_MAX_SECONDS, BodyRefused

__all__ = ["UNREADABLE_BODY_ERRORS", "JSONParser", "discard_body"]

UNREADABLE_BODY_ERRORS = (
    BadRequest,
    MultiPartParserError,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
    UnreadablePostError,
)
"""What Django raises for a body that is cut, malformed or beyond its limits; outside DRF's own handling."""

_CHUNK_BYTES = 64 * 1024


class JSONParser(parsers.JSONParser):
    """JSON whose nesting cannot exhaust the stack, and whose text can be written as UTF-8 again."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the decoded body.

        Raises:
            ParseError: It is not JSON, nested too deeply, escapes half a character, or names a field twice.
        """
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            text = codecs.getreader(encoding)(stream)
            data = json.load(text, parse_constant=strict_constant, object_pairs_hook=_without_duplicates)
            # A lone surrogate breaks whatever repeats it: a database, a log, the error body that quotes it.
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError as exc:
            raise ParseError("JSON parse error - nested too deeply") from exc
        except UnicodeEncodeError as exc:
            raise ParseError("JSON parse error - lone surrogate") from exc
        except ValueError as exc:
            raise ParseError(f"JSON parse error - {exc}") from exc
        return data


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Which of two values counts differs between readers, and one of them may be a secrecy mark.
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is sent twice")
    return fields


def discard_body(request: HttpRequest) -> None:
    """Read what is left of a refused body and throw it away, within limits of size and time.

    A server that closes a connection with unread data resets it: the client would see that, not the answer.
    """
    # The deadline must hold while a read waits, too. WSGI has no timeouts, but gunicorn lends its socket.
    connection = request.META.get("gunicorn.socket")
    timeout = connection.gettimeout() if connection is not None else None
    deadline = time.monotonic() + DISCARD_MAX_SECONDS
    # The limit of anonymous requests is for bodies that somebody keeps.
    request.discards_body = True  # type: ignore[attr-defined]
    left = DISCARD_MAX_BYTES
    try:
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            if connection is not None:
                connection.settimeout(seconds)
            chunk = request.read(min(_CHUNK_BYTES, left))
            if not chunk:
                return
            left -= len(chunk)
    except (BodyRefused, OSError, ValueError):
        # The client is gone, too slow, or the body was closed by whoever read it: nobody waits for more.
        return
    finally:
        if connection is not None:
            connection.settimeout(timeout)
