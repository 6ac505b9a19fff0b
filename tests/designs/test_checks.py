"""System checks tell wrong settings with an id and a hint."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec as real_find_spec
from typing import Any

import pytest
from django.core import checks as django_checks
from django.core.management import call_command
from django.test import override_settings

from designs import checks, kernel_check
from designs.conf import conf, setting_names
from enginel.env import EnvProblem


def ids(messages: list[django_checks.CheckMessage]) -> list[str]:
    return [str(message.id) for message in messages]


def test_the_suites_own_settings_pass() -> None:
    call_command("check", "--tag", "enginel", "--fail-level", "ERROR")


def test_the_checks_are_registered_under_their_tag() -> None:
    problem = EnvProblem("ENGINEL_X", "ENGINEL_X is odd.", "Make it even.")
    with override_settings(ENGINEL_ENV_PROBLEMS=(problem,), ENGINEL_ENV_UNKNOWN=(replace(problem, name="ENGINEL_Y"),)):
        found = ids(django_checks.run_checks(tags=["enginel"]))

    assert {"enginel.E001", "enginel.E006"} <= set(found)


def test_each_problem_is_an_error_with_name_and_hint() -> None:
    problems = tuple(EnvProblem(f"ENGINEL_{n}", f"ENGINEL_{n} is odd.", "Make it even.") for n in "AB")
    with override_settings(ENGINEL_ENV_PROBLEMS=problems, ENGINEL_ENV_UNKNOWN=()):
        found = checks.check_environment(None)

    assert ids(found) == ["enginel.E001", "enginel.E001"]
    assert all(message.is_serious() and message.hint == "Make it even." for message in found)
    assert [message.obj for message in found] == ["ENGINEL_A", "ENGINEL_B"]


def test_an_unknown_variable_is_an_error_that_names_it() -> None:
    problem = EnvProblem("ENGINEL_ALOWED_HOSTS", "ENGINEL_ALOWED_HOSTS is odd.", "Did you mean ENGINEL_ALLOWED_HOSTS?")
    with override_settings(ENGINEL_ENV_PROBLEMS=(), ENGINEL_ENV_UNKNOWN=(problem,)):
        (found,) = checks.check_environment(None)

    assert (found.id, found.is_serious(), found.obj) == ("enginel.E006", True, "ENGINEL_ALOWED_HOSTS")
    assert (found.msg, found.hint) == (problem.message, problem.hint)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("ENGINEL_WINDOW_SECOND", "ENGINEL_WINDOW_SECONDS"),
        ("ENGINEL_RINGSIZE", "ENGINEL_RING_SIZE"),
        ("ENGINEL_SLOW_SECOND", "ENGINEL_SLOW_SECONDS"),
        ("ENGINEL_KERNEL_TIMEOUT", "ENGINEL_KERNEL_TIMEOUT_SECONDS"),
    ],
)
def test_an_unknown_django_setting_is_an_error_that_names_the_nearest(name: str, nearest: str) -> None:
    with override_settings(**{name: 1}):
        (found,) = checks.check_names(None)

    assert (found.id, found.is_serious(), found.obj) == ("enginel.E007", True, name)
    assert found.hint == f"Did you mean {nearest}?"


@pytest.mark.parametrize("entry", ["", "shop/billing", "shop.", "shop-tools", 5])
def test_an_own_package_that_is_no_name_is_an_error(entry: object) -> None:
    with override_settings(ENGINEL_IN_APP_PACKAGES=("designs", entry)):
        (found,) = checks.check_in_app_packages(None)

    assert (found.id, found.is_serious(), found.obj) == ("enginel.E008", True, "ENGINEL_IN_APP_PACKAGES")
    assert "import statements" in (found.hint or "")


def test_an_own_package_that_is_not_installed_is_a_warning() -> None:
    with override_settings(ENGINEL_IN_APP_PACKAGES=["designs", "desings.tasks"]):
        (found,) = checks.check_in_app_packages(None)

    assert (found.id, found.is_serious(), found.obj) == ("enginel.W004", False, "ENGINEL_IN_APP_PACKAGES")
    assert "desings.tasks" in found.msg


def test_own_packages_that_are_no_list_are_an_error() -> None:
    with override_settings(ENGINEL_IN_APP_PACKAGES=5):
        (found,) = checks.check_in_app_packages(None)

    assert found.id == "enginel.E008"


@pytest.mark.parametrize("stated", [None, "designs", ("designs", "enginel.settings"), ()])
def test_usable_own_packages_pass(stated: object) -> None:
    with override_settings(ENGINEL_IN_APP_PACKAGES=stated):
        assert checks.check_in_app_packages(None) == []


def test_every_setting_that_is_read_is_known() -> None:
    with override_settings(**{name: getattr(conf, name.removeprefix("ENGINEL_").lower()) for name in setting_names()}):
        assert checks.check_names(None) == []


@pytest.mark.parametrize(
    ("missing", "changed", "expected"),
    [
        ("psycopg", {"DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}}}, ["enginel.E002"]),
        ("psycopg", {}, []),
        ("storages", {"STORAGES": {"default": {"BACKEND": "storages.backends.s3.S3Storage"}}}, ["enginel.E003"]),
        ("storages", {}, []),
        ("", {"STORAGES": {"default": {"BACKEND": "storages.backends.s3.S3Storage"}}}, []),
    ],
)
def test_a_missing_driver_is_an_error_only_where_it_is_needed(
    missing: str, changed: dict[str, Any], expected: list[str], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None if name == missing else real_find_spec(name))
    changed.setdefault("DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3"}})
    changed.setdefault("STORAGES", {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}})
    for name, value in changed.items():
        # Past override_settings, which would open connections of the new database.
        monkeypatch.setattr(checks.settings, name, value)

    found = checks.check_drivers(None)

    assert ids(found) == expected
    assert all(message.hint for message in found)


def test_a_missing_kernel_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(kernel_check.kernel_status(), installed=False, message="not installed")
    monkeypatch.setattr(kernel_check, "kernel_status", lambda: absent)

    (found,) = kernel_check.check_kernel(None)

    assert (found.id, found.is_serious()) == ("enginel.W002", False)
    assert "not installed" in found.msg
    assert found.hint


def test_a_mechanism_of_the_sandbox_that_linux_refuses_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    here = kernel_check.sandbox_status()
    refused = replace(here, mechanisms={}, refused={"landlock": "ENOSYS"})
    monkeypatch.setattr(kernel_check, "sandbox_status", lambda: refused)

    (found,) = kernel_check.check_sandbox(None)

    assert (found.id, found.is_serious()) == ("enginel.W003", False)
    assert "landlock (ENOSYS)" in found.msg
    assert "docs/operations.md" in (found.hint or "")
