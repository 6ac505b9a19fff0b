"""One IGES file written in any form that the standard allows or that readers accept."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from enginel.sample.corpus import sample_path

__all__ = ["CUBE", "Form", "random_form", "written"]

CUBE = sample_path("single_rounded_cube.iges").read_bytes()
_COLUMNS = 8
_WHOLE = re.compile(r"-?\d+")
_REAL = re.compile(r"-?\d*\.\d*")


@dataclass(slots=True)
class Form:
    """How to write the file. The defaults are those of most writers."""

    separator: str = ","
    end: str = ";"
    states_delimiters: bool = True
    start: list[str] = field(default_factory=lambda: ["A cube with a fillet."])
    fields: list[str] = field(
        default_factory=lambda: [
            "4Hcube", "9Hcube.iges", "3HCAD", "3H1.0", "32", "38", "6", "308", "15", "4Hcube",
            "1.", "2", "2HMM", "1", "0.5", "15H20261128.120000", "1E-8", "50.", "2HMe", "2HWe", "11", "0",
        ]
    )  # fmt: skip
    blank_around: str = ""
    line_end: str = "\n"
    after: str = ""
    before: bytes = b""
    encoding: str = "utf-8"
    has_tabs: bool = False
    number: str = "{:>7}"
    pointer: str = "{:>8}"
    directory: str = "{:>8}"
    zero: str | None = None
    status: str = "{:0>8}"
    repeats_type: bool = True
    counts_lines: bool = True
    points_at_lines: bool = True
    more_global: list[str] = field(default_factory=list)
    last: str | None = "S{:>7}G{:>7}D{:>7}P{:>7}"
    real: str = "{}"
    whole: str = "{}"
    width: int = 64
    comment: list[str] = field(default_factory=list)
    remark: str = ""
    is_shuffled: bool = False
    omits_zeros: bool = False
    has_name: bool = False
    has_deleted: bool = False
    seed: int = 0


def random_form(seed: int) -> Form:
    """Return a form in which few or many things are chosen by chance; it states millimetres."""
    chance = random.Random(seed)
    share = chance.random()

    def pick(usual: Any, *others: Any) -> Any:
        return chance.choice(others) if chance.random() < share else usual

    form = Form(seed=seed)
    form.separator, form.end = pick((",", ";"), ("#", "$"), ("/", "!"), ("|", "~"), (",", "/"), (";", ","))
    form.states_delimiters = pick(True, False)
    form.start = pick(["A cube."], ["", "", "three lines"], ["W\u00fcrfel \u7acb\u65b9\u4f53"], ["a\ttab"])
    form.fields[0] = pick("4Hcube", "0H", "6H,;#$/!", "04Hcube", "90H" + "long name " * 9, "")
    form.fields[9] = pick("4Hcube", "", "0H", "   ")
    form.fields[11:13] = pick(
        ["2", "2HMM"], ["02", "2HMM"], ["2", ""], ["+2", "0H"], ["3", "2HMM"], ["3", "2Hmm"], ["", "4H Mm "],
        ["2", "4HINCH"], ["3", "10HMILLIMETER"], ["2.", "2HMM"],
    )  # fmt: skip
    form.fields = form.fields[: pick(22, 13, 14, 17)]
    form.blank_around = pick("", " ", "    ")
    form.line_end = pick("\n", "\r\n", "\r", "\n\n", "   \n", "\n  \n", "")
    form.has_tabs = pick(False, True) and bool(form.line_end)
    form.encoding = pick("utf-8", "latin-1")
    # Whether columns and texts are counted in characters or in bytes.
    name = "\u7acb\u65b9\u4f53"
    if form.encoding == "latin-1" or not form.line_end:
        form.start, form.encoding = ["W\u00fcrfel"], "latin-1"
        name = name.encode(pick("utf-8", "gb18030", "shift-jis")).decode("latin-1")
    form.fields[1] = pick("9Hcube.iges", f"{len(name)}H{name}", "0H")
    form.after = pick("", "\x1a", "\n\n \n", "\x1a\0\0\0", "\0\0\0\0")
    form.before = pick(b"", b"\xef\xbb\xbf")
    form.number = pick("{:>7}", "{:0>7}", "{:<7}", " {:<6}")
    form.pointer = pick("{:>8}", " {:0>7}", "{:0>8}", "{:<8}", " {:<7}", "  {:>5} ")
    form.directory = pick("{:>8}", "{:0>8}", "{:<8}", " {:>6} ")
    form.zero = pick(None, "        ", "       0")
    form.status = pick("{:0>8}", "{:>8}")
    form.repeats_type, form.counts_lines = pick(True, False), pick(True, False)
    form.points_at_lines = pick(True, False)
    form.more_global = pick([], [""], ["a comment, with fields,,,,,,,,,,,1.,4,2HFT,1;", ""])
    form.last = pick(
        "S{:>7}G{:>7}D{:>7}P{:>7}", "S{:0>7}G{:0>7}D{:0>7}P{:0>7}", "S{:<7}G{:<7}D{:<7}P{:<7}",
        "S{:0>7}G{:0>7}D{:0>7}P{:0>7}T0000001", "S {} G {} D {} P {}", "", None,
    )  # fmt: skip
    form.real = pick("{}", "{}D0", "{}E+00", "+{}", "00{}")
    form.whole = pick("{}", "+{}", "00{}")
    form.width = pick(64, 40, 25)
    form.comment = pick([], ["a comment; 1,2,3"], ["", "4HABC"])
    form.remark = pick("", " the side, 3HA;B")
    form.is_shuffled, form.omits_zeros = pick(False, True), pick(False, True)
    form.has_name, form.has_deleted = pick(False, True), pick(False, True)
    return form


def written(form: Form) -> bytes:
    """Return the sample cube in this form."""
    entities = _entities(form)
    entries, parameters = [""] * (2 * len(entities)), list[str]()
    order = list(range(len(entities)))
    if form.is_shuffled:
        random.Random(form.seed).shuffle(order)
    for index in order:
        fields, texts = entities[index]
        rows = [] if fields[0] == "0" else [*_folded(texts, form, form.width), *form.comment]
        entries[2 * index : 2 * index + 2] = _entry(fields, form, len(parameters) + 1, len(rows))
        pointer = form.pointer.format(2 * index + 1)
        parameters += [f"{row:<64}{pointer}" for row in rows]
    sections = {"S": form.start, "G": _global(form), "D": entries, "P": parameters}
    if form.last is not None:
        sections["T"] = [form.last.format(*(len(lines) for lines in sections.values()))]
    lines = [line for letter, rows in sections.items() for line in _numbered(letter, rows, form)]
    return form.before + (form.line_end.join(lines) + form.line_end + form.after).encode(form.encoding)


def _numbered(letter: str, rows: list[str], form: Form) -> Iterator[str]:
    for number, row in enumerate(rows, 1):
        line = f"{row:<72}"[:72] + letter + form.number.format(number)
        if form.has_tabs and row.isascii() and "\t" not in row:
            cells = (line[start : start + _COLUMNS] for start in range(0, len(line), _COLUMNS))
            line = "".join("\t" if cell == " " * _COLUMNS else cell for cell in cells)
        yield line


def _entities(form: Form) -> list[tuple[list[str], list[str]]]:
    """Return the fields of the directory and the parameters of each entity of the sample."""
    lines = CUBE.decode().splitlines()
    entries = [line[:72] for line in lines if line[72] == "D"]
    parameters = [line[:64] for line in lines if line[72] == "P"]
    found = []
    for first, second in zip(entries[::2], entries[1::2], strict=True):
        start, count = int(first[8:16]) - 1, int(second[24:32])
        texts = "".join(parameters[start : start + count]).rstrip()[:-1].split(",")
        found.append((_split(first) + _split(second), [_number(text.strip(), form) for text in texts]))
    if form.has_name:
        label = f"{form.end} and {form.separator} in a name that is longer than one line of parameters is"
        blank = ["0"] * 9
        found.append((["406", *blank[:7], "00010001", "406", "0", "0", "1", "15", "", "", "NAME", "12"],
                      ["406", "1", f"{len(label)}H{label}"]))  # fmt: skip
    if form.has_deleted:
        found.append((["0"] * 8 + ["00000000"] + ["0"] * 5 + [""] * 3 + ["0"], []))
    return found


def _split(line: str) -> list[str]:
    return [line[start : start + _COLUMNS].strip() for start in range(0, 72, _COLUMNS)]


def _number(text: str, form: Form) -> str:
    if form.omits_zeros and text in {"0", "0."}:
        return ""
    if _REAL.fullmatch(text):
        return text if text.startswith("-") and not form.real.startswith("{") else form.real.format(text)
    if _WHOLE.fullmatch(text):
        return text if text.startswith("-") else form.whole.format(text)
    return text


def _entry(fields: list[str], form: Form, start: int, count: int) -> list[str]:
    fields = list(fields)
    is_deleted = fields[0] == "0"
    fields[1], fields[12] = ("0", "0") if is_deleted else (str(start), str(count))
    if not form.repeats_type:
        fields[9] = ""
    if not form.counts_lines and not is_deleted:
        fields[12] = ""
    if not form.points_at_lines and not is_deleted:
        fields[1] = ""
    made = [form.directory.format(text) if _WHOLE.fullmatch(text) else f"{text:<8}" for text in fields]
    if form.zero is not None:
        made[1:] = [form.zero if text == "0" else cell for text, cell in zip(fields[1:], made[1:], strict=True)]
    made[8] = form.status.format(int(fields[8]))
    return ["".join(made[:9]), "".join(made[9:])]


def _folded(texts: list[str], form: Form, width: int) -> list[str]:
    rows, row = [], ""
    for index, text in enumerate(texts):
        is_last = index == len(texts) - 1
        piece = form.blank_around + text + form.blank_around + (form.end if is_last else form.separator)
        if row and len(row) + len(piece) > width:
            rows.append(row)
            row = ""
        row += piece
        while len(row) > (full := 72 if width == 72 else 64):
            rows.append(row[:full])
            row = row[full:]
    full = 72 if width == 72 else 64
    return [*rows, (row + form.remark)[:full] if width != 72 else row]


def _global(form: Form) -> list[str]:
    heads = [f"1H{form.separator}", f"1H{form.end}"]
    if not form.states_delimiters:
        heads = ["" if form.separator == "," else heads[0], "" if form.end == ";" else heads[1]]
    return [*_folded([*heads, *form.fields], form, 72), *form.more_global]
