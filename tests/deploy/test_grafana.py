"""deploy/grafana: the dashboard fits its datasource, its panels do not overlap, and all it asks for exists."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.debian_programs import needs
from tests.support.promql import known_names, names_in

GRAFANA = Path(__file__).resolve().parents[2] / "deploy" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
(DATASOURCE,) = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
(PROVIDER,) = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "enginel.yml").read_text())["providers"]


@pytest.fixture(params=DASHBOARDS, ids=lambda path: path.name)
def dashboard(request: pytest.FixtureRequest) -> Any:
    return json.loads(request.param.read_text())


def expressions(dashboard: Any) -> list[str]:
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    found += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    return [re.sub(r"\$__rate_interval", "5m", expr).replace("$route", ".*") for expr in found]


def variables(dashboard: Any) -> list[Any]:
    return list(dashboard["templating"]["list"])


def test_there_is_one() -> None:
    assert [path.name for path in DASHBOARDS] == ["enginel.json"]


def test_compose_mounts_what_is_provisioned() -> None:
    compose = yaml.safe_load((GRAFANA.parents[1] / "docker-compose.yml").read_text())
    mounts = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])

    assert mounts["./deploy/grafana/dashboards"] == PROVIDER["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    assert DATASOURCE["url"] == "http://prometheus:9090"


def test_everything_asks_the_provisioned_datasource(dashboard: Any) -> None:
    wanted = {"type": "prometheus", "uid": DATASOURCE["uid"]}
    askers = [*(p for p in dashboard["panels"] if p["type"] != "row"), *variables(dashboard)]
    askers += [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    askers += dashboard["annotations"]["list"]

    assert [asker for asker in askers if asker["datasource"] != wanted] == []


def test_panels_have_a_title_something_to_ask_and_an_id_of_their_own(dashboard: Any) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]

    assert len(set(ids)) == len(ids)
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["type"] == "row" or panel["targets"]
        refs = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(refs)) == len(refs)


def test_panels_do_not_overlap(dashboard: Any) -> None:
    def cells(panel: Any) -> Iterator[tuple[int, int]]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        yield from ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"]))

    taken = [cell for panel in dashboard["panels"] for cell in cells(panel)]
    assert len(set(taken)) == len(taken)


def test_expressions_name_metrics_that_there_are(dashboard: Any) -> None:
    known = known_names()

    assert [(expr, names_in(expr) - known) for expr in expressions(dashboard) if names_in(expr) - known] == []
    assert all(names_in(expr) for expr in expressions(dashboard))
    for variable in variables(dashboard):
        (name,) = re.findall(r"label_values\((\w+), \w+\)", variable["query"]["query"])
        assert name in known


def test_only_variables_that_there_are_are_used(dashboard: Any) -> None:
    used = set(re.findall(r"\$(\w+)", json.dumps([p.get("targets") for p in dashboard["panels"]])))

    assert used - {variable["name"] for variable in variables(dashboard)} == {"__rate_interval"}


def test_prometheus_can_read_each_expression(dashboard: Any, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions(dashboard))]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [needs("promtool", "prometheus"), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert len(rules) > 20
