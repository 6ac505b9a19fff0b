"""Counts phrases of the house rule that plain technical English avoids, in docstrings and comments.

As a program it prints the count per 1,000 words for each package, and with ``-v`` each place::

    python -m tests.support.prose [-v] [folder or file ...]
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("enginel", "designs", "integrations")

AVOIDED = {
    "tell": re.compile(r"\b(?:un)?(?:tell|tells|telling|told)\b", re.IGNORECASE),
    "somebody": re.compile(r"\b(?:nobody|somebody|anybody|everybody|whoever|whomever|no one|someone)\b", re.IGNORECASE),
    # A clause in the place of a noun: "what waits", "what a process kept is".
    "what": re.compile(
        r"\bwhat(?:\s+[\w`'-]+){0,4}?\s+(?:is|are|was|were|be|been|has|had|have|comes?|came|waits?|waited|goes|went|"
        r"may|must|can|could|will|would|does|did|do|holds?|says?|said|stands?|stood|needs?|keeps?|kept|gives?|gave)\b",
        re.IGNORECASE,
    ),
}
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")


@dataclass(frozen=True)
class Passage:
    """One docstring, or one run of comment lines."""

    path: Path
    line: int
    text: str


def docstrings(path: Path, source: str) -> Iterator[Passage]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield Passage(path, node.body[0].lineno, text)


def comments(path: Path, source: str) -> Iterator[Passage]:
    """Yield comments, those of consecutive lines as one passage: a sentence may run over several."""
    lines: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if lines and token.start[0] != last + 1:
            yield Passage(path, first, " ".join(lines))
            lines = []
        if not lines:
            first = token.start[0]
        last = token.start[0]
        lines.append(token.string.lstrip("# "))
    if lines:
        yield Passage(path, first, " ".join(lines))


def passages(roots: Iterable[Path]) -> Iterator[Passage]:
    files = [file for root in roots for file in ([root] if root.is_file() else sorted(root.rglob("*.py")))]
    for file in files:
        source = file.read_text()
        yield from docstrings(file, source)
        yield from comments(file, source)


@dataclass(frozen=True)
class Measure:
    """Words read, and the places of avoided phrases by kind."""

    words: int
    places: dict[str, list[str]]

    @property
    def per_thousand(self) -> float:
        """Return avoided phrases per 1,000 words."""
        return 1000 * sum(map(len, self.places.values())) / max(self.words, 1)


def measure(roots: Iterable[Path]) -> Measure:
    """Return how often the docstrings and comments below ``roots`` use a phrase of `AVOIDED`."""
    words = 0
    places: dict[str, list[str]] = {kind: [] for kind in AVOIDED}
    for passage in passages(roots):
        words += len(WORD.findall(passage.text))
        for kind, pattern in AVOIDED.items():
            for found in pattern.finditer(passage.text):
                shown = " ".join(passage.text[max(0, found.start() - 30) : found.end() + 30].split())
                places[kind].append(f"{passage.path}:{passage.line}: {shown}")
    return Measure(words, places)


def main(arguments: list[str]) -> None:
    verbose = "-v" in arguments
    roots = [Path(name) for name in arguments if name != "-v"] or [ROOT / package for package in PACKAGES]
    for root in roots:
        found = measure([root])
        counts = ", ".join(f"{kind} {len(places)}" for kind, places in found.places.items())
        print(f"{root}: {found.words} words, {found.per_thousand:.2f} per 1,000 ({counts})")
        if verbose:
            print(*(place for places in found.places.values() for place in places), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
