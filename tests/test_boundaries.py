"""Who may import whom, read from the source: docs/architecture.md draws it, this enforces it."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest

from tests.support.imports import IMPORTS, SOURCES, imports_of, is_below, ours, targets, violations

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
    "designs.monitoring.errors.keys",
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
    "designs.monitoring.secret_text.secret_names",
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

# What each room of the monitoring may import of the others, and of the adapters; docs/architecture.md draws it.
_BASE = ("untrusted", "secret_text", "controlled", "redaction", "timestamps", "guard")
ROOMS = {
    "timestamps": (),
    "guard": (),
    "store_away": (),
    "secret_text": (),
    "untrusted": ("secret_text",),
    "controlled": ("untrusted",),
    "redaction": ("untrusted", "secret_text", "controlled"),
    "fingerprint": ("untrusted", "secret_text", "redaction"),
    "withheld": ("untrusted", "controlled", "fingerprint"),
    "withheld_results": ("controlled", "redaction", "withheld"),
    "health": (*_BASE, "store_away", "integrations"),
    "metrics": (*_BASE, "withheld", "integrations"),
    "errors": (*_BASE, "fingerprint", "withheld", "integrations.redis"),
    "sentry": (*_BASE, "fingerprint", "withheld", "errors", "integrations.redis", "integrations.sentry"),
    "exposition": ("errors", "metrics", "health", "guard", "store_away", "integrations"),
    "tracker": ("errors", "guard", "integrations.redis"),
    "strict_reads": ("errors", "metrics", "store_away", "integrations.redis"),
    "overview": ("strict_reads", "metrics", "health", "guard", "store_away", "timestamps", "integrations"),
    "lifecycle": ("errors", "exposition", "fingerprint", "guard", "health", "metrics", "sentry", "integrations"),
}
MONITORING = "designs.monitoring"
# Not a room's: the settings, the context of a request or task, and patterns of text.
FOR_ALL_ROOMS = ("designs.conf", "designs.context", "designs.patterns")

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
    "integrations.tracing.start": {"init_tracing"},  # an extra that costs nothing where it is off
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


def _room(module: str) -> str:
    return module.removeprefix(f"{MONITORING}.").split(".")[0]


def test_every_part_of_the_monitoring_is_a_room_of_the_table() -> None:
    assert {_room(module) for module in SOURCES if module.startswith(f"{MONITORING}.")} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_the_rooms_below_it_only(room: str) -> None:
    allowed = [name if name.startswith("integrations") else f"{MONITORING}.{name}" for name in ROOMS[room]]
    root = f"{MONITORING}.{room}"
    # A module of the facade's own package, such as `from designs.monitoring import guard`, names its target itself.
    assert violations((root,), (root, *allowed, *FOR_ALL_ROOMS)) == []


def test_only_the_wiring_imports_the_lifecycle() -> None:
    importers = {found.module for found in IMPORTS for target in ours(found) if target == f"{MONITORING}.lifecycle"}

    assert importers == {"designs.apps"}


def test_no_two_sibling_packages_have_a_module_of_one_name() -> None:
    places: dict[tuple[str, str], list[str]] = {}
    for module, path in SOURCES.items():
        package, _, name = module.rpartition(".")
        parent = package.rpartition(".")[0]
        # A resource has a module of models and one of views.
        if path.name != "__init__.py" and parent and package != "designs.views":
            places.setdefault((parent, name), []).append(module)

    assert {key: modules for key, modules in places.items() if len(modules) > 1} == {}


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
        module: {target for found in IMPORTS if found.module == module for target in ours(found)} for module in SOURCES
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
