"""Types shared by the SDK's integration and the application: plain data and signatures of callables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from logging import LogRecord
from types import FrameType
from typing import Any, NamedTuple

__all__ = ["OWN", "Decision", "Gate", "Occurrence", "Scrubber"]

OWN = "enginel"
"""Key of the SDK's hint that holds the `Occurrence` of an admitted event."""


@dataclass(frozen=True)
class Occurrence:
    """One occurrence that the gate admitted, with the counts of its group.

    Attributes:
        record: The scrubbed event, see `designs.monitoring`.
        key: Fingerprint.
        site: Exception type and innermost frame of the application.
        occurrences: Total of the group.
        represents: Occurrences since the last admitted one, including this one.
        first_seen: Time of the group's first occurrence, ISO in UTC; empty if unknown.
        window_seconds: Period of the gate.
        code: Code of an exception of the application; empty for others.
        words: Stage, reason and signal of the exception, as far as they are words of the program.
    """

    record: Mapping[str, Any]
    key: str
    site: str
    occurrences: int
    represents: int
    first_seen: str = ""
    window_seconds: int = 0
    code: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


class Decision(NamedTuple):
    """The gate's decision on an event captured by the SDK.

    Attributes:
        passes: Whether it is sent.
        occurrence: Its record and group; without one it is sent unchanged.
        exc: The exception behind it, if the SDK did not see that.
    """

    passes: bool
    occurrence: Occurrence | None = None
    exc: BaseException | None = None


Gate = Callable[[Mapping[str, Any], Mapping[str, Any]], Decision]
"""Decides on (event, hint) of the SDK. Must not raise; if it does, the event is sent."""


def _knows_none(*_: object) -> bool:
    return False


class Scrubber(NamedTuple):
    """Callables that remove secrets, and the content of controlled work.

    Attributes:
        text: Returns a text without secrets, cut to a number of characters.
        value: Returns a scrubbed, bounded, JSON-ready copy of a value, given its name.
        text_of: Returns the text of an exception whose ``str()`` must not be called; None for any other.
        withholds: Returns whether the current work, or this exception, is controlled: its content must not be sent.
        withholds_line: The same for a log record.
        ids_only: Returns the part of a context that may be sent for controlled work.
        path_of_ids: Returns the part of a URL path that may be sent for controlled work.
        knows_type: Returns whether the program defines a type, by module and qualified name. For controlled work,
            names of other types are not sent.
        knows_frame: Returns whether the program defines a function, by module, path and qualified name.
        is_id: Returns whether a value is an id.
        first_closed: Returns the index of the first frame of a stack whose locals, and those of inner frames, must
            never be sent; the number of frames if there is none.
    """

    text: Callable[[str, int], str]
    value: Callable[[object, str], Any]
    text_of: Callable[[BaseException], str | None] | None = None
    withholds: Callable[[BaseException | None], bool] | None = None
    ids_only: Callable[[object], dict[str, Any]] | None = None
    path_of_ids: Callable[[str], str] | None = None
    knows_type: Callable[[str, str], bool] = _knows_none
    knows_frame: Callable[[str, str, str], bool] = _knows_none
    is_id: Callable[[object], bool] = _knows_none
    first_closed: Callable[[Sequence[FrameType]], int] | None = None
    withholds_line: Callable[[LogRecord], bool] | None = None
