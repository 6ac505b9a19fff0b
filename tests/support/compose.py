"""docker-compose.yml as data, and what its networks let each service reach."""

from __future__ import annotations

import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

__all__ = ["COMPOSE", "OURS", "ROOT", "SERVICES", "bytes_of", "make_secrets", "pairs_that_reach_each_other"]

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("setup", "web", "worker", "beat")

_ICC = "com.docker.network.bridge.enable_icc"
_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30}


def bytes_of(text: str) -> int:
    """Return a size as Compose and Valkey write it: ``512m``, ``10G``, ``384mb``."""
    digits = text.lower().removesuffix("b")
    return int(digits[:-1]) * _UNITS[digits[-1]]


def make_secrets(folder: Path) -> str:
    """Run secrets.sh; return what it prints."""
    command = ["sh", str(ROOT / "deploy" / "docker" / "secrets.sh"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def pairs_that_reach_each_other() -> set[frozenset[str]]:
    """Return the pairs of services with a common network that lets its containers talk."""
    found = set()
    for name, network in {"default": {}, **COMPOSE["networks"]}.items():
        if network.get("driver_opts", {}).get(_ICC) == "false":
            continue
        members = [service for service, spec in SERVICES.items() if name in spec.get("networks", ["default"])]
        found |= {frozenset(pair) for pair in combinations(members, 2)}
    return found
