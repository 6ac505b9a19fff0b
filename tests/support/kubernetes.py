"""deploy/kubernetes as data: as its files have it, and as kustomize builds it with changes and components."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

__all__ = ["FOLDER", "KUSTOMIZATION", "build", "containers", "documents", "named", "templates"]

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())


def documents() -> list[dict[str, Any]]:
    """Return all resources of the files that the kustomization names."""
    return [found for name in KUSTOMIZATION["resources"] for found in yaml.safe_load_all((FOLDER / name).read_text())]


def named(found: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """Return the one resource of a kind whose name begins so."""
    (one,) = (each for each in found if each["kind"] == kind and each["metadata"]["name"].startswith(name))
    return one


def templates(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["spec"]["template"] for each in found if "template" in each.get("spec", {})]


def containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def build(folder: Path, changes: dict[str, str] | None = None, components: tuple[str, ...] = ()) -> list[Any]:
    """Return what kustomize builds from a copy with changed texts; skip the test where no kubectl knows how.

    Debian 12 packages a kubectl without ``labels`` (before 1.25).
    """
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(FOLDER, folder)
    kustomization = folder / "kustomization.yaml"
    text = kustomization.read_text()
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    text += "components:\n" + "".join(f"  - components/{name}\n" for name in components) if components else ""
    kustomization.write_text(text)
    done = subprocess.run([kubectl, "kustomize", folder], check=False, capture_output=True, text=True)
    if 'unknown field "labels"' in done.stderr:
        pytest.skip("kubectl is older than 1.25")
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))
