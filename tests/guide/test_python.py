"""The Python blocks of the guide, executed as written."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from designs import exceptions
from designs.exceptions import EnginelBaseException
from designs.models import Membership, Organization, Role, User
from designs.monitoring import ErrorTracker, MetricsCollector, PerformanceMonitor
from tests.designs.conftest import MakeMember
from tests.guide.blocks import block, run


def raised(message: str = "it broke") -> ValueError:
    """Return an exception with a traceback."""
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_every_exception_is_imported_with_its_documented_status() -> None:
    names = run("exceptions")
    shown = re.findall(r"(\w+), +# (\d+) - ", block("exceptions"))

    assert len(shown) == 9
    assert [(name, names[name].status_code) for name, _ in shown] == [(name, int(status)) for name, status in shown]


def test_the_hierarchy_is_the_documented_one() -> None:
    """Depth is four characters a level; a status in parentheses, or the parent's."""
    above: list[tuple[int, str, str]] = []
    for line in block("hierarchy").splitlines():
        mark, name, status = re.fullmatch(r"([ │├└─]*)(\w+)(?: \((\w+)\))?", line).groups()  # type: ignore[union-attr]
        above = [one for one in above if one[0] < len(mark)]
        kind = getattr(exceptions, name, None)
        if above and kind is not None:
            assert kind.__base__.__name__ == above[-1][1], name
            wanted = status if (status or "").isdigit() else above[-1][2]
            assert not wanted.isdigit() or kind.status_code == int(wanted), name
            status = wanted
        above.append((len(mark), name, status or ""))

    names = set(re.findall(r"(\w+)(?: \(\w+\))?$", block("hierarchy"), re.MULTILINE)) - {"Exception", "APIException"}
    assert {name for name in exceptions.__all__ if name[0].isupper()} == names
    assert len(names) == 18


def test_an_error_is_logged_with_its_context_and_read_back(admin_user: User) -> None:
    names = run("error tracker", exception=raised(), design_id="d1", user=admin_user)

    [record] = names["recent_errors"]
    assert record["error_type"] == "ValueError"
    assert record["context"] == {"design_id": "d1", "step": "geometry_extraction"}
    assert (record["user_id"], record["request_path"]) == (admin_user.pk, "/api/designs/upload/")
    assert record["severity"] == "ERROR"


def test_a_decorated_operation_has_the_documented_stats() -> None:
    names = run("performance monitor")
    names["extract_geometry"]("part.step")

    stats = names["PerformanceMonitor"].get_operation_stats("geometry_extraction")
    shown = ast.literal_eval(re.search(r"# Returns: (\{.*\})", block("performance monitor"))[1])  # type: ignore[index]
    assert shown.keys() <= names["stats"].keys()
    assert (names["stats"]["count"], stats["count"], stats["error_rate"]) == (0, 1, 0.0)


def test_counters_and_gauges_are_in_the_snapshot() -> None:
    metrics = run("metrics collector")["metrics"]

    # The service counts uploads itself; a call by hand under these names must not change their values.
    assert (metrics["uploads_total"], metrics["uploads_step"], metrics["active_users"]) == (0, 0, 42)
    assert next(iter(metrics)) == "timestamp"


@pytest.mark.django_db
def test_components_are_checked_one_by_one_and_together() -> None:
    names = run("health checker")

    assert {names[name]["status"] for name in ("db_status", "redis_status", "celery_status")} == {"healthy"}
    assert names["health"]["status"] == "healthy"
    assert {"database", "redis", "celery", "storage"} <= set(names["health"]["checks"])


class TestRaising:
    """The block ends at the first thing that is wrong; with nothing wrong it passes through."""

    @pytest.fixture
    def names(self, make_member: MakeMember) -> dict[str, Any]:
        return {
            "valid_step_file": True,
            "parse_cad_file": lambda path: None,
            "file_path": "part.step",
            "file_size": 1,
            "max_size": 2,
            "membership": Membership.objects.get(user=make_member(Role.ADMIN)),
        }

    def refusal(self, names: dict[str, Any]) -> EnginelBaseException:
        with pytest.raises(EnginelBaseException) as caught:
            run("raising exceptions", **names)
        return caught.value

    def test_nothing_is_raised_for_a_good_file_of_an_admin(self, names: dict[str, Any]) -> None:
        run("raising exceptions", **names)

    def test_an_invalid_step_file_is_a_geometry_error(self, names: dict[str, Any]) -> None:
        error = self.refusal({**names, "valid_step_file": False})

        assert (type(error).__name__, error.status_code) == ("GeometryProcessingError", 422)
        assert str(error) == "Invalid STEP file format"

    def test_a_parser_that_fails_is_a_geometry_error_with_its_cause(self, names: dict[str, Any]) -> None:
        cause = raised()

        def parse(path: str) -> None:
            raise cause

        error = self.refusal({**names, "parse_cad_file": parse})

        assert (type(error).__name__, str(error)) == ("GeometryProcessingError", "Failed to parse CAD file")
        assert error.__cause__ is cause

    def test_a_file_too_large_is_a_validation_error_of_its_field(self, names: dict[str, Any]) -> None:
        error = self.refusal({**names, "file_size": 3})

        assert (error.status_code, error.field, str(error)) == (400, "file", "File too large")

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.ENGINEER, Role.OWNER])
    def test_another_role_is_refused_with_both_roles_named(
        self, names: dict[str, Any], make_member: MakeMember, role: Role
    ) -> None:
        membership = Membership.objects.get(user=make_member(role))

        error = self.refusal({**names, "membership": membership})

        assert error.status_code == 403
        assert str(error) == f"This needs the role ADMIN. You have the role {role}."


def test_a_manual_timing_records_success_and_failure() -> None:
    assert run("manual timing", process_data=lambda: "done")["complex_operation"]() == "done"

    def fail() -> None:
        raise raised()

    with pytest.raises(ValueError, match="it broke"):
        run("manual timing", process_data=fail)["complex_operation"]()

    stats = PerformanceMonitor.get_operation_stats("complex_operation")
    assert (stats["count"], stats["error_count"], stats["error_rate"]) == (2, 1, 0.5)
    # The block records a duration and no error.
    assert ErrorTracker.get_recent_errors() == []
    assert "celery_task_complex_operation" not in str(MetricsCollector.get_metrics())


@pytest.mark.django_db
def test_describing_an_organization_in_a_context_runs_no_query(acme: Organization) -> None:
    deferred = Organization.objects.only("id").get(pk=acme.pk)

    with CaptureQueriesContext(connection) as queries:
        ErrorTracker.log_error(raised(), context={"organization": deferred})

    assert queries.captured_queries == []
    assert str(acme.pk) in ErrorTracker.get_recent_errors()[0]["context"]["organization"]
