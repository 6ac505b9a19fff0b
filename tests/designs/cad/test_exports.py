"""What the package shows, and what it must not drag in."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import designs.cad
import designs.cad.part21
import enginel.sample.damage

PACKAGE = Path(designs.cad.__file__).parent


@pytest.mark.parametrize("module", [designs.cad, designs.cad.part21, enginel.sample.damage])
def test_all_names_exist_and_are_sorted_without_doubles(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]

    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not hasattr(module, name)] == []


def test_importing_the_package_does_not_import_the_kernel() -> None:
    code = "import designs.cad, sys; print('OCP' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parents[1]
    )

    assert result.stdout.strip() == "False"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_modules_import_only_the_standard_library_pint_the_kernel_and_the_exceptions(path: Path) -> None:
    allowed = {"pint", "OCP", *sys.stdlib_module_names}
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    foreign = {name for name in found if name.partition(".")[0] not in allowed and not name.startswith("designs.cad")}

    assert foreign <= {"designs.exceptions", "designs.patterns"}


def test_only_modules_of_the_reader_import_the_kernel() -> None:
    importing = {path.name for path in PACKAGE.rglob("*.py") if "from OCP" in path.read_text()}

    assert importing == {"kernel_meshes.py", "kernel_reader.py", "kernel_units.py"}
