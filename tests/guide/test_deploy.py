"""The configuration of the guide: accepted by its tools, and true to the service."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from django.test import Client

from tests.deploy.test_nginx import check
from tests.deploy.test_prometheus import promtool
from tests.guide.blocks import block
from tests.support.debian_programs import needs
from tests.support.promql import known_names, names_in

QUERIES = re.findall(r"# (.+)\n(.+)", block("queries"))
ALERTS = [rule for group in yaml.safe_load(block("alerts"))["groups"] for rule in group["rules"]]
PROBES = ("livenessProbe", "readinessProbe")


def pod() -> dict[str, Any]:
    return dict(yaml.safe_load(block("kubernetes")))


def test_prometheus_accepts_the_alerts(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(block("alerts"))

    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", tmp_path / "alerts.yml")


def test_prometheus_accepts_the_queries(tmp_path: Path) -> None:
    rules = [{"record": f"guide:query{n}", "expr": query} for n, (_, query) in enumerate(QUERIES)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "guide", "rules": rules}]}))

    assert "4 rules found" in promtool("check", "rules", tmp_path / "queries.yml")


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[title for title, _ in QUERIES])
def test_every_query_names_metrics_of_the_page(title: str, query: str) -> None:
    assert names_in(query) - known_names() == set()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_names_metrics_of_the_page(rule: dict[str, Any]) -> None:
    assert names_in(rule["expr"]) - known_names() == set()


FIRING = {
    "HighErrorRate": {"http_requests_total": "0+100x200", "http_status_500": "0+6x200"},
    "SlowResponses": {
        'api_request_duration_bucket{le="5.0"}': "0+90x200",
        'api_request_duration_bucket{le="10.0"}': "0+100x200",
        'api_request_duration_bucket{le="+Inf"}': "0+100x200",
    },
    "CeleryWorkersDown": {"celery_workers_active": "0x200"},
    "StorageQuotaWarning": {"storage_used_gb": "9.1x200", "storage_quota_gb": "10x200"},
}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_fires(rule: dict[str, Any], tmp_path: Path) -> None:
    """By one series of each metric without labels, as the page has them."""
    (tmp_path / "alerts.yml").write_text(block("alerts"))
    series = [{"series": name, "values": values} for name, values in FIRING[rule["alert"]].items()]
    expected = [{"exp_annotations": rule["annotations"]}]
    alert = {"eval_time": "30m", "alertname": rule["alert"], "exp_alerts": expected}
    test = {"interval": "15s", "input_series": series, "alert_rule_test": [alert]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": [test]}))

    done = subprocess.run(
        [needs("promtool", "prometheus"), "test", "rules", str(tmp_path / "test.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr


def test_nginx_accepts_the_upstream_without_the_directives_of_the_module(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^ *check.*\n", "", block("nginx")).replace("web:8000", "127.0.0.1:8000")
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {text} }}\n")

    check(tmp_path / "nginx.conf")


def test_nginx_judges_by_liveness() -> None:
    assert re.findall(r"^ *(check\w*)", block("nginx"), re.MULTILINE) == [
        "check", "check_http_send", "check_http_expect_alive",
    ]  # fmt: skip
    assert 'check_http_send "GET /api/health/ HTTP/1.0' in block("nginx")


def test_the_check_of_aws_is_answered_as_it_expects(client: Client) -> None:
    shown = yaml.safe_load(block("aws"))["HealthCheck"]

    assert client.get(shown["Path"]).status_code == shown["Matcher"]["HttpCode"]
    assert shown["Timeout"] < shown["Interval"]


def test_the_pod_is_valid() -> None:
    kubernetes_validate.validate(pod() | {"metadata": {"name": "enginel-web"}}, "1.37", strict=True)


@pytest.mark.django_db
@pytest.mark.parametrize("probe", PROBES)
def test_the_probes_of_kubernetes_are_answered(client: Client, probe: str) -> None:
    [container] = pod()["spec"]["containers"]

    answer = client.get(container[probe]["httpGet"]["path"])

    assert answer.status_code == 200
    assert json.loads(answer.content)["status"] in {"ok", "healthy"}
