"""The grouping key of a failure: pure functions behind a version.

The key is ``"<version>:<32 hex digits>"`` over JSON-encoded parts; the parts are also the human-readable answer to
"why are these one group". Identity is: the types of the exception chain and the own frames below them, the innermost
own source line, and the message only where no frame can be used.
"""

from __future__ import annotations

import hashlib
import json
import linecache
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

from designs.conf import conf
from designs.monitoring.frames import collapse_cycles, is_in_app, module_of
from designs.monitoring.messages import normalize_message
from designs.monitoring.safe import safe_str, type_name

__all__ = ["VERSION", "Fingerprint", "fingerprint_exception", "fingerprint_message", "normalize_message"]

VERSION = "1"

_MAX_CHAIN = 10
_MAX_FRAMES = 1_000
_MAX_FOREIGN_FRAMES = 12
_MAX_LINE_CHARS = 120
_DEFAULT = "{{ default }}"

# Their stacks end wherever the signal struck, so the task is what identifies them.
_BY_TASK = frozenset({"SoftTimeLimitExceeded", "TimeLimitExceeded", "WorkerLostError"})


@dataclass(frozen=True)
class Fingerprint:
    """A grouping key and how it came about.

    Attributes:
        key: ``"1:<32 hex>"``.
        parts: The readable pieces the key is made of.
        aliases: Other keys under which the group may be known.
        site: Type and innermost own frame; groups with one site are shown as related.
    """

    key: str
    version: str
    parts: tuple[str, ...]
    aliases: tuple[str, ...]
    site: str


class _Frame(NamedTuple):
    module: str
    function: str
    in_app: bool
    filename: str
    line: int


_Chain = Sequence[tuple[BaseException, Sequence[_Frame]]]


def fingerprint_exception(exc: BaseException, task: str = "") -> Fingerprint:
    """Return the fingerprint of a live exception.

    Args:
        exc: The exception with its traceback and chain.
        task: Name of the Celery task it ended, where there is one.
    """
    override = _override(exc)
    chain = [(link, _frames(link.__traceback__)) for link in chain_of(exc)]
    site = _site(exc, chain, task)
    if override is not None and _DEFAULT not in override:
        return _make(["custom", *override], site)
    parts = _default_parts(exc, chain, task)
    if override is not None:
        parts = [piece for entry in override for piece in (parts if entry == _DEFAULT else [f"custom {entry}"])]
    return _make(parts, site)


def fingerprint_message(message: str, logger: str = "") -> Fingerprint:
    """Return the fingerprint of a failure that has no exception: who reported it and the cleaned text."""
    return _make(["message", logger, normalize_message(message)], logger)


def _make(parts: Sequence[str], site: str) -> Fingerprint:
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
    return Fingerprint(f"{VERSION}:{digest}", VERSION, tuple(parts), (), site)


def _override(exc: BaseException) -> list[str] | None:
    try:
        wanted = getattr(exc, "error_fingerprint", None)
        wanted = wanted() if callable(wanted) else wanted
        if not wanted:
            return None
        wanted = [wanted] if isinstance(wanted, str) else wanted
        return [entry if entry == _DEFAULT else normalize_message(entry) for entry in map(str, wanted)]
    except Exception:  # noqa: BLE001 - the exception's own code must not break its record
        return None


def _default_parts(exc: BaseException, chain: _Chain, task: str) -> list[str]:
    if task and type(exc).__name__ in _BY_TASK:
        return ["task limit", type_name(exc), task]
    any_own = any(frame.in_app for _, frames in chain for frame in frames)
    parts: list[str] = []
    for link, frames in chain:
        parts.append(f"type {type_name(link)}")
        parts.extend(_frame_parts(frames, any_own))
    if not any(frames for _, frames in chain):
        parts.append(f"message {normalize_message(safe_str(exc))}")
    return parts


def chain_of(exc: BaseException) -> list[BaseException]:
    """Return the exception and what led to it (cause, else context unless suppressed), outermost first."""
    chain: list[BaseException] = []
    seen: set[int] = set()
    link: BaseException | None = exc
    while link is not None and id(link) not in seen and len(chain) < _MAX_CHAIN:
        seen.add(id(link))
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


def _frames(traceback: TracebackType | None) -> list[_Frame]:
    frames: list[_Frame] = []
    while traceback is not None and len(frames) < _MAX_FRAMES:
        frame = traceback.tb_frame
        code = frame.f_code
        # The names of a frame's locals are at hand; asking for the locals themselves would copy them all.
        if "__traceback_hide__" not in code.co_varnames:
            frames.append(
                _Frame(
                    module_of(frame.f_globals, code.co_filename),
                    code.co_qualname,
                    is_in_app(code.co_filename),
                    code.co_filename,
                    traceback.tb_lineno,
                )
            )
        traceback = traceback.tb_next
    return frames


def _frame_parts(frames: Sequence[_Frame], any_own: bool) -> Iterable[str]:
    if any_own:
        own = [frame for frame in frames if frame.in_app]
        names = collapse_cycles([f"{frame.module}.{frame.function}" for frame in own])
        yield from (f"frame {name}" for name in names)
        if own and (line := _source_line(own[-1])):
            yield f"line {line}"
    else:
        names = collapse_cycles([f"{frame.module}.{frame.function}" for frame in frames])
        yield from (f"frame {name}" for name in names[-_MAX_FOREIGN_FRAMES:])


def _source_line(frame: _Frame) -> str:
    if not conf.fingerprint_source_line:
        return ""
    return " ".join(linecache.getline(frame.filename, frame.line).split())[:_MAX_LINE_CHARS]


def _site(exc: BaseException, chain: _Chain, task: str) -> str:
    own = [frame for _, frames in chain for frame in frames if frame.in_app]
    where = f"{own[-1].module}.{own[-1].function}" if own else task
    return f"{type_name(exc)} in {where}" if where else type_name(exc)
