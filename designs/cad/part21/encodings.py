"""Detection of a file's text encoding: ASCII with escapes by the standard, UTF-8 in its third edition, or any other.

Programs write names in the encoding of their system. The bytes of one name are valid in many encodings, so detection
uses all texts of the file and selects an encoding in which they are valid and look like words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from designs.cad.part21 import scripts

__all__ = ["UTF_8", "Encoding", "text_encoding"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of texts.

    Attributes:
        codec: Name of Python's codec.
        title: Display name.
        utf8_first: Texts that are valid UTF-8 are decoded as UTF-8 nevertheless.
    """

    codec: str
    title: str
    utf8_first: bool = True

    def decoded(self, text: bytes) -> str:
        """Return the text; never fails."""
        for codec in ("utf-8", self.codec) if self.utf8_first else (self.codec,):
            try:
                return text.decode(codec)
            except UnicodeDecodeError:
                continue
        return text.decode(self.codec, "replace")

    def warning(self) -> str:
        """Return the warning shown with the design."""
        return f"Texts of the file have no encoding that STEP knows; they are read as {self.title}."


UTF_8: Final = Encoding("latin-1", "UTF-8")
"""The encoding of the standard; texts that are not valid UTF-8 are decoded byte by byte."""

_HIGH: Final = re.compile(rb"[\x80-\xff]")
_MAX_BEFORE: Final = 2_000
_MAX_TEXT: Final = 4_000
_MAX_SAMPLE: Final = 8_000
_MOSTLY: Final = 0.6
_PLAUSIBLE: Final = 0.2


@dataclass(frozen=True, slots=True)
class _Candidate:
    codec: str
    title: str
    plausibility: Callable[[str], float]
    # Default until the encoding of the file is known.
    prior: float


_CANDIDATES: Final = (
    _Candidate("gb18030", "GB 18030", scripts.chinese, 0.03),
    _Candidate("cp932", "Shift JIS", scripts.japanese, 0.0),
    _Candidate("cp950", "Big5", scripts.taiwanese, 0.0),
    _Candidate("cp949", "EUC-KR", scripts.korean, 0.0),
    _Candidate("euc_jp", "EUC-JP", scripts.japanese, -0.05),
    _Candidate("cp1252", "Windows-1252", scripts.latin, 0.05),
    _Candidate("cp1250", "Windows-1250", scripts.latin, -0.05),
    _Candidate("cp1254", "Windows-1254", scripts.latin, -0.02),
    _Candidate("cp1251", "Windows-1251", scripts.cyrillic, 0.03),
    _Candidate("koi8_r", "KOI8-R", scripts.cyrillic, -0.05),
    _Candidate("cp866", "IBM 866", scripts.cyrillic, -0.1),
    _Candidate("cp1253", "Windows-1253", scripts.greek, -0.1),
)
_LATIN_1: Final = Encoding("cp1252", "Windows-1252")


def text_encoding(data: bytes) -> Encoding:
    """Return the encoding of the texts of a file; `UTF_8` when they are ASCII or UTF-8."""
    if data.isascii():
        return UTF_8
    texts = dict.fromkeys(_texts(data))
    foreign = [text for text in texts if not _is_utf8(text)]
    if not foreign:
        return UTF_8
    utf8_first = len(foreign) < (1 - _MOSTLY) * len(texts)
    best = _best(_sample(foreign if utf8_first else list(texts)))
    return Encoding(best.codec, best.title, utf8_first=utf8_first) if best else _LATIN_1


def _texts(data: bytes) -> Iterator[bytes]:
    """Yield the texts between apostrophes that are not ASCII, in linear time."""
    position = 0
    while found := _HIGH.search(data, position):
        first = found.start()
        begin = data.rfind(b"'", max(position, first - _MAX_BEFORE), first) + 1 or first
        end = data.find(b"'", first, first + _MAX_TEXT)
        position = end if end >= 0 else first + _MAX_TEXT
        yield data[begin:position].translate(None, b"\r\n")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _sample(texts: list[bytes]) -> list[bytes]:
    """Return texts from all parts of the file, few enough to be examined quickly."""
    step = max(1, sum(map(len, texts)) // _MAX_SAMPLE)
    return texts[::step]


def _best(texts: list[bytes]) -> _Candidate | None:
    joined = b" ".join(texts)[: 2 * _MAX_SAMPLE]
    weighed = [(c.plausibility(joined.decode(c.codec, "replace")) + c.prior, c) for c in _CANDIDATES]
    plausibility, best = max(weighed, key=lambda pair: pair[0])
    return best if plausibility >= _PLAUSIBLE else None
