"""The release has a name everywhere: what is set, else the checkout's commit, else the package's version."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from enginel.release import VERSION, release_of

ROOT = Path(__file__).resolve().parents[2]


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


def test_the_version_is_that_of_the_package() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_what_is_set_comes_first(checkout: Path) -> None:
    assert release_of(checkout, "2026.11.1") == "2026.11.1"
    assert release_of(checkout, "team/2026 rc") == "team-2026-rc"


def test_a_checkout_is_described(checkout: Path) -> None:
    assert release_of(checkout) == git(checkout, "rev-parse", "--short", "HEAD")

    (checkout / "code.py").write_text("2\n")
    assert release_of(checkout).endswith("-dirty")

    git(checkout, "commit", "-am", "two")
    git(checkout, "tag", "releases/v1.2")
    assert release_of(checkout) == "releases-v1.2"


def test_a_worktree_is_a_checkout(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "tree"
    git(checkout, "worktree", "add", str(other))

    assert release_of(other) == git(checkout, "rev-parse", "--short", "HEAD")


def test_a_folder_within_a_checkout_is_none(checkout: Path) -> None:
    (checkout / "vendored").mkdir()
    (checkout / "vendored" / ".git").mkdir()

    assert release_of(checkout / "vendored") == VERSION
    assert release_of(checkout / "missing") == VERSION


def test_the_variables_of_a_hook_do_not_count(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(ROOT / ".git"))

    assert release_of(checkout) == git_without_variables(checkout, monkeypatch)


def git_without_variables(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("GIT_DIR")
    return git(checkout, "rev-parse", "--short", "HEAD")


def test_without_git_it_is_the_version(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert release_of(checkout) == VERSION
