"""deploy/aws: valid by CloudFormation's published schemas, and true to the nginx behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import resolve

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
TEMPLATE = DEPLOY / "aws" / "load-balancer.json"
GROUP = json.loads(TEMPLATE.read_text())["Resources"]["TargetGroup"]["Properties"]


@pytest.mark.slow
def test_the_template_is_valid(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--regions", "eu-central-1", "--template"]

    done = subprocess.run(
        [*command, str(TEMPLATE)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_targets_are_judged_by_what_they_cannot_serve_without() -> None:
    assert GROUP["HealthCheckPath"] == "/api/health/ready/"
    assert GROUP["Matcher"] == {"HttpCode": "200"}
    assert GROUP["HealthCheckTimeoutSeconds"] < GROUP["HealthCheckIntervalSeconds"]
    assert resolve("/api/health/")


def test_the_port_is_that_of_nginx() -> None:
    assert f"listen {GROUP['Port']} default_server;" in (DEPLOY / "nginx" / "enginel.conf").read_text()
