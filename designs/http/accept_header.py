"""Parsing of the Accept header that tolerates real clients: Java's ``*; q=.2``, upper case, malformed entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["preferred_format", "sound_entries"]

_MAX_CHARS = 8_192
_MEDIA_RANGE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")
_WEIGHT = re.compile(r"(?:0?\.\d{0,9}|0|1(?:\.0{0,9})?)")
_ANY = "*/*"


def preferred_format(header: str, formats: Mapping[str, str]) -> str | None:
    """Return the format that a client prefers.

    Malformed entries are ignored (RFC 9110, section 5.6.1, asks recipients for tolerance); a header without any valid
    entry counts as absent.

    Args:
        header: Value of the header, empty if absent.
        formats: Media type -> format, in the order of the service's preference. Wildcards (``text/*``) need no entry.

    Returns:
        A value of ``formats``; None if the client accepts none of them.
    """
    entries = [entry for text in header[:_MAX_CHARS].split(",") if (entry := _entry(text))]
    if not entries:
        return next(iter(formats.values()))
    refused = {media_range for media_range, weight in entries if weight == 0}
    # The sort is stable: entries of equal weight keep the client's order.
    for media_range, weight in sorted(entries, key=lambda entry: -entry[1]):
        if weight == 0:
            break
        found = _first(media_range, formats, refused)
        if found is not None:
            return found
    return None


def sound_entries(entries: Iterable[str]) -> list[str]:
    """Return the valid entries, with a lone ``*`` as ``*/*``; ``*/*`` alone if no entry is valid.

    For Django REST framework, which does not validate entries.
    """
    sound = (entry.strip().partition(";") for entry in entries if _entry(entry))
    return [f"{_ANY if name.strip() == '*' else name}{rest and ';'}{rest}" for name, _, rest in sound] or [_ANY]


def _entry(text: str) -> tuple[str, float] | None:
    """Return (media range, weight) of an entry; None for a malformed one."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    media_range = _ANY if name == "*" else name
    if not _MEDIA_RANGE.fullmatch(media_range):
        return None
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            return (media_range, float(f"0{value.strip()}")) if _WEIGHT.fullmatch(value.strip()) else None
    return media_range, 1.0


def _first(media_range: str, formats: Mapping[str, str], refused: set[str]) -> str | None:
    kind, _, subtype = media_range.partition("/")
    for media_type, found in formats.items():
        fits = media_range in {_ANY, media_type} or (subtype == "*" and media_type.startswith(f"{kind}/"))
        if fits and (media_type == media_range or media_type not in refused):
            return found
    return None
