"""System checks of the CAD kernel; apart from the other checks, because they load the readers of CAD files."""

from __future__ import annotations

from typing import Any

from django.core import checks

from designs.cad import kernel_status, sandbox_status
from designs.checks import TAG

__all__ = ["register_checks"]


def register_checks() -> None:
    checks.register(check_kernel, TAG)
    checks.register(check_sandbox, TAG)


def check_kernel(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    status = kernel_status()
    if status.installed:
        return []
    return [checks.Warning(f"No CAD kernel: {status.message}", hint="Install requirements/cad.txt.", id="enginel.W002")]


def check_sandbox(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    refused = sandbox_status().refused
    if not refused or not kernel_status().installed:
        return []
    missing = ", ".join(f"{name} ({error})" for name, error in refused.items())
    return [
        checks.Warning(
            f"The process that reads uploaded files is not confined by all mechanisms; Linux refuses: {missing}.",
            hint="docs/operations.md says what is possible without them; the worker logs it at its first file.",
            id="enginel.W003",
        )
    ]
