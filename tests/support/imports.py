"""Reads the imports of the project from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "IMPORTS",
    "PACKAGES",
    "ROOT",
    "SOURCES",
    "Import",
    "imports_of",
    "is_below",
    "ours",
    "targets",
    "violations",
]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("enginel", "designs", "integrations")


@dataclass(frozen=True)
class Import:
    """One import statement's target, seen from the module it stands in."""

    module: str
    target: str
    names: tuple[str, ...]
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> dict[str, Path]:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    return {name_of(file): file for file in [*files, ROOT / "manage.py"] if "migrations" not in file.parts}


SOURCES = sources()


def imports_of(module: str) -> list[Import]:
    """Return every import of a module, those inside of functions too."""
    found: list[Import] = []

    def visit(node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend(Import(module, alias.name, (), child.lineno, function) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module}:{child.lineno} imports relatively"
                names = tuple(alias.name for alias in child.names)
                found.append(Import(module, child.module or "", names, child.lineno, function))
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            visit(child, child.name if is_function else function)

    visit(ast.parse(SOURCES[module].read_text()), "")
    return found


IMPORTS = [found for module in SOURCES for found in imports_of(module)]


def is_below(module: str, roots: Iterable[str]) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in roots)


def targets(found: Import) -> Iterator[str]:
    """Give what an import names: ``from designs import context`` is designs.context."""
    submodules = [f"{found.target}.{name}" for name in found.names if f"{found.target}.{name}" in SOURCES]
    if len(submodules) < max(len(found.names), 1):
        yield found.target
    yield from submodules


def ours(found: Import) -> list[str]:
    return [target for target in targets(found) if is_below(target, PACKAGES)]


def violations(module_roots: Iterable[str], allowed: Iterable[str], exempt: Iterable[str] = ()) -> list[str]:
    """Return the imports of our code by modules below the roots, except imports below the allowed roots."""
    return [
        str(found)
        for found in IMPORTS
        if is_below(found.module, module_roots) and not is_below(found.module, exempt)
        for target in ours(found)
        if not is_below(target, allowed)
    ]
