"""deploy/kubernetes: valid by the published schemas, and true to the service it starts."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from django.core.management import get_commands
from django.urls import resolve

from enginel import settings as enginel_settings

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())


def documents() -> list[Any]:
    return [
        pytest.param(found, id=f"{found['kind']}-{found['metadata']['name']}")
        for name in KUSTOMIZATION["resources"]
        for found in yaml.safe_load_all((FOLDER / name).read_text())
    ]


def pods() -> list[Any]:
    return [
        pytest.param(parameter.values[0]["spec"]["template"]["spec"], id=parameter.id)
        for parameter in documents()
        if "template" in parameter.values[0].get("spec", {})
    ]


def containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


@pytest.mark.parametrize("document", documents())
def test_each_resource_is_valid(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, "1.37", strict=True)


def test_the_schemas_refuse_what_is_wrong() -> None:
    document = documents()[2].values[0]
    document["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, "1.37", strict=True)


def test_the_kustomization_has_every_file() -> None:
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*KUSTOMIZATION["resources"], "kustomization.yaml"}


def test_what_kustomize_builds_is_valid_and_refers_to_what_is_there() -> None:
    """By kubectl itself where there is one that knows `labels` (1.25); Debian 12 packages an older one only."""
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run([kubectl, "kustomize", FOLDER], check=False, capture_output=True, text=True)
    if 'unknown field "labels"' in done.stderr:
        pytest.skip("kubectl is older than 1.25")
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))

    for document in built:
        kubernetes_validate.validate(document, "1.37", strict=True)
    (settings,) = (document["metadata"]["name"] for document in built if document["kind"] == "ConfigMap")
    images, sources = set(), set()
    for document in built:
        if template := document.get("spec", {}).get("template"):
            for container in containers(template["spec"]):
                images.add(container["image"])
                sources |= {each["configMapRef"]["name"] for each in container.get("envFrom", [])}
    assert sources == {settings}
    assert images == {f"{KUSTOMIZATION['images'][0]['newName']}:{KUSTOMIZATION['images'][0]['newTag']}"}
    assert {document["metadata"].get("namespace", "enginel") for document in built} == {KUSTOMIZATION["namespace"]}


@pytest.mark.parametrize("pod", pods())
def test_no_pod_has_rights(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False  # or the Service's name would set ENGINEL_PORT
    for container in containers(pod):
        security = container["securityContext"]
        assert (security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"]) == (False, True)
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= container["resources"].keys()


@pytest.mark.parametrize("pod", pods())
def test_probes_ask_what_there_is_by_a_name_that_is_answered(pod: dict[str, Any]) -> None:
    hosts = next(line for line in _literals() if line.startswith("ENGINEL_ALLOWED_HOSTS=")).partition("=")[2]
    for container in containers(pod):
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container.get(kind, {})
            if "httpGet" in probe:
                asked = probe["httpGet"]
                assert asked["httpHeaders"][0]["value"] in hosts.split(",")
                assert resolve(asked["path"])
            elif "exec" in probe:
                assert probe["exec"]["command"][2] in get_commands()


def test_only_readiness_depends_on_others() -> None:
    (web,) = next(parameter.values[0] for parameter in pods() if "web" in str(parameter.id))["containers"]

    assert web["startupProbe"]["httpGet"]["path"] == web["livenessProbe"]["httpGet"]["path"] == "/api/health/"
    assert web["readinessProbe"]["httpGet"]["path"] == "/api/health/ready/"


def test_what_is_selected_is_labelled() -> None:
    for parameter in documents():
        document = parameter.values[0]
        selector = document.get("spec", {}).get("selector")
        if selector:
            wanted = selector.get("matchLabels", selector)
            labels = [pod["metadata"]["labels"] for pod in _templates()]
            assert wanted in labels, parameter.id


def test_every_setting_is_one() -> None:
    assert {line.partition("=")[0] for line in _literals()} <= enginel_settings.env.read | {"ENGINEL_S3_BUCKET"}


def test_secrets_come_from_files_that_are_mounted() -> None:
    files = [line.partition("=")[2] for line in _literals() if line.partition("=")[0].endswith("_FILE")]

    assert len(files) == 3
    assert all(re.fullmatch(r"/run/secrets/enginel/\w+", file) for file in files)


def _literals() -> list[str]:
    literals: list[str] = KUSTOMIZATION["configMapGenerator"][0]["literals"]
    return literals


def _templates() -> list[dict[str, Any]]:
    return [p.values[0]["spec"]["template"] for p in documents() if "template" in p.values[0].get("spec", {})]
