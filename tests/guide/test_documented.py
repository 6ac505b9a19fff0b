"""The tests of the guide, collected as written: by this suite, by pytest alone and by ``manage.py test``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from designs.cad import FileKind
from enginel.sample.damage import DAMAGED
from tests.guide.blocks import block, run
from tests.support.cad.pipeline import process

ROOT = Path(__file__).resolve().parents[2]


def process_invalid_file() -> None:
    """Let the workload process a STEP file whose edge loops have no edges."""
    file = Path(os.environ["ENGINEL_STATE_DIR"]) / "invalid.step"
    file.write_bytes(next(case for case in DAMAGED if case.name == "empty_loop.step").build())
    process(file, FileKind.STEP, 20.0)


HealthCheckTests = run("test of health", __name__=__name__)["HealthCheckTests"]
test_geometry_error_handling = run("test of errors", __name__=__name__, process_invalid_file=process_invalid_file)[
    "test_geometry_error_handling"
]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A user's shell: the test is in a file of its own, and no service is named."""
    (tmp_path / "test_documented_health.py").write_text(block("test of health"))
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("ENGINEL_", "DJANGO_", "PYTEST_"))
    }
    state = {"ENGINEL_STATE_DIR": str(tmp_path / "state"), "REDIS_URL": "", "DATABASE_URL": ""}
    return {**inherited, **state, "PYTHONPATH": f"{tmp_path}:{ROOT}"}


def passed(env: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_documented_tests_pass_with_manage_py_test(env: dict[str, str]) -> None:
    assert "Ran 2 tests" in passed(env, "manage.py", "test", "test_documented_health")


def test_the_documented_tests_pass_with_pytest(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "test_documented_health.py"

    settings = ["-c", str(ROOT / "pyproject.toml")]

    assert "2 passed" in passed(env, "-m", "pytest", "-q", "-p", "no:cacheprovider", *settings, str(file))
