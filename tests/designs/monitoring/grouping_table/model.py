"""What a case of the table is, and the words in which the modules beside this one write their cases.

A case is a program that fails, and mutations of it. Each mutation has a label, given by what a person says:

- `one`: still the same bug, so the key must stay;
- `another`: a different bug, so the key must differ;
- `split`: a person says the same bug, but the rules give another key; the reason says which rule;
- `merged`: a person says a different bug, but the rules give the same key; the reason says which rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = [
    "Case", "Program", "Step", "Variant", "another", "at", "case", "edit", "encoded", "found_by_apps", "installed",
    "linked", "main",
    "merged", "moved", "one", "outer", "settings", "source", "split", "task", "without_source",
]  # fmt: skip

MODULE = "shop/orders.py"


@dataclass(frozen=True)
class Program:
    """A program that fails when its entry is called.

    Attributes:
        files: Sources by path. Those that begin with ``lib:`` are installed in `site-packages`, others are the
            application's.
        entry: Module and function. It raises, or gives back the exception, or gives back the text of a message, or
            gives back None after it has written one line to the log.
        home: Folder of the application: its project folder, or a place where packages are installed.
        link: What is odd about its path: it is imported through a symbolic link (``path``), the setting for its root
            names one (``root``), its package is one (``package``), its path goes up and down (``dots``), the setting
            ends with a slash (``slash``).
        in_main: Whether the module of the entry runs as ``__main__``.
        settings: Django settings it runs under; ``{folder}`` in a root stands for the folder that holds all of it.
        task: Celery task that the failure ended.
        has_source: Whether the files are still there when the failure is looked at.
        encoding: Of the files.
    """

    files: Mapping[str, str]
    entry: str = "shop.orders:run"
    home: str = "srv/app"
    link: str = ""
    in_main: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    has_source: bool = True
    encoding: str = "utf-8"


Step = Callable[[Program], Program]


@dataclass(frozen=True)
class Variant:
    """A mutation: its steps are applied to the program of the case, or to what is named in `of`."""

    name: str
    label: str
    steps: tuple[Step, ...]
    of: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Case:
    """A program and its mutations, all as programs by name, and the bug that each shows.

    Attributes:
        name: Says what fails.
        programs: The program itself (``base``) and each mutation.
        bugs: Name of the bug of each; the same name in several cases is one bug.
        merged: Mutations that share a key with the base by a rule.
        event_differs: Why an event cannot have the key of the live failure; empty where it must.
    """

    name: str
    programs: Mapping[str, Program]
    bugs: Mapping[str, str]
    merged: Mapping[str, str]
    event_differs: str = ""


def case(
    name: str, program: Program | str | Mapping[str, str], *variants: Variant, event_differs: str = "", bug: str = ""
) -> Case:
    """Return the case; a text is the source of the application's one module. Moved lines are one more mutation."""
    if isinstance(program, str):
        program = source(program)
    base = program if isinstance(program, Program) else Program(program)
    programs, bugs = {"base": base}, {"base": bug or name}
    if len(base.files) and base.encoding == "utf-8":
        variants = (*variants, one("lines moved", moved))
    merged_ones = {}
    for variant in variants:
        program = programs[variant.of or "base"]
        for step in variant.steps:
            program = step(program)
        assert variant.name not in programs, f"{name}: two mutations are called {variant.name}"
        programs[variant.name] = program
        bugs[variant.name] = bugs[variant.of or "base"]
        if variant.label in {"another", "split"}:
            bugs[variant.name] = f"{name}: {variant.name}"
        if variant.label == "merged":
            merged_ones[variant.name] = variant.reason
    return Case(name, programs, bugs, merged_ones, event_differs)


def one(name: str, *steps: Step, of: str = "") -> Variant:
    return Variant(name, "one", steps, of)


def another(name: str, *steps: Step, of: str = "") -> Variant:
    return Variant(name, "another", steps, of)


def split(name: str, *steps: Step, of: str = "", reason: str) -> Variant:
    return Variant(name, "split", steps, of, reason)


def merged(name: str, *steps: Step, of: str = "", reason: str) -> Variant:
    return Variant(name, "merged", steps, of, reason)


def source(text: str, **files: str) -> Program:
    """Return the program with this module of the application, and libraries by name."""
    return Program({MODULE: text, **{f"lib:{name}.py": library for name, library in files.items()}})


def edit(old: str, new: str, path: str = "") -> Step:
    """Replace a text wherever it stands in the one file (or in those) that has it."""

    def step(program: Program) -> Program:
        changed = {name: text.replace(old, new) if path in ("", name) else text for name, text in program.files.items()}
        assert changed != program.files, f"nothing says {old!r}"
        return replace(program, files=changed)

    return step


def moved(program: Program) -> Program:
    """Put lines before all others, which moves every statement."""
    return replace(program, files={name: f"# Moved.\n\n\n{text}" for name, text in program.files.items()})


def outer(name: str, text: str) -> Step:
    """Add a file, or replace it."""
    return lambda program: replace(program, files={**program.files, name: text})


def installed(where: str, **more: Any) -> Step:
    """Install the application as a package, which the setting names as the application's."""
    own = {"ENGINEL_IN_APP_PACKAGES": ("shop",), **more}
    return lambda program: replace(program, home=where, settings={**program.settings, **own})


def found_by_apps(program: Program) -> Program:
    """Leave out the setting: the application is one of Django's installed apps."""
    kept = {name: value for name, value in program.settings.items() if name != "ENGINEL_IN_APP_PACKAGES"}
    apps = ["django.contrib.contenttypes", "rest_framework", "shop"]
    files = {"shop/__init__.py": "", **program.files}
    return replace(program, files=files, settings={**kept, "INSTALLED_APPS": apps})


def at(home: str) -> Step:
    """Put the application into another folder; one that ends with ``.zip`` is an archive."""
    return lambda program: replace(program, home=home)


def linked(kind: str) -> Step:
    return lambda program: replace(program, link=kind)


def main(program: Program) -> Program:
    return replace(program, in_main=True)


def settings(**named: Any) -> Step:
    return lambda program: replace(program, settings={**program.settings, **named})


def task(name: str) -> Step:
    return lambda program: replace(program, task=name)


def without_source(program: Program) -> Program:
    return replace(program, has_source=False)


def encoded(encoding: str) -> Step:
    return lambda program: replace(program, encoding=encoding)
