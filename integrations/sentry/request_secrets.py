"""Secrets of a request: values under secret names, and OAuth codes.

Such a value may occur elsewhere in an event under a harmless name: in a local variable, or in the representation of
the request. It is replaced there as well. Cookies are left out, since the SDK never adds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

from integrations.sentry.types import Scrubber

__all__ = ["FILTERED", "filter_query", "hide", "secrets_of"]

FILTERED = "[filtered]"

_MAX_SECRETS = 100
_MAX_DEPTH = 8
_MAX_ITEMS = 100
_MAX_CHARS = 4_096
# Shorter values, and words, occur in too much harmless text.
_MIN_CHARS = 8
_MIN_WORD_CHARS = 16
_SCHEME = re.compile(r"(?:bearer|basic|token|negotiate|digest) +", re.IGNORECASE)
_SEPARATORS = re.compile("[&;]")

# OAuth: a code beside one of `_BESIDE_CODES` can be exchanged for a token.
_CODES = frozenset({"code", "state", "code_verifier"})
_BESIDE_CODES = frozenset({"state", "grant_type", "redirect_uri", "client_id", "session_state", "code_verifier"})


def secrets_of(request: Any, scrubber: Scrubber) -> frozenset[str]:
    """Return the secret values of an event's request that can be recognized elsewhere.

    Args:
        request: ``request`` of an event, not scrubbed yet.
        scrubber: Decides by a value's name whether it is secret.
    """
    if not isinstance(request, Mapping):
        return frozenset()
    found = islice(_all_secrets(request, scrubber), _MAX_SECRETS)
    return frozenset(text for value in found for text in _recognizable(value))


def filter_query(query: str) -> str:
    """Return a query string without OAuth codes; `redact_text` removes values under secret names."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    if not _has_codes(name for name, _, _ in pairs):
        return query
    return "&".join(
        f"{name}={FILTERED}" if name.lower() in _CODES else name + sign + text for name, sign, text in pairs
    )


def hide(value: Any, secrets: frozenset[str]) -> Any:
    """Return a JSON value with the secrets replaced in all its texts."""
    if not secrets:
        return value
    # Longest first: one secret may be a prefix of another.
    pattern = re.compile("|".join(re.escape(secret) for secret in sorted(secrets, key=len, reverse=True)))
    return _hidden(value, pattern)


def _hidden(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(FILTERED, value)
    if isinstance(value, dict):
        for name, item in value.items():
            value[name] = _hidden(item, pattern)
        return value
    return [_hidden(item, pattern) for item in value] if isinstance(value, list | tuple) else value


def _all_secrets(request: Mapping[str, Any], scrubber: Scrubber) -> Iterator[str]:
    query = request.get("query_string")
    if isinstance(query, str):
        # Servers other than Django accept a semicolon as a separator, and clients use it.
        pairs = _SEPARATORS.split(query[:_MAX_CHARS])
        yield from _of_pairs([pair.partition("=")[::2] for pair in pairs], scrubber)
    for part in ("headers", "env", "data"):
        yield from _of_value(request.get(part), scrubber, 0)


def _of_pairs(pairs: list[tuple[str, Any]], scrubber: Scrubber) -> Iterator[str]:
    has_codes = _has_codes(name for name, _ in pairs)
    for name, value in pairs[:_MAX_ITEMS]:
        is_secret = (has_codes and name.lower() in _CODES) or scrubber.value("", name) == FILTERED
        for text in value if isinstance(value, list) else [value]:
            if is_secret and isinstance(text, str):
                yield text


def _of_value(value: Any, scrubber: Scrubber, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        pairs = [(name, item) for name, item in value.items() if isinstance(name, str)]
        yield from _of_pairs(pairs, scrubber)
        for _, item in pairs[:_MAX_ITEMS]:
            yield from _of_value(item, scrubber, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value[:_MAX_ITEMS]:
            yield from _of_value(item, scrubber, depth + 1)


def _has_codes(names: Iterator[str]) -> bool:
    lowered = {name.lower() for name in names}
    return "code" in lowered and not lowered.isdisjoint(_BESIDE_CODES)


def _recognizable(value: str) -> Iterator[str]:
    """Yield the forms of a secret to search for: as sent, decoded, and without its scheme."""
    for form in {value, unquote_plus(value), _SCHEME.sub("", value, count=1)}:
        # The SDK leaves a note in brackets in place of a value that it removed.
        if len(form) >= (_MIN_WORD_CHARS if form.isalpha() else _MIN_CHARS) and not form.startswith("["):
            yield form[:_MAX_CHARS]
