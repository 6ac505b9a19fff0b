"""deploy/prometheus: what promtool and a few series say of the configuration, the rules and each alert."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.debian_programs import needs
from tests.support.promql import PROMETHEUS, known_names, names_in, rules

DOCS = Path(__file__).resolve().parents[2] / "docs"
JOB = '{job="enginel", instance="web:8000"}'


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(
        [needs("promtool", "prometheus"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Case:
    """One alert, with series on which it fires after half an hour and others, one step away, on which it does not.

    A series is written as promtool takes it, at four samples a minute: ``0+3x200`` grows by three each time.
    """

    alert: str
    firing: dict[str, str]
    quiet: dict[str, str]
    value: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def on_job(labels: dict[str, str]) -> str:
    return JOB if not labels else JOB[:-1] + "".join(f', {name}="{value}"' for name, value in labels.items()) + "}"


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    return {f"{name}{on_job(labels)}": values}


def buckets(name: str, counts: dict[str, int], **labels: str) -> dict[str, str]:
    return {
        key: values for le, n in counts.items() for key, values in series(name, f"0+{n}x200", le=le, **labels).items()
    }


def requests(all_of_them: int, failed: int) -> dict[str, str]:
    return series("http_requests_total", f"0+{all_of_them}x200") | series("http_status_500", f"0+{failed}x200")


def tasks(all_of_them: int, failed: int) -> dict[str, str]:
    return series("celery_task_total", f"0+{all_of_them}x200") | series("celery_task_FAILED", f"0+{failed}x200")


QUEUE = "enginel_task_queue_seconds_bucket"
TASK = "designs.tasks.extract"
SPIKE = "enginel_error_occurrences_total"
CASES = [
    Case("EnginelHighErrorRate", requests(100, 6), requests(100, 5), "6%"),
    Case(
        "EnginelSlowRequests",
        buckets("api_request_duration_bucket", {"5.0": 90, "10.0": 100, "+Inf": 100}),
        buckets("api_request_duration_bucket", {"5.0": 95, "10.0": 100, "+Inf": 100}),
        "7.5s",
    ),
    # Twelve in the hour before, then one every two minutes against one every second.
    Case("EnginelErrorSpike", series(SPIKE, "0x100 1+15x100"), series(SPIKE, "0x100 1+1x100"), "300"),
    Case(
        "EnginelStorageNearQuota",
        series("storage_used_gb", "9.1x200") | series("storage_quota_gb", "10x200"),
        series("storage_used_gb", "9x200") | series("storage_quota_gb", "10x200"),
        "91%",
    ),
    Case(
        "EnginelComponentDown",
        series("enginel_component_health", "0x200", component="redis"),
        series("enginel_component_health", "0.5x200", component="redis"),
        labels={"component": "redis"},
    ),
    Case(
        "EnginelComponentDegraded",
        series("enginel_component_health", "0.5x200", component="storage"),
        series("enginel_component_health", "1x200", component="storage"),
        labels={"component": "storage"},
    ),
    Case("EnginelNoWorkers", series("celery_workers_active", "0x200"), series("celery_workers_active", "1x200")),
    Case("EnginelTaskFailures", tasks(100, 21), tasks(100, 20), "21%"),
    Case(
        "EnginelTasksWait",
        buckets(QUEUE, {"5.0": 90, "10.0": 100, "+Inf": 100}, task=TASK),
        buckets(QUEUE, {"5.0": 95, "10.0": 100, "+Inf": 100}, task=TASK),
        "7.5s",
        {"task": TASK},
    ),
    Case(
        "EnginelTasksStuck",
        tasks(0, 0) | series("enginel_task_queue_depth", "4x200"),
        tasks(1, 0) | series("enginel_task_queue_depth", "4x200"),
        "4",
    ),
    Case("EnginelMetricsDown", series("up", "0x200"), series("up", "1x200")),
    Case(
        "EnginelMetricsCountedTwice",
        series("up", "1x200") | {'up{job="enginel", instance="other:8000"}': "1x200"},
        series("up", "1x200"),
        "2",
    ),
    Case(
        "EnginelMetricsStale",
        series("enginel_metrics_flush_age_seconds", "61x200"),
        series("enginel_metrics_flush_age_seconds", "60x200"),
        "1m 1s",
    ),
    Case(
        "EnginelMetricsDropped",
        series("enginel_metrics_series_dropped_total", "0+1x200"),
        series("enginel_metrics_series_dropped_total", "7x200"),
        "60",
    ),
    Case(
        "EnginelOutboxOld",
        series("enginel_sentry_outbox_age_seconds", "301x200"),
        series("enginel_sentry_outbox_age_seconds", "300x200"),
        "5m 1s",
    ),
    Case(
        "EnginelEventsDropped",
        series("enginel_sentry_losses_total", "0+1x200"),
        series("enginel_sentry_losses_total", "7x200"),
        "60",
    ),
]
ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}
# Their expressions keep the address that was scraped; the others add addresses up.
WITHOUT_INSTANCE = {"EnginelMetricsCountedTwice", "EnginelTasksWait"}


def expected(case: Case) -> list[dict[str, Any]]:
    rule = ALERTS[case.alert]

    def filled(text: str) -> str:
        text = re.sub(r"\{\{ \$value[^}]*\}\}", case.value, text)
        return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: case.labels[found[1]], text)

    labels = {**rule["labels"], **case.labels, "job": "enginel"}
    if case.alert not in WITHOUT_INSTANCE:
        labels["instance"] = "web:8000"
    return [{"exp_labels": labels, "exp_annotations": {k: filled(v) for k, v in rule["annotations"].items()}}]


def run(given: dict[str, str], alert: str, awaited: list[dict[str, Any]], minutes: int) -> dict[str, Any]:
    return {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in given.items()],
        "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": alert, "exp_alerts": awaited}],
    }


def test_every_alert_has_a_case() -> None:
    assert sorted(case.alert for case in CASES) == sorted(ALERTS)


def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    tests = []
    for case in CASES:
        tests.append(run(case.firing, case.alert, expected(case), 32))
        tests.append(run(case.quiet, case.alert, [], 32))
    # No target at all is no metrics either.
    gone = expected(next(case for case in CASES if case.alert == "EnginelMetricsDown"))
    del gone[0]["exp_labels"]["instance"]
    tests.append(run({}, "EnginelMetricsDown", gone, 32))
    file = tmp_path / "alerts.test.yml"
    rule_files = [str(PROMETHEUS / "rules" / name) for name in ("alerts.yml", "recording.yml")]
    file.write_text(yaml.safe_dump({"rule_files": rule_files, "evaluation_interval": "1m", "tests": tests}))

    promtool("test", "rules", file)


def test_recording_rules_give_one_right_sample_each(tmp_path: Path) -> None:
    given = requests(300, 30) | tasks(150, 45)
    given |= buckets("api_request_duration_bucket", {"0.1": 90, "0.25": 100, "+Inf": 100})
    given |= series("api_request_duration_sum", "0+8x200") | series("api_request_duration_count", "0+100x200")
    given |= series("storage_used_gb", "4x200") | series("storage_quota_gb", "16x200")
    given |= series(SPIKE, "0+15x200") | buckets(QUEUE, {"1.0": 100, "+Inf": 100}, task=TASK)
    given |= buckets("enginel_operation_duration_seconds_bucket", {"1.0": 100, "+Inf": 100}, operation="bom")
    values = {
        "enginel:http_requests:rate5m": 20,
        "enginel:http_errors:ratio_rate5m": 0.1,
        "enginel:api_request_duration:mean5m": 0.08,
        "enginel:api_request_duration:p50_5m": 0.1 * 50 / 90,
        "enginel:api_request_duration:p95_5m": 0.175,
        "enginel:api_request_duration:p99_5m": 0.1 + 0.15 * 0.9,
        "enginel:celery_tasks:rate5m": 10,
        "enginel:celery_failures:ratio_rate5m": 0.3,
        "enginel:storage:used_ratio": 0.25,
        "enginel:errors:rate5m": 1,
        "enginel:operation_duration:p95_5m": 0.95,
        "enginel:task_queue:p95_5m": 0.95,
    }
    assert values.keys() == {rule["record"] for rule in rules("recording.yml")}
    asked = [
        # Rounded, since promtool compares doubles bit by bit.
        {
            "expr": f"round(sum({name}), 0.000001)",
            "eval_time": "20m",
            "exp_samples": [{"value": round(value, 6), "labels": "{}"}],
        }
        for name, value in values.items()
    ]
    test = run(given, "EnginelNoWorkers", [], 20) | {"promql_expr_test": asked}
    file = tmp_path / "recording.test.yml"
    rule_files = [str(PROMETHEUS / "rules" / name) for name in ("alerts.yml", "recording.yml")]
    file.write_text(yaml.safe_dump({"rule_files": rule_files, "evaluation_interval": "15s", "tests": [test]}))

    promtool("test", "rules", file)


def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    text = (PROMETHEUS / "prometheus.yml").read_text().replace("/run/secrets/enginel_metrics_token", str(token))
    text = text.replace("rules/*.yml", f"{PROMETHEUS}/rules/*.yml")
    file = tmp_path / "prometheus.yml"
    file.write_text(text)

    assert "2 rule files found" in promtool("check", "config", file)


def test_one_address_is_scraped() -> None:
    (scrape,) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]

    assert [len(group["targets"]) for group in scrape["static_configs"]] == [1]


@pytest.mark.parametrize("file", ["recording.yml", "alerts.yml"])
def test_rules_ask_for_metrics_that_there_are(file: str) -> None:
    for rule in rules(file):
        assert names_in(rule["expr"]), rule
        assert names_in(rule["expr"]) - known_names() == set(), rule


def test_every_alert_is_explained() -> None:
    text = (DOCS / "operations.md").read_text()

    assert [name for name in ALERTS if f"`{name}`" not in text] == []
