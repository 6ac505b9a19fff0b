"""A kernel that is not there, or not whole, is said plainly."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from designs.cad import FileKind, extract_geometry, kernel, kernel_client, kernel_status, shutdown_kernel, start_kernel
from designs.cad import kernel_status as status_module
from designs.exceptions import CorruptedFile, GeometryProcessingError
from enginel.sample.corpus import sample_path
from tests.support.cad.pipeline import MEMORY_LIMIT_BYTES

PART = sample_path("material.stp")


def extract(path: Path, *damage: str) -> None:
    extract_geometry(path, FileKind.STEP, timeout_seconds=20.0, memory_limit_bytes=MEMORY_LIMIT_BYTES, damage=damage)


def test_status_names_the_kernel_without_importing_it() -> None:
    status = kernel_status()

    assert status.installed
    assert status.version is not None
    assert status.version.startswith("cadquery-ocp")
    assert "OCP" not in sys.modules


CHATTER = """
import contextlib, os
for _ in range(1000):
    with contextlib.suppress(BlockingIOError):
        os.write(2, b"noise " * 1000)
os._exit(3)
"""


@pytest.fixture
def no_host() -> Iterator[None]:
    shutdown_kernel()
    yield
    shutdown_kernel()


def test_a_missing_kernel_is_said_plainly(monkeypatch: pytest.MonkeyPatch, no_host: None) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    assert not kernel_status().installed
    with pytest.raises(GeometryProcessingError) as caught:
        extract(PART)
    assert caught.value.code == "kernel_not_installed"
    assert "requirements/cad.txt" in str(caught.value.detail)


def test_without_kernel_a_damaged_file_is_damaged_at_once(monkeypatch: pytest.MonkeyPatch, no_host: None) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(CorruptedFile) as caught:
        extract(PART, "parameters belong to no entity")

    assert str(caught.value.detail) == "This file is damaged: parameters belong to no entity."
    assert caught.value.details == {
        "stage": "scan",
        "reason": "damage",
        "damage": ["parameters belong to no entity"],
        "kernel": "kernel_not_installed",
    }


def test_starting_a_missing_kernel_does_nothing(monkeypatch: pytest.MonkeyPatch, no_host: None) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    start_kernel()

    assert kernel._own.host is None


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_system_without_processes_left_is_told_by_the_first_file(
    monkeypatch: pytest.MonkeyPatch, no_host: None
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    descriptors = open_descriptors()
    monkeypatch.setattr("subprocess.Popen", refuse)

    start_kernel()
    with pytest.raises(BlockingIOError):
        extract(PART)

    assert open_descriptors() == descriptors


def test_missing_system_libraries_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch, no_host: None) -> None:
    libraries = {"libGL-absent.so.1": "libgl1", "libX11-absent.so.6": "libx11-6"}
    monkeypatch.setattr(sys.modules[status_module.__module__], "_SYSTEM_LIBRARIES", libraries)

    assert "libgl1 libx11-6" in kernel_status().message
    with pytest.raises(GeometryProcessingError) as caught:
        extract(PART)
    assert caught.value.code == "kernel_not_installed"


def test_a_kernel_that_cannot_be_loaded_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_host: None
) -> None:
    broken = tmp_path / "OCP"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    environment = kernel_client._environment()
    shadowed = {**environment, "PYTHONPATH": f"{tmp_path}:{environment['PYTHONPATH']}"}
    monkeypatch.setattr(kernel_client, "_environment", lambda: shadowed)

    with pytest.raises(GeometryProcessingError) as caught:
        extract(PART)

    assert caught.value.code == "kernel_not_installed"
    assert "libGL.so.1" in str(caught.value.detail)


def test_a_host_that_dies_at_its_start_is_said_plainly(monkeypatch: pytest.MonkeyPatch, no_host: None) -> None:
    monkeypatch.setattr(kernel_client, "_environment", dict)
    start_kernel()

    with pytest.raises(GeometryProcessingError) as caught:
        extract(PART)

    assert caught.value.code == "kernel_not_installed"
    assert caught.value.details["stage"] == "host"
    assert "designs" in caught.value.details["said"]


def test_a_host_that_chatters_is_not_held_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_host: None, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "OCP.py").write_text(CHATTER)
    environment = kernel_client._environment()
    shadowed = {**environment, "PYTHONPATH": f"{tmp_path}:{environment['PYTHONPATH']}"}
    monkeypatch.setattr(kernel_client, "_environment", lambda: shadowed)

    with pytest.raises(GeometryProcessingError) as caught:
        extract(PART)

    assert len(caught.value.details["said"]) <= 200
    assert capfd.readouterr().err == ""
