"""deploy/kubernetes: valid by the published schemas, and true to the service it starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from django.core.management import get_commands
from django.urls import resolve

from enginel import settings as enginel_settings
from enginel.local.stack import free_port
from tests.support.kubernetes import FOLDER, KUSTOMIZATION, build, containers, documents, named, templates

ROOT = FOLDER.parents[1]
COMPONENTS = ("ingress", "autoscaling")
STARTED = ("web", "worker", "beat")


def each_document() -> list[Any]:
    return [pytest.param(found, id=f"{found['kind']}-{found['metadata']['name']}") for found in documents()]


def pods() -> list[Any]:
    return [
        pytest.param(found["spec"], id=found["metadata"]["labels"]["app.kubernetes.io/component"])
        for found in templates(documents())
    ]


def pod_of(component: str) -> dict[str, Any]:
    return named(documents(), "StatefulSet", f"enginel-{component}")["spec"]["template"]["spec"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("document", each_document())
def test_each_resource_is_valid(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, "1.37", strict=True)


def test_the_schemas_refuse_what_is_wrong() -> None:
    document = named(documents(), "StatefulSet", "enginel-web")
    document["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, "1.37", strict=True)


def test_the_kustomization_has_every_file() -> None:
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*KUSTOMIZATION["resources"], "kustomization.yaml"}


@pytest.mark.parametrize("components", [(), COMPONENTS], ids=["base", "with components"])
def test_what_kustomize_builds_is_valid_and_refers_to_what_is_there(
    tmp_path: Path, components: tuple[str, ...]
) -> None:
    built = build(tmp_path / "copy", components=components)

    for document in built:
        kubernetes_validate.validate(document, "1.37", strict=True)
    settings = named(built, "ConfigMap", "enginel")["metadata"]["name"]
    all_containers = [container for template in templates(built) for container in containers(template["spec"])]
    sources = {each["configMapRef"]["name"] for found in all_containers for each in found.get("envFrom", [])}
    image = KUSTOMIZATION["images"][0]
    assert sources == {settings}
    assert {container["image"] for container in all_containers} == {f"{image['newName']}:{image['newTag']}"}
    assert {document["metadata"].get("namespace", "enginel") for document in built} == {KUSTOMIZATION["namespace"]}


def test_components_are_optional_and_each_is_built(tmp_path: Path) -> None:
    base, full = build(tmp_path / "base"), build(tmp_path / "full", components=COMPONENTS)

    assert not {document["kind"] for document in base} & {"Ingress", "HorizontalPodAutoscaler"}
    backend = named(full, "Ingress", "enginel")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    ports = {
        document["metadata"]["name"]: document["spec"].get("ports")
        for document in full
        if document["kind"] == "Service"
    }
    assert backend["port"]["name"] in {port["name"] for port in ports[backend["name"]]}
    for name in ("web", "worker"):
        scaled = named(full, "HorizontalPodAutoscaler", f"enginel-{name}")["spec"]["scaleTargetRef"]
        target = named(full, scaled["kind"], scaled["name"])
        # Set in both, each apply would undo what the autoscaler did.
        assert "replicas" not in target["spec"]
        assert named(base, scaled["kind"], scaled["name"])["spec"]["replicas"] == 2
    assert {path.parent.name for path in FOLDER.glob("components/*/kustomization.yaml")} == set(COMPONENTS)


def test_the_release_is_the_tag_of_the_image(tmp_path: Path) -> None:
    built = build(tmp_path / "copy", {'newTag: "0.1.0"': "newTag: v7.1-2-gabc", "example.com/": "example.com:5000/"})

    assert named(built, "ConfigMap", "enginel")["data"]["ENGINEL_RELEASE"] == "v7.1-2-gabc"
    job = named(built, "Job", "enginel-migrate-v7.1-2-gabc")
    assert {"name": "ENGINEL_RELEASE", "value": "v7.1-2-gabc"} in job["spec"]["template"]["spec"]["containers"][0][
        "env"
    ]


def test_the_job_can_be_applied_again_after_any_change(tmp_path: Path) -> None:
    """A Job that exists cannot be changed: it stays as it was, or it is another one."""
    base = named(build(tmp_path / "base"), "Job", "enginel-migrate")
    settings = named(build(tmp_path / "settings", {"ENGINEL_HTTPS=1": "ENGINEL_HTTPS=0"}), "Job", "enginel-migrate")
    image = named(build(tmp_path / "image", {'newTag: "0.1.0"': "newTag: 0.2.0"}), "Job", "enginel-migrate")

    assert settings == base
    assert image["metadata"]["name"] != base["metadata"]["name"]


@pytest.mark.parametrize("component", STARTED)
def test_nothing_starts_before_the_migrations(component: str) -> None:
    first = pod_of(component)["initContainers"][0]

    assert first["args"][:3] == ["python", "manage.py", "wait_for_migrations"]
    assert first["args"][2] in get_commands()


@pytest.mark.parametrize("component", STARTED)
def test_the_spool_outlives_the_pod(component: str) -> None:
    claims = named(documents(), "StatefulSet", f"enginel-{component}")["spec"]["volumeClaimTemplates"]
    (container,) = pod_of(component)["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}

    assert mounts[f"{_settings()['ENGINEL_STATE_DIR']}/sentry"] in {claim["metadata"]["name"] for claim in claims}


def test_all_kernels_of_a_worker_fit_into_its_container() -> None:
    (worker,) = pod_of("worker")["containers"]
    (processes,) = re.findall(r"--concurrency (\d+)", " ".join(worker["args"]))
    kernel = int(_settings().get("ENGINEL_KERNEL_MEMORY_BYTES", enginel_settings.ENGINEL_KERNEL_MEMORY_BYTES))
    own = 512 * 2**20  # of a worker process and the host process of its kernel
    (gibibytes,) = re.fullmatch(r"(\d+)Gi", worker["resources"]["limits"]["memory"]).groups()  # type: ignore[union-attr]
    in_memory = [each for each in pod_of("worker")["volumes"] if each.get("emptyDir", {}).get("medium")]

    assert in_memory == []
    assert int(processes) * (kernel + own) + own <= int(gibibytes) * 2**30


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
    hosts = _settings()["ENGINEL_ALLOWED_HOSTS"]
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
    (web,) = pod_of("web")["containers"]

    assert web["startupProbe"]["httpGet"]["path"] == web["livenessProbe"]["httpGet"]["path"] == "/api/health/"
    assert web["readinessProbe"]["httpGet"]["path"] == "/api/health/ready/"


@pytest.mark.parametrize("component", ["worker", "beat"])
def test_its_own_heartbeat_says_whether_it_lives(component: str) -> None:
    (container,) = pod_of(component)["containers"]

    assert container["livenessProbe"]["exec"]["command"] == ["python", "manage.py", "heartbeat_check", component]


def test_what_is_selected_is_labelled() -> None:
    shared = KUSTOMIZATION["labels"][0]["pairs"].items()
    labels = [template["metadata"]["labels"].items() | shared for template in templates(documents())]
    for document in documents():
        selector = document.get("spec", {}).get("selector")
        if selector:
            wanted = selector.get("matchLabels", selector).items()
            assert any(wanted <= each for each in labels), document["metadata"]["name"]


def test_every_setting_is_one() -> None:
    (job,) = named(documents(), "Job", "enginel-migrate")["spec"]["template"]["spec"]["containers"]
    names = {*_settings(), *(each["name"] for each in job["env"])}

    assert names <= enginel_settings.env.read | {"ENGINEL_S3_BUCKET"}


def test_secrets_come_from_files_that_are_mounted() -> None:
    (job,) = named(documents(), "Job", "enginel-migrate")["spec"]["template"]["spec"]["containers"]
    of_the_job = {each["name"]: each["value"] for each in job["env"]}
    given = {name: value for name, value in _settings().items() if name.endswith("_FILE")}

    assert given.keys() == {
        "ENGINEL_SECRET_KEY_FILE", "DATABASE_URL_FILE", "REDIS_URL_FILE", "ENGINEL_METRICS_TOKEN_FILE",
        "SENTRY_DSN_FILE",
    }  # fmt: skip
    assert given.items() >= {item for item in of_the_job.items() if item[0].endswith("_FILE")}
    assert all(re.fullmatch(r"/run/secrets/enginel/\w+", file) for file in given.values())
    documented = (ROOT / "docs" / "operations.md").read_text()
    assert all(f"--from-file={file.rpartition('/')[2]}" in documented for file in given.values())


@pytest.mark.slow
def test_its_settings_and_an_empty_dsn_are_enough_to_start(tmp_path: Path) -> None:
    (job,) = named(documents(), "Job", "enginel-migrate")["spec"]["template"]["spec"]["containers"]
    values = {
        "secret_key": "k" * 50, "metrics_token": "t" * 32, "sentry_dsn": "",
        "database_url": f"sqlite:///{tmp_path}/db.sqlite3", "redis_url": f"redis://:word@127.0.0.1:{free_port()}/0",
    }  # fmt: skip
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")

    def run(settings: dict[str, str], *command: str) -> str:
        here = {
            name: value.replace("/run/secrets/enginel", str(tmp_path)).replace("/var/lib/enginel", str(tmp_path))
            for name, value in settings.items()
        }
        environment = {"PATH": os.environ["PATH"], **here}
        done = subprocess.run(
            [sys.executable, *command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.stderr if done.returncode else ""

    assert run({each["name"]: each["value"] for each in job["env"]}, *job["args"][1:]) == ""
    assert run(_settings(), "manage.py", "wait_for_migrations", "--seconds", "0") == ""


def _settings() -> dict[str, str]:
    literals: list[str] = KUSTOMIZATION["configMapGenerator"][0]["literals"]
    return {name: value for name, _, value in (literal.partition("=") for literal in literals)}


def test_browsers_are_asked_for_https_only() -> None:
    variables = _settings()

    assert int(variables["ENGINEL_HSTS_SECONDS"]) >= 31_536_000
    # Without these the header is in no answer.
    assert (variables["ENGINEL_HTTPS"], variables["ENGINEL_BEHIND_PROXY"]) == ("1", "1")
