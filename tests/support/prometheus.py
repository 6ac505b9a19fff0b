"""A real Prometheus, as a child of the tests, on loopback and in a temporary folder."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml

from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port
from tests.support.debian_programs import needs
from tests.support.stack import wait_for


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus, asked over HTTP."""

    url: str
    http: urllib3.PoolManager

    def query(self, expression: str) -> list[float]:
        """Return the values of an instant query, one per series."""
        return [float(sample["value"][1]) for sample in self._ask("query", query=expression)["result"]]

    def one(self, expression: str) -> float:
        """Return the value of a query that gives one sample."""
        values = self.query(expression)
        assert len(values) == 1, (expression, values)
        return values[0]

    def exemplars(self, selector: str) -> list[dict[str, Any]]:
        found = self._ask("query_exemplars", query=selector, start="0", end="4102444800")
        return [exemplar for series in found for exemplar in series["exemplars"]]

    def scrapes(self, job: str = "enginel") -> float:
        """Return how many scrapes have succeeded."""
        values = self.query(f'sum_over_time(up{{job="{job}"}}[1h])')
        return values[0] if values else 0.0

    def wait_for_scrapes(self, more: int = 2) -> None:
        wanted = self.scrapes() + more
        wait_for(lambda: self.scrapes() >= wanted, seconds=30)

    def wait_until_down(self) -> None:
        wait_for(lambda: self.query("up") == [0.0], seconds=30)

    def _ask(self, what: str, **fields: str) -> Any:
        answer = self.http.request("POST", f"{self.url}/api/v1/{what}", fields=fields, encode_multipart=False)
        assert answer.status == 200, answer.data
        return json.loads(answer.data)["data"]


@contextmanager
def prometheus(folder: Path, target: str, token: str, *, interval: str = "1s") -> Iterator[Prometheus]:
    """Run Prometheus on a target such as ``127.0.0.1:8000``, with the configuration of deploy/prometheus."""
    deployed = yaml.safe_load((Path(__file__).parents[2] / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (folder / "token").write_text(token)
    deployed["global"].update(scrape_interval=interval, scrape_timeout=interval, evaluation_interval=interval)
    deployed.pop("rule_files")
    (job,) = deployed["scrape_configs"]
    job["authorization"]["credentials_file"] = str(folder / "token")
    job["static_configs"] = [{"targets": [target]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(deployed))
    url = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                needs("prometheus", "prometheus"), f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address={url}",
                "--enable-feature=exemplar-storage", "--log.level=warn",
            ],
            stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
    http = urllib3.PoolManager(retries=False, timeout=10)
    try:
        wait_for(lambda: _is_ready(http, url), seconds=30)
        yield Prometheus(f"http://{url}", http)
    finally:
        http.clear()
        stop(process)


def _is_ready(http: urllib3.PoolManager, url: str) -> bool:
    try:
        return http.request("GET", f"http://{url}/-/ready").status == 200
    except urllib3.exceptions.HTTPError:
        return False


def is_no_number(value: float) -> bool:
    """Tell whether nothing was divided by nothing."""
    return math.isnan(value)
