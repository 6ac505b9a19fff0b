"""Strict JSON parser for request bodies; an unreadable body is a client error (4xx)."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.utils.json import strict_constant

__all__ = ["UNREADABLE_BODY_ERRORS", "JSONParser"]

UNREADABLE_BODY_ERRORS = (
    BadRequest,
    MultiPartParserError,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
    UnreadablePostError,
)
"""Exceptions of Django for a truncated, malformed or too large body; DRF does not handle them."""


class JSONParser(parsers.JSONParser):
    """JSON parser that refuses too deep nesting, lone surrogates and duplicate fields."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the decoded body.

        Raises:
            ParseError: The body is not JSON, is nested too deeply, or has a lone surrogate or a duplicate field.
        """
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            text = codecs.getreader(encoding)(stream)
            data = json.load(text, parse_constant=strict_constant, object_pairs_hook=_without_duplicates)
            # A lone surrogate cannot be encoded by a database, a log or an error body that quotes it.
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError as exc:
            raise ParseError("JSON parse error - nested too deeply") from exc
        except UnicodeEncodeError as exc:
            raise ParseError("JSON parse error - lone surrogate") from exc
        except ValueError as exc:
            raise ParseError(f"JSON parse error - {exc}") from exc
        return data


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Parsers differ in which of two values they use, and the field may be a secrecy mark.
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is sent twice")
    return fields
