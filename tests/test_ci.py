"""The whole check installs what the tests can use and a machine lacks, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[1] / ".ci" / "run"
NEEDED = ("bash", "dirname", "env", "grep", "ls", "sort", "tail")
COMMANDS = ("redis-server", "chromium", "nginx", "initdb", "prometheus", "promtool")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of commands, the only one on the path: what is installed is written down, and the check ends there."""
    for name in NEEDED:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    stub(tmp_path, "id", "echo 0")
    stub(tmp_path, "ldconfig", "echo libGL.so.1 libX11.so.6")
    stub(tmp_path, "apt-get", f'[ "$1" = update ] || echo "$@" >> {tmp_path}/installed')
    stub(tmp_path, "make", "exit 3")
    return tmp_path


def stub(folder: Path, name: str, script: str = "true") -> None:
    file = folder / name
    file.write_text(f"#!{folder}/bash\n{script}\n")
    file.chmod(0o755)


def installed(machine: Path) -> set[str]:
    environment = {**os.environ, "PATH": str(machine)}
    done = subprocess.run(
        [machine / "bash", CHECK], env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 3, done.stderr
    told = machine / "installed"
    return {word for word in told.read_text().split() if not word.startswith("-")} if told.exists() else set()


def test_a_new_machine_gets_what_it_lacks(machine: Path) -> None:
    assert {"install", "redis-server", "chromium", "prometheus"} <= installed(machine)


def test_where_all_is_there_nothing_is_installed(machine: Path) -> None:
    for command in COMMANDS:
        stub(machine, command)

    assert installed(machine) == set()


def test_a_library_that_is_missing_is_installed(machine: Path) -> None:
    for command in COMMANDS:
        stub(machine, command)
    stub(machine, "ldconfig", "echo libX11.so.6")

    assert installed(machine) == {"install", "libgl1"}


def test_the_tests_run_on_each_further_python_that_is_there(machine: Path) -> None:
    for command in COMMANDS:
        stub(machine, command)
    stub(machine, "make", f'echo "$@" >> {machine}/made')
    (checkout := machine / "checkout" / ".ci").mkdir(parents=True)
    shutil.copy(CHECK, checkout / "run")
    for name in (".venv/bin/python", ".pyenv/versions/3.12.9/bin/python3"):
        (checkout.parent / name).parent.mkdir(parents=True)
        (checkout.parent / name).write_text(f"#!{machine}/bash\n")
        (checkout.parent / name).chmod(0o755)
    environment = {"PATH": str(machine), "PYENV_ROOT": str(checkout.parent / ".pyenv")}

    done = subprocess.run(
        [machine / "bash", checkout / "run"], env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    made = (machine / "made").read_text().splitlines()
    python = checkout.parent / ".pyenv/versions/3.12.9/bin/python3"
    assert f"test PYTHON={python} VENV=.venv-3.12" in made, done.stderr
    assert not any(".venv-3.13" in line for line in made)
    assert "Python 3.13 is not on this machine: left out" in done.stdout
