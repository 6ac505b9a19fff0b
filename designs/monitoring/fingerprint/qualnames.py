"""Qualified names for the bare function names in Sentry's JSON, found in the source of imported modules.

Two classes of one module may both have a ``get``. Without the class, their failures would become one group. Only files
of modules that this process has imported are read; otherwise the bare name stays.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from designs.monitoring.fingerprint.statements import loaded_file

__all__ = ["qualified_name"]

_MAX_LINES = 30_000
_SCOPES: dict[type[ast.AST], str] = {
    ast.Lambda: "<lambda>",
    ast.GeneratorExp: "<genexpr>",
}


class _Scope(NamedTuple):
    first: int
    last: int
    path: str


def qualified_name(module: str, filename: str, function: str, line: int) -> str:
    """Return the function's qualified name without ``<locals>``; the given name if it cannot be found."""
    loaded = loaded_file(module, filename)
    if not loaded or function == "<module>":
        return function
    scopes = _scopes(loaded).get(function, ())
    around = [scope for scope in scopes if scope.first <= line <= scope.last]
    return min(around, key=lambda scope: scope.last - scope.first).path if around else function


@lru_cache(maxsize=256)
def _scopes(filename: str) -> dict[str, list[_Scope]]:
    lines = linecache.getlines(filename)
    found: dict[str, list[_Scope]] = {}
    if len(lines) > _MAX_LINES:
        return found
    try:
        for name, scope in _walk(ast.parse("".join(lines)), ""):
            found.setdefault(name, []).append(scope)
    except (SyntaxError, ValueError, RecursionError, Warning):
        return {}
    return found


def _walk(node: ast.AST, path: str) -> Iterator[tuple[str, _Scope]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = child.name
        else:
            name = _SCOPES.get(type(child), "")
        inner = path
        if name:
            inner = f"{path}.{name}" if path else name
            expression: ast.expr | ast.stmt = child  # type: ignore[assignment]
            yield name, _Scope(expression.lineno, expression.end_lineno or expression.lineno, inner)
        yield from _walk(child, inner)
