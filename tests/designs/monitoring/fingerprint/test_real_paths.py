"""Code is the application's by whichever link it is reached, and no library's code is by one."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from django.test import override_settings
from sentry_sdk.utils import event_from_exception

from designs.monitoring.fingerprint import Fingerprint, fingerprint_event, fingerprint_exception
from designs.monitoring.fingerprint.frames import is_in_app
from designs.monitoring.fingerprint.real_paths import folders_of

NAME = "a_module_behind_a_link"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a release with a module, and a link ``current`` that leads to it."""
    release = tmp_path / "releases" / "1"
    release.mkdir(parents=True)
    (release / f"{NAME}.py").write_text("def act():\n    raise ValueError(5)\n")
    (tmp_path / "current").symlink_to(release)
    return tmp_path


def failing(folder: Path) -> tuple[Fingerprint, Fingerprint]:
    """Return the fingerprints of a failure of the module: live and from its event."""
    spec = importlib.util.spec_from_file_location(NAME, folder / f"{NAME}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[NAME] = module
    try:
        module.act()
    except ValueError as error:
        return fingerprint_exception(error), fingerprint_event(event_from_exception(error)[0])
    finally:
        del sys.modules[NAME]
    raise AssertionError


@pytest.mark.parametrize(
    ("root", "imported"),
    [
        ("releases/1", "current"),
        ("current", "releases/1"),
        ("current", "current"),
        ("current/", "releases/1"),
        ("releases/../current/.", "releases/1"),
        ("releases//1", "current"),
    ],
)
def test_a_link_to_the_checkout_does_not_split(checkout: Path, root: str, imported: str) -> None:
    with override_settings(ENGINEL_IN_APP_ROOTS=(f"{checkout}/releases/1",)):
        plain = failing(checkout / "releases" / "1")
    with override_settings(ENGINEL_IN_APP_ROOTS=(f"{checkout}/{root}",)):
        linked = failing(checkout / imported)

    assert plain[0].parts == ("type ValueError", f"frame {NAME}.act", "line raise ValueError(5)")
    assert {*plain, *linked} == {plain[0]}


def test_a_root_may_begin_in_the_project_or_the_working_directory(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = f"{checkout}/releases/1/{NAME}.py"
    monkeypatch.chdir(checkout)

    for root in ("current", ".", "./releases/"):
        with override_settings(ENGINEL_IN_APP_ROOTS=(root,)):
            assert is_in_app(file)
    with override_settings(ENGINEL_IN_APP_ROOTS=("releases",), BASE_DIR=checkout):
        monkeypatch.chdir("/")
        assert is_in_app(file)
    with override_settings(ENGINEL_IN_APP_ROOTS=(".",), BASE_DIR=checkout / "current"):
        assert is_in_app(file)
        assert not is_in_app("/usr/share/x.py")


def test_a_process_of_the_release_before_keeps_its_key_when_the_link_is_turned(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(checkout / "current")
    roots = (f"{checkout}/releases/1",)
    folders_of(roots)
    (checkout / "releases" / "2").mkdir()
    (checkout / "next").symlink_to(checkout / "releases" / "2")
    (checkout / "next").rename(checkout / "current")

    with override_settings(ENGINEL_IN_APP_ROOTS=roots):
        assert is_in_app(f"{checkout}/current/{NAME}.py")
        assert not is_in_app(f"{checkout}/releases/2/{NAME}.py")


def test_a_root_within_what_a_link_leads_to(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(checkout / "current")
    with override_settings(ENGINEL_IN_APP_ROOTS=(f"{checkout}/releases/1/app",)):
        assert is_in_app(f"{checkout}/current/app/x.py")
        assert not is_in_app(f"{checkout}/current/other/x.py")


def test_links_do_not_make_a_library_the_applications(checkout: Path) -> None:
    cache, packages = checkout / "cache", checkout / "venv" / "site-packages"
    cache.mkdir()
    packages.mkdir(parents=True)
    (cache / "cached.py").touch()
    (packages / "real.py").touch()
    (packages / "cached.py").symlink_to(cache / "cached.py")
    (checkout / "vendored.py").symlink_to(packages / "real.py")
    (checkout / "json.py").symlink_to(os.__file__)

    with override_settings(ENGINEL_IN_APP_ROOTS=(str(checkout),)):
        for name in ("venv/site-packages/cached.py", "venv/site-packages/real.py", "vendored.py", "json.py"):
            assert not is_in_app(f"{checkout}/{name}")


@pytest.mark.parametrize(
    "path", ["designs/no_such_file.py", "C:\\app\\x.py", "a\0b", "x" * 9_000, "\ud800", "/\ud800", "<string>", ""]
)
def test_a_path_that_leads_nowhere_is_not_the_applications(path: str) -> None:
    assert not is_in_app(path)
