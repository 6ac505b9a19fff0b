"""Failure reasons of files: the closed list, a hint for each, and the details of a failure that clients may see.

A reason is a short, stable word; ``details["reason"]`` of each failure that a file causes is one of these.
`HINTS` has each reason once, or once per stage where its meaning differs between stages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Self

from designs.exceptions import stage_of

__all__ = ["HINTS", "PLACES", "REASONS", "Damage", "hint_of", "shown_facts"]

_EXPORT_AGAIN: Final = "The file is damaged. Export it again from the CAD system and upload the new file."
_UPLOAD_AGAIN: Final = "The file is cut. Upload it again; if it fails again, export it again from the CAD system."
_UNITS: Final = "Set the unit of length in the CAD system and export the file again."
_STRUCTURE: Final = "The assembly is damaged. Check its structure in the CAD system and export the file again."
_REPAIR: Final = "Check the bodies in the CAD system, repair them and export the file again as AP242."
_SIMPLIFY: Final = "Export fewer bodies or simpler ones, for example each part in its own file."
_OPERATOR: Final = "The file is not at fault. Ask the operator of the service."
_RETRY: Final = "Finalize the design again. If it fails again, ask the operator of the service."

HINTS: Final[Mapping[str, str]] = {
    # File format.
    "empty": "The file has no content. Export it again and upload the new file.",
    "no_content": "The file has no content. Export it again and upload the new file.",
    "not_regular": _OPERATOR,
    "too_large": "Export the file without what is not needed, or as several files.",
    "iges_variant": "Export the file as plain IGES (fixed columns) or as STEP AP242.",
    "foreign_content": "Unpack or convert the file and upload the STEP or IGES file itself.",
    "unknown_content": "Export the file as STEP AP242 or IGES.",
    "kind_mismatch": "Name the file by its content: .step, .stp or .p21 for STEP, .igs or .iges for IGES.",
    "nul_in_name": "Rename the file.",
    "extension": "Rename the file to end in .step, .stp, .p21, .igs or .iges.",
    # The text of a STEP file.
    "nul": "The file holds bytes that no STEP or IGES file has. Export it again and upload the new file.",
    "syntax": _EXPORT_AGAIN,
    "depth": "Export the file again: its lists are nested deeper than any CAD system needs.",
    "unbalanced": _EXPORT_AGAIN,
    "string_length": "Shorten the text in the CAD system and export the file again.",
    "outside_section": _EXPORT_AGAIN,
    "section_order": _EXPORT_AGAIN,
    "no_schema": "Export the file again as AP203, AP214 or AP242: its header does not name a schema.",
    "external_value": "Export the design as one file: values of it lie in other files.",
    "constant": "Export the file again as Part 21 edition 1 or 2, without constants of a schema.",
    "scope": "Export the file again as Part 21 edition 2 or 3: scopes of the first edition are not read.",
    "schema": "Export the file again as AP203, AP214 or AP242.",
    "no_record": _EXPORT_AGAIN,
    "duplicate_identifier": "Export the file again: two of its entities have the same number.",
    "identifier_length": _EXPORT_AGAIN,
    "after_end": "Upload one file at a time: text follows the end of this one.",
    "no_begin": "Export the file again: it does not begin as a STEP file does.",
    "truncated": _UPLOAD_AGAIN,
    "unterminated_string": _EXPORT_AGAIN,
    "unterminated_comment": _EXPORT_AGAIN,
    "unresolved_reference": "The file refers to entities that are not in it. Export it again and upload the new file.",
    "damage": _EXPORT_AGAIN,
    "external_instance": "Export the assembly as one file: this one uses parts of other files.",
    "not_a_number": "A coordinate is not a number. Export the file again as AP242 and upload the new file.",
    "number_range": "A number is too large for any part. Check the position of the bodies and export the file again.",
    "no_shape": "Export the file again with its bodies as solids or surfaces.",
    # The columns of an IGES file.
    "columns": _EXPORT_AGAIN,
    "sequence": "Lines of the file are missing or out of order. Export it again and upload the new file.",
    "no_section": _EXPORT_AGAIN,
    "counts": _UPLOAD_AGAIN,
    "directory": _EXPORT_AGAIN,
    "global": _EXPORT_AGAIN,
    # Units.
    "units/missing": _UNITS,
    "no_context": _UNITS,
    "no_length_unit": _UNITS,
    "units/cycle": _UNITS,
    "wrong_kind": _UNITS,
    "undefined": _UNITS,
    "prefix": _UNITS,
    "factor_kind": _UNITS,
    "factor_range": _UNITS,
    "implausible": _UNITS,
    "contradiction": _UNITS,
    "kernel_disagrees": _UNITS,
    "offset": _UNITS,
    "several_units": _UNITS,
    "flag": _UNITS,
    "name": _UNITS,
    "value": _REPAIR,
    "range": "Ask for a larger unit.",
    "unit_name": "Ask for a unit of length such as mm, m or inch.",
    "dimension": "Ask for a unit of length such as mm, m or inch.",
    "unknown_unit": "Ask for a unit of length such as mm, m or inch.",
    # The bill of materials.
    "bom/missing": _STRUCTURE,
    "no_products": "Export the file again with its product structure, for example as AP242.",
    "no_product": _STRUCTURE,
    "wrong_target": _STRUCTURE,
    "quantity": _STRUCTURE,
    "bom/cycle": "An assembly contains itself. Correct it in the CAD system and export the file again.",
    "pieces": "The assembly multiplies its parts beyond what can be built. Correct it and export the file again.",
    # The CAD kernel.
    "crash": "The CAD kernel crashed on the file. Export it again as AP242; if that fails, report it to the operator.",
    "deadline": _SIMPLIFY,
    "time_limit": _RETRY,
    "too_many_pieces": _SIMPLIFY,
    "unreadable": _EXPORT_AGAIN,
    "kernel_errors": _EXPORT_AGAIN,
    "iges_checks": "Export the file again, as STEP AP242 where the CAD system can.",
    "memory_limit": _SIMPLIFY,
    "kernel_exception": _REPAIR,
    "no_result": _REPAIR,
    "no_geometry": "Export the file again with its bodies as solids or surfaces.",
    "invalid_geometry": _REPAIR,
    "lost_solids": _REPAIR,
    "unplaced_parts": "Place each part in the assembly, or remove it, and export the file again.",
    "tessellated_only": "Export the file again with exact bodies (B-rep) and not as triangles only.",
    "no_extent": _REPAIR,
    "box_range": "Check the unit and the position of the bodies in the CAD system and export the file again.",
    "no_volume": _REPAIR,
    # The service.
    "sandbox": _OPERATOR,
    "host_gone": _RETRY,
    "kernel_not_installed": _OPERATOR,
}
"""Reason, or stage and reason -> hint for the client."""

REASONS: Final = frozenset(name.rpartition("/")[2] for name in HINTS)

PLACES: Final = ("line", "entity", "section", "limit")
"""Details with the place in the file and the limit that it exceeds."""

_MAX_NUMBER: Final = 10**15
_ENTITY: Final = re.compile(r"[#D][0-9]{1,20}")
_SECTIONS: Final = {
    **{name: name for name in ("HEADER", "ANCHOR", "REFERENCE", "DATA", "SIGNATURE")},
    **{name: name for name in ("start", "global", "directory", "parameter", "terminate")},
    "S": "start", "G": "global", "D": "directory", "P": "parameter", "T": "terminate",
}  # fmt: skip
"""Sections of STEP and IGES files, by their names in details and in stored failures."""


class Damage(str):
    """A sentence about damage that does not end the scan, with its reason and, where known, its place (`PLACES`)."""

    __slots__ = ("place", "reason")
    place: dict[str, int | str]
    reason: str

    def __new__(cls, text: str, reason: str, **place: int | str) -> Self:
        made = super().__new__(cls, text)
        made.place, made.reason = place, reason
        return made


def shown_facts(details: object) -> dict[str, Any]:
    """Return the details of a file failure that a client may see; empty for any other failure.

    Words come from the lists of this module and numbers are numbers, so no text of a file is included.

    Returns:
        ``stage``, ``reason`` and ``hint``, and the known values of `PLACES`.
    """
    if type(details) is not dict:
        return {}
    stage, _ = stage_of(details)
    reason = details.get("reason")
    if not stage or type(reason) is not str or reason not in REASONS:
        return {}
    places = {name: value for name in PLACES if (value := _checked(name, details.get(name))) is not None}
    return {"stage": stage, "reason": reason, **places, "hint": hint_of(stage, reason, places)}


def hint_of(stage: str, reason: str, places: Mapping[str, Any]) -> str:
    """Return a hint in plain words: the place in the file and the remedy; empty for an unknown reason."""
    hint = HINTS.get(f"{stage}/{reason}") or HINTS.get(reason, "")
    if not hint:
        return ""
    words = {"line": "line {}", "entity": "entity {}", "section": "section {}"}
    where = ", ".join(text.format(places[name]) for name, text in words.items() if name in places)
    return f"{where[:1].upper()}{where[1:]}: {hint}" if where else hint


def _checked(name: str, value: object) -> int | str | None:
    if type(value) is int:
        return value if name in {"line", "limit"} and 0 <= value <= _MAX_NUMBER else None
    if type(value) is not str:
        return None
    if name == "entity":
        return value if _ENTITY.fullmatch(value) else None
    return _SECTIONS.get(value) if name == "section" else None
