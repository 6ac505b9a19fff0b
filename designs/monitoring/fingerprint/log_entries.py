"""Event names of structured log entries, for grouping. Pure.

The message of a log call may be a dict, a JSON text, logfmt pairs or a console line of structlog. Such an entry is
named by its event; its fields differ from one occurrence to the next.
"""

from __future__ import annotations

import re
from itertools import islice

from designs.patterns import compile_pattern

__all__ = ["entry_name", "has_words"]

_MAX_CHARS = 32_768
_MAX_TOKENS = 4_000
_MAX_DEPTH = 2
# Fields that name an event, the best first: a name, a text, then fields about a failure.
_NAMES = (
    "event_name eventname event.name event.action event message_template messagetemplate @mt message @m msg "
    "short_message record.message log.event log.message log.msg body text title error.message error detail reason"
)
_RANKS = {name: rank for rank, name in enumerate(_NAMES.split())}
# A plain text may begin with "error=" as well.
_NAMES_OF_PAIRS = frozenset({"event", "message", "msg"})
_HOLDERS = frozenset({"error.", "event.", "log.", "record."})
_TEXT = r"\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'"
_TOKEN = compile_pattern(rf"(?P<text>{_TEXT})|(?P<sign>[{{}}\[\]():,])|[^\s{{}}\[\]():,\"']++")
_PAIR = compile_pattern(rf"(?<!\S)(?P<key>[A-Za-z_@][\w.@/-]{{0,100}}+)=(?P<value>{_TEXT}|[^\s\"']*+)")
_CONSOLE = compile_pattern(
    r"(?:\d\S{1,40}(?: \d\S{1,40})? )?+\[(?:debug|info|warning|warn|error|critical|exception|fatal) *+\] "
    r"(?P<event>[^\s=]{1,200}+(?: (?![\w.]{1,60}+=|\[)[^\s=]{1,200}+){0,60}+)"
)
_ANSI = compile_pattern(r"\x1b\[[0-9;]{0,20}+[A-Za-z]")
_ESCAPE = compile_pattern(r"\\(?:[xu]([0-9a-fA-F]{2,4})|([\s\S]))")
_SLOT = compile_pattern(r"%(?:\([^()]{0,100}+\))?+[-#0 +]{0,4}+[\d.*]{0,8}+[a-zA-Z]|\{[^{}]{0,100}+\}")
_SPACES = {"n": "\n", "t": "\t", "r": "\n"}
_OPEN, _CLOSE = "{[(", "}])"


def entry_name(message: str) -> str | None:
    """Return the name of a structured entry: its event, else its field names; None for any other message."""
    text = message[:_MAX_CHARS].strip()
    if text[:1] == "{":
        return _name_of_fields(_fields(text))
    if "\x1b" in text:
        text = _ANSI.sub("", text).strip()
    if (line := _CONSOLE.match(text)) is not None:
        return line["event"]
    if _PAIR.match(text) is None:
        return None
    pairs = [(pair["key"], _plain(pair["value"])) for pair in islice(_PAIR.finditer(text), _MAX_TOKENS)]
    return _best([(key, value) for key, value in pairs if key.lower() in _NAMES_OF_PAIRS])


def has_words(template: str) -> bool:
    """Return whether the template of a log call contains words beside its placeholders; ``%s: %s`` does not."""
    return any(sign.isalpha() for sign in _SLOT.sub("", template[:_MAX_CHARS]))


def _name_of_fields(fields: list[tuple[str, str]]) -> str | None:
    if not fields:
        return None
    return _best(fields) or "fields " + ", ".join(sorted({name for name, _ in fields if "." not in name}))


def _best(fields: list[tuple[str, str]]) -> str | None:
    named = [(_RANKS[rank], value) for name, value in fields if value.strip() and (rank := name.lower()) in _RANKS]
    return min(named, key=lambda pair: pair[0])[1] if named else None


def _fields(text: str) -> list[tuple[str, str]]:
    """Return the fields of a JSON object or a printed Python dict; values other than texts are empty.

    Fields of a nested object that may hold the name, such as ``log``, get its name as a prefix. The result is empty if
    text follows the object.
    """
    reader = _Reader()
    for token in islice(_TOKEN.finditer(text), _MAX_TOKENS):
        if token.start() and not reader.nesting:
            return []
        if token["text"] is not None:
            reader.read_text(_plain(token["text"]))
        elif token["sign"] is not None:
            reader.read_sign(token["sign"])
    return reader.fields


class _Reader:
    """Reader of an object's tokens, in one pass."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.nesting: list[str] = []
        self._holder = ""
        self._text = ""
        # The field whose value comes next, and its index in the list; no index for a skipped field.
        self._key = ""
        self._place: int | None = None

    def read_sign(self, sign: str) -> None:
        if sign in _OPEN:
            if len(self.nesting) == 1:
                self._holder = f"{self._key}."
            self.nesting.append(sign)
        elif sign in _CLOSE:
            self.nesting.pop()
        elif sign == ":" and self._text and self.nesting[-1] == "{":
            self._name_field(self._text)
            return
        elif sign == ":":
            return
        self._key, self._text, self._place = "", "", None

    def _name_field(self, key: str) -> None:
        self._key, self._text = key, ""
        depth = len(self.nesting)
        if depth == 1 or (depth == _MAX_DEPTH and self._holder in _HOLDERS):
            self._place = len(self.fields)
            self.fields.append((key if depth == 1 else self._holder + key, ""))

    def read_text(self, text: str) -> None:
        if self._key:
            if self._place is not None:
                self.fields[self._place] = (self.fields[self._place][0], text)
            self._key, self._place = "", None
        else:
            self._text = text


def _plain(value: str) -> str:
    """Return a value without quotes and escapes."""
    return _ESCAPE.sub(_unescaped, value[1:-1]) if value[:1] in {'"', "'"} else value


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else _SPACES.get(found[2], found[2])
