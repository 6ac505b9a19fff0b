"""Health while the storage is full, takes no files, or hangs: by what the kernel itself answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from designs.monitoring.health import checker
from integrations.health import Storage
from tests.support.health_probes import Probes, Usage, answered_in_time, endure, recovers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]


class Elsewhere(FileSystemStorage):
    """A storage whose files go to ``target``, while there is one, instead of where they should."""

    target: str | None = None

    def _save(self, name: str, content: Any) -> str:
        if self.target is None:
            return super()._save(name, content)
        with open(self.target, "wb", buffering=0) as file:  # noqa: PTH123
            file.write(content.read())
        return name


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    storage = Elsewhere(tmp_path / "files")
    monkeypatch.setitem(checker._plugins, "storage", lambda: Storage(storage))
    yield storage
    assert checker.runner.wait(30)


def mender(storage: Elsewhere) -> Callable[[], None]:
    return lambda: setattr(storage, "target", None)


@pytest.mark.parametrize("target", ["/dev/full", "/proc/version", "/proc/nothing/here"])
def test_a_storage_that_is_full_or_read_only(storage: Elsewhere, target: str) -> None:
    probes = Probes("storage")
    assert probes.is_healthy()
    before = Usage.now()
    storage.target = target

    assert answered_in_time(probes) == (503, "unhealthy", "cannot be written")
    endure(probes)

    recovers(probes, mender(storage))
    assert before.covers(Usage.now())


def test_a_storage_that_hangs_holds_one_thread(storage: Elsewhere, tmp_path: Path) -> None:
    probes = Probes("storage")
    assert probes.is_healthy()
    before = Usage.now()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Opening it blocks in the kernel until somebody reads.
    storage.target = str(pipe)

    assert answered_in_time(probes) == (503, "unhealthy", "did not answer in time")
    endure(probes)
    assert checker.runner.running().count("enginel-health-storage") == 1

    def mend() -> None:
        storage.target = None
        with pipe.open("rb") as reader:
            reader.read()

    recovers(probes, mend)
    assert before.covers(Usage.now())
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []
