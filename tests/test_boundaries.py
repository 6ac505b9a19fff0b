"""Who may import whom, read from the source: docs/architecture.md draws it, this enforces it."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("enginel", "designs", "integrations")

# Decide without input or output, so that they can be tested and reused alone.
PURE = (
    "designs.conf",
    "designs.context",
    "designs.exceptions",
    "designs.settings_model",
    "designs.settings_monitoring",
    "designs.settings_table",
    "designs.monitoring.errors.delivery_counts",
    "designs.monitoring.errors.backlog",
    "designs.monitoring.untrusted.exceptions",
    "designs.monitoring.timestamps",
    "designs.monitoring.untrusted.clean_text",
    "designs.monitoring.errors.event",
    "designs.monitoring.exposition.metrics_page",
    "designs.monitoring.sentry.content_frames",
    "designs.monitoring.fingerprint",
    "designs.monitoring.fingerprint.failure_codes",
    "designs.monitoring.fingerprint.statement_text",
    "designs.monitoring.fingerprint.exception_facts",
    "designs.monitoring.fingerprint.grouping",
    "designs.monitoring.fingerprint.event_lines",
    "designs.monitoring.fingerprint.file_failures",
    "designs.monitoring.fingerprint.failed_item",
    "designs.monitoring.fingerprint.source_tokens",
    "designs.monitoring.fingerprint.event_content",
    "designs.monitoring.fingerprint.event_frames",
    "designs.monitoring.fingerprint.event_reports",
    "designs.monitoring.fingerprint.event_tree",
    "designs.monitoring.fingerprint.event_values",
    "designs.monitoring.fingerprint.from_exception",
    "designs.monitoring.fingerprint.model",
    "designs.monitoring.fingerprint.named_things",
    "designs.monitoring.fingerprint.override",
    "designs.monitoring.fingerprint.frame_places",
    "designs.monitoring.fingerprint.qualnames",
    "designs.monitoring.fingerprint.rules",
    "designs.monitoring.fingerprint.from_event",
    "designs.monitoring.fingerprint.stack_cache",
    "designs.monitoring.fingerprint.statements",
    "designs.monitoring.fingerprint.type_names",
    "designs.monitoring.fingerprint.message_words",
    "designs.monitoring.untrusted.object_text",
    "designs.monitoring.fingerprint.frames",
    "designs.monitoring.errors.gate",
    "designs.monitoring.untrusted.no_io",
    "designs.monitoring.fingerprint.log_entries",
    "designs.monitoring.errors.recorded_marker",
    "designs.monitoring.fingerprint.message_patterns",
    "designs.monitoring.fingerprint.message_tokens",
    "designs.monitoring.fingerprint.messages",
    "designs.monitoring.metrics.names",
    "designs.monitoring.controlled.origins",
    "designs.monitoring.fingerprint.outer_frames",
    "designs.monitoring.untrusted.preview",
    "designs.monitoring.controlled.program_names",
    "designs.monitoring.fingerprint.real_paths",
    "designs.monitoring.fingerprint.own_code",
    "designs.monitoring.fingerprint.own_packages",
    "designs.monitoring.errors.failure_reasons",
    "designs.monitoring.errors.serialization",
    "designs.monitoring.secret_text.redact",
    "designs.monitoring.secret_text.cards",
    "designs.monitoring.secret_text.command_lines",
    "designs.monitoring.secret_text.devices",
    "designs.monitoring.secret_text.markup",
    "designs.monitoring.secret_text.names",
    "designs.monitoring.secret_text.pairs",
    "designs.monitoring.secret_text.terminal_sessions",
    "designs.monitoring.secret_text.shapes",
    "designs.monitoring.secret_text.secret_values",
    "designs.monitoring.redaction",
    "designs.monitoring.redaction.values",
    "designs.monitoring.untrusted.text",
    "designs.monitoring.errors.severity",
    "designs.monitoring.errors.command_slots",
    "designs.monitoring.controlled.stated_words",
    "designs.monitoring.untrusted.stop_exceptions",
    "designs.monitoring.untrusted.contents_text",
    "designs.monitoring.errors.tracebacks",
    "designs.monitoring.untrusted.plain_values",
    "designs.monitoring.withheld",
    "integrations.prometheus",
    "designs.patterns",
)
PURE_MAY_USE = ("django", "rest_framework")

# These see the monitoring through its facade only.
CALLERS = (
    "designs.worker.consumer",
    "designs.worker.lost_tasks",
    "designs.worker.error_signals",
    "designs.worker.worker_start",
    "designs.groups",
    "designs.http.error_responses",
    "designs.management",
    "designs.middleware",
    "designs.tasks",
    "designs.worker.periodic_tasks",
    "designs.uploads",
    "designs.views",
)

# Where an import must wait, and for what.
LATE_IMPORTS = {
    "designs.apps": {"ready"},  # models are loaded
    "manage": {"main", "run"},  # the environment is set
    "integrations.tracing.setup": {"init_tracing"},  # an extra that costs nothing where it is off
    "enginel.local.cli": {"_check_settings", "_compare", "_sample"},  # Django is set up
    # The settings and Redis's client are loaded; until then a process has standard error all the same.
    "designs.logs.standard_error": {
        "_was_logged",
        "_is_withheld",
        "_scrubbed",
        "_readable",
        "_json_of_text",
        "_json_line",
    },
    # Only the kernel's own processes pay for loading it.
    "designs.cad.kernel_host": {"_serve"},
    "designs.cad.kernel_child": {"_read"},
}


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
    """Return imports of our code, from below the roots, that are not below what is allowed."""
    return [
        str(found)
        for found in IMPORTS
        if is_below(found.module, module_roots) and not is_below(found.module, exempt)
        for target in ours(found)
        if not is_below(target, allowed)
    ]


def test_the_reader_sees_imports() -> None:
    assert len(SOURCES) > 40
    assert "designs.monitoring" in [
        target for found in imports_of("designs.http.error_responses") for target in ours(found)
    ]
    assert "designs.context" in [
        target for found in imports_of("designs.middleware.error_tracking") for target in ours(found)
    ]


def test_nothing_imports_the_assembly() -> None:
    assert violations(("designs",), ("designs", "integrations")) == []


def test_adapters_know_third_parties_and_django_only() -> None:
    assert violations(("integrations",), ("integrations",)) == []


def test_exceptions_are_a_leaf() -> None:
    table = ("designs.settings_model", "designs.settings_monitoring", "designs.settings_table")
    assert violations(("designs.exceptions", "designs.context"), ()) == []
    assert violations(("designs.conf", *table), table) == []


def test_monitoring_knows_adapters_settings_and_context_only() -> None:
    allowed = ("designs.monitoring", "integrations", "designs.conf", "designs.context", "designs.patterns")
    assert violations(("designs.monitoring",), allowed) == []


def test_the_workload_kernel_knows_exceptions_only() -> None:
    assert violations(("designs.cad",), ("designs.cad", "designs.exceptions", "designs.patterns")) == []


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_import_pure_modules_the_standard_library_and_django(module: str) -> None:
    for found in imports_of(module):
        for target in targets(found):
            top = target.partition(".")[0]
            known = top in sys.stdlib_module_names or is_below(target, PURE_MAY_USE)
            assert known or target in PURE, found


def test_callers_see_the_monitoring_through_its_facade() -> None:
    beyond = [
        str(found)
        for found in IMPORTS
        if is_below(found.module, CALLERS)
        for target in ours(found)
        if is_below(target, ("designs.monitoring",)) and target != "designs.monitoring"
    ]

    assert beyond == []


def test_imports_stand_at_the_top_of_their_module() -> None:
    late = [
        str(found)
        for found in IMPORTS
        if found.function and found.function not in LATE_IMPORTS.get(found.module, ()) and ours(found)
    ]

    assert late == []


@pytest.mark.parametrize("module", [name for name in SOURCES if is_below(name, ("designs.monitoring", "integrations"))])
def test_monitoring_and_adapters_import_no_model(module: str) -> None:
    for found in imports_of(module):
        assert not is_below(found.target, ("designs.models", "django.contrib", "knox.models")), found


def test_no_two_modules_import_each_other() -> None:
    graph = {
        module: {target for found in IMPORTS if found.module == module and not found.function for target in ours(found)}
        for module in SOURCES
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        for target in sorted(graph.get(module, ())):
            # A package's facade names its modules, which never name it: the tests above see to that.
            if target != module:
                visit(target, (*path, module))
        done.add(module)

    for module in SOURCES:
        visit(module, ())


# Loading it loads the CAD kernel, which is not everywhere.
NEED_KERNEL = {f"designs.cad.kernel_{name}" for name in ("meshes", "reader", "units")}


def modules_with_all() -> list[str]:
    def has_all(path: Path) -> bool:
        nodes = ast.parse(path.read_text()).body
        return any(isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__" for n in nodes)

    return [name for name, path in SOURCES.items() if has_all(path) and name not in NEED_KERNEL]


@pytest.mark.parametrize("module", modules_with_all())
def test_what_a_module_says_it_exports_it_has_once_and_in_order(module: str) -> None:
    loaded = importlib.import_module(module)

    assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []
    assert len(set(loaded.__all__)) == len(loaded.__all__)


FACADES = [
    name
    for name, path in SOURCES.items()
    if path.name == "__init__.py" and any(found.module == name for found in IMPORTS)
]


@pytest.mark.parametrize("module", FACADES)
def test_a_facade_exports_exactly_what_it_imports(module: str) -> None:
    loaded = importlib.import_module(module)
    tree = ast.parse(SOURCES[module].read_text())
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }

    assert set(loaded.__all__) == imported
    others = [node for node in tree.body if not isinstance(node, ast.ImportFrom | ast.Assign | ast.Expr)]
    assert others == [], f"{module} does more than to name"
