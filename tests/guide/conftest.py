"""The workload's fixtures: members, designs, clients."""

from __future__ import annotations

from tests.designs.conftest import (
    acme,
    api,
    client_of,
    engineer,
    make_design,
    make_member,
    rival,
    series,
    storage_dir,
)

__all__ = [
    "acme",
    "api",
    "client_of",
    "engineer",
    "make_design",
    "make_member",
    "rival",
    "series",
    "storage_dir",
]
