"""A worker whose scan of a design waits until a file appears; for tests that take its task or the worker away."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from celery import signals

from tests.support.probe_tasks import app

__all__ = ["app"]


@signals.worker_process_init.connect(weak=False)
def _wait_before_scans(**kwargs: object) -> None:
    # Models are loaded by now.
    from designs import tasks

    gate, scan = Path(os.environ["STUCK_UNTIL"]), tasks._scan

    def wait_and_scan(design: Any) -> None:
        while not gate.exists():
            time.sleep(0.05)
        scan(design)

    tasks._scan = wait_and_scan
