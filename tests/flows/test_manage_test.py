"""``manage.py test`` with a developer's settings: nothing else runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# As the product's guide prints it.
DOCUMENTED = """
from django.test import TestCase

class HealthCheckTests(TestCase):
    def test_basic_health_check(self):
        response = self.client.get('/api/health/')
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.json()['status'], 'ok')

    def test_detailed_health_check(self):
        response = self.client.get('/api/health/detailed/')
        self.assertEqual(response.status_code, 200)

        data = response.json()
        self.assertIn('checks', data)
        self.assertIn('database', data['checks'])
        self.assertIn('redis', data['checks'])
        self.assertEqual(data['status'], 'healthy', data)
"""


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_the_documented_tests_pass_and_the_state_folder_is_not_touched(tmp_path: Path) -> None:
    package = tmp_path / "documented"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tests.py").write_text(DOCUMENTED)
    state = ROOT / "var"
    before = state.stat().st_mtime_ns if state.exists() else None

    ended = subprocess.run(
        [sys.executable, "manage.py", "test", "documented.tests"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Ran 2 tests" in ended.stderr
    assert (state.stat().st_mtime_ns if state.exists() else None) == before
