"""What a local run keeps is for its user only, also what an earlier version made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from enginel.local import logs
from enginel.local.private import make_private, write_private

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def open_to_others(folder: Path) -> list[str]:
    return [str(path) for path in [folder, *folder.rglob("*")] if not path.is_symlink() and mode(path) & 0o077]


def older_folder(folder: Path) -> Path:
    """Make a state folder as earlier versions left it."""
    for name in ("storage/designs/acme/a.step", "logs/web.log", "valkey/valkey.log", "db.sqlite3", "secret_key"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x" * 64)
    (folder / "db.sqlite3").unlink()
    folder.chmod(0o755)
    return folder


def test_a_folder_from_before_is_closed(tmp_path: Path) -> None:
    state = older_folder(tmp_path / "state")

    make_private(state)

    assert mode(state) == 0o700
    assert open_to_others(state) == []
    assert {mode(path) for path in state.rglob("*") if path.is_file()} == {0o600}


def test_files_of_others_links_and_folders_for_all_stay(tmp_path: Path) -> None:
    shared, elsewhere = tmp_path / "shared", tmp_path / "elsewhere"
    shared.mkdir()
    for path in (elsewhere, shared / "notes.txt"):
        path.write_text("not ours")
    (shared / "logs").symlink_to(tmp_path)
    (shared / "secret_key").symlink_to(elsewhere)
    shared.chmod(0o1777)
    modes = {path: mode(path) for path in (tmp_path, shared, elsewhere, shared / "notes.txt")}

    make_private(shared)
    make_private(tmp_path / "missing")

    assert {path: mode(path) for path in modes} == modes
    assert not (tmp_path / "missing").exists()


def test_new_files_are_private_from_the_start(tmp_path: Path) -> None:
    write_private(tmp_path / "state" / "run.json", "{}")
    log = tmp_path / "state" / "logs" / "web.log"
    logs.begin(log)
    log.write_text("line\n")
    logs.bound(log, max_bytes=1)

    assert open_to_others(tmp_path / "state") == []


@pytest.mark.parametrize("before", ["nothing", "a folder of an earlier version"])
def test_manage_py_leaves_a_private_folder(tmp_path: Path, before: str) -> None:
    state = tmp_path / "state"
    if before != "nothing":
        older_folder(state)
    env = {name: value for name, value in os.environ.items() if not name.startswith("ENGINEL_")}
    env |= {"ENGINEL_ENVIRONMENT": "development", "ENGINEL_STATE_DIR": str(state), "REDIS_URL": "", "DATABASE_URL": ""}
    env["DJANGO_SETTINGS_MODULE"] = "enginel.settings"

    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=env, check=True)

    assert (state / "db.sqlite3").exists()
    assert open_to_others(state) == []
