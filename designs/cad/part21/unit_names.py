"""Names of length units in the spellings that writers use, and their lengths."""

from __future__ import annotations

from typing import Final

__all__ = ["WELL_KNOWN_MM", "plain_name"]

WELL_KNOWN_MM: Final = {
    "inch": 25.4, "foot": 304.8, "yard": 914.4, "mile": 1_609_344.0,
    "micrometre": 1e-3, "millimetre": 1.0, "centimetre": 10.0, "decimetre": 100.0, "metre": 1000.0, "kilometre": 1e6,
}  # fmt: skip
"""Plain name of a unit -> its length in mm."""

_ALIASES: Final = {
    "in": "inch", "inches": "inch", "ft": "foot", "feet": "foot", "yd": "yard", "yards": "yard", "miles": "mile",
    "mm": "millimetre", "cm": "centimetre", "dm": "decimetre", "m": "metre", "km": "kilometre", "um": "micrometre",
    "micron": "micrometre", "microns": "micrometre",
}  # fmt: skip
_MAX_LENGTH: Final = 64


def plain_name(text: str) -> str:
    """Return the name in small letters; ``INCHES`` and ``in`` as ``inch``, ``Millimeters`` as ``millimetre``."""
    name = " ".join(text.lower().replace("_", " ").split()).strip(" .'\"")
    singular = name.removesuffix("s").replace("meter", "metre")
    if singular in WELL_KNOWN_MM:
        return singular
    return _ALIASES.get(name, name)[:_MAX_LENGTH]
