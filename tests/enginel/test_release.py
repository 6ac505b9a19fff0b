"""The release has a name everywhere: what is set, else the checkout's commit, else the package's version."""

from __future__ import annotations

import os
import subprocess
import sys
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


def test_a_tag_beyond_ascii_is_the_release_in_any_locale(checkout: Path) -> None:
    git(checkout, "tag", "größe-2")
    code = "import sys, pathlib, enginel.release as r; print(ascii(r.release_of(pathlib.Path(sys.argv[1]))))"
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    done = subprocess.run(
        [sys.executable, "-c", code, str(checkout)], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ascii("größe-2")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_user_is_described(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "--short", "HEAD")
    for path in [checkout, *checkout.rglob("*")]:
        os.chown(path, 12_345, 12_345)

    assert release_of(checkout) == commit


@pytest.mark.parametrize("stated", [".", "..", "latest", "LATEST", "  ", "\n"])
def test_a_name_that_sentry_refuses_is_none(checkout: Path, stated: str) -> None:
    assert release_of(checkout, stated) == git(checkout, "rev-parse", "--short", "HEAD")


def test_control_characters_are_no_part_of_the_name(checkout: Path) -> None:
    assert release_of(checkout, "2026\x1b[31m.\x7f1\u2028x") == "2026-[31m.-1-x"
