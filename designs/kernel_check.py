"""The system check of the CAD kernel: apart from the others, because it loads the readers of CAD files."""

from __future__ import annotations

from typing import Any

from django.core import checks

from designs.cad import kernel_status
from designs.checks import TAG

__all__ = ["register_check"]


def register_check() -> None:
    checks.register(check_kernel, TAG)


def check_kernel(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    status = kernel_status()
    if status.installed:
        return []
    return [checks.Warning(f"No CAD kernel: {status.message}", hint="Install requirements/cad.txt.", id="enginel.W002")]
