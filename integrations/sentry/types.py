"""What passes between the SDK and whoever decides: plain data and the shapes of the callables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from logging import LogRecord
from types import FrameType
from typing import Any, NamedTuple

__all__ = ["OWN", "Decision", "Gate", "Occurrence", "Scrubber"]

OWN = "enginel"
"""Key of the SDK's hint under which an event that passed the gate carries its `Occurrence`."""


@dataclass(frozen=True)
class Occurrence:
    """One occurrence that passed the gate, and where it stands in its group.

    Attributes:
        record: The scrubbed event, see `designs.monitoring`.
        key: Fingerprint.
        site: Type and innermost own frame.
        occurrences: Total of the group.
        represents: Occurrences since the last one that passed, this one included.
        first_seen: When the group began, ISO in UTC; empty where nobody knows.
        window_seconds: Period of the gate.
        code: Code of an exception of the application; empty for others.
        words: Stage, reason and signal that the exception states, as far as they are words of the program.
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
    """What becomes of an event the SDK captured by itself.

    Attributes:
        passes: Whether it is sent.
        occurrence: What it is an occurrence of; without one it goes as it is.
        exc: The exception it tells of, if the SDK did not see that.
    """

    passes: bool
    occurrence: Occurrence | None = None
    exc: BaseException | None = None


Gate = Callable[[Mapping[str, Any], Mapping[str, Any]], Decision]
"""Decides on (event, hint) of the SDK. Must not raise; should it, the event passes."""


def _knows_none(*_: object) -> bool:
    return False


class Scrubber(NamedTuple):
    """How secrets are removed.

    Attributes:
        text: From a text, which is cut to so many characters.
        value: From any value under a name; gives a JSON-ready, bounded copy.
        text_of: The text of an exception whose own must not be asked for; None for any other.
        withholds: Whether what runs now, or this exception, concerns what must not leave.
        withholds_line: Whether a log record does.
        ids_only: Of a context, what may leave then.
        path_of_ids: Of a URL path, what may leave then.
        knows_type: Whether a type, by module and qualified name, is the program's. Others' names stay here then.
        knows_frame: Whether a frame, by module, path and qualified name of its function, is the program's.
        is_id: Whether a value is the id of something.
        first_closed: The place of the first frame of a stack whose locals must never leave, nor those of the frames
            further in; the number of frames if there is none.
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
