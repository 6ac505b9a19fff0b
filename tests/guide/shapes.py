"""Compare an answer with the JSON that the guide shows: every key and its type. More keys are welcome."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.guide.blocks import block

__all__ = ["differences", "documented"]

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def documented(name: str) -> Any:
    """Return a JSON block; an object that is left out, ``{...}``, is any object."""
    return json.loads(block(name).replace("{...}", "{}"))


def differences(shown: Any, real: Any, path: str = "$") -> list[str]:
    """Return where the real value is not of the shape that is shown."""
    if isinstance(shown, dict):
        if not isinstance(real, dict):
            return [f"{path} is {real!r}"]
        missing = [f"{path}.{key} is missing" for key in shown if key not in real]
        return missing + [
            found for key in shown if key in real for found in differences(shown[key], real[key], f"{path}.{key}")
        ]
    if isinstance(shown, list):
        if not isinstance(real, list) or not real:
            return [f"{path} is {real!r}"]
        return [found for index, one in enumerate(real) for found in differences(shown[0], one, f"{path}[{index}]")]
    return [] if _is_like(shown, real) else [f"{path} is {real!r}, not like {shown!r}"]


def _is_like(shown: Any, real: Any) -> bool:
    if isinstance(shown, str):
        return isinstance(real, str) and (not _UTC.fullmatch(shown) or bool(_UTC.fullmatch(real)))
    kinds = (int,) if isinstance(shown, int) else (int, float)
    return isinstance(real, kinds) and not isinstance(real, bool)
