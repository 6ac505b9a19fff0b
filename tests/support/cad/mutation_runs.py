"""Mutated files through scanner and kernel in processes of their own, as a worker's processes do it."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import django

__all__ = ["DEADLINE_SECONDS", "MEMORY_BYTES", "READY", "Outcome", "run_all"]

DEADLINE_SECONDS = 2.0
MEMORY_BYTES = 2 * 1024**3
READY = "ready"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended.

    Attributes:
        result: `READY`, or the name of the exception's class.
        is_ours: False for an exception that is not of `designs.exceptions`.
        why: Reason, or the signal that ended the kernel.
        child_bytes: Largest resident size of the kernel's child; 0 if none ran.
        own_bytes: The same of the process that scans.
    """

    index: int
    kind: str
    operators: tuple[str, ...]
    result: str
    is_ours: bool
    stage: str
    why: str
    seconds: float
    child_bytes: int
    own_bytes: int

    @property
    def verdict(self) -> tuple[str, str]:
        return self.result, self.stage


def run_all(seed: int, indices: Iterable[int]) -> list[Outcome]:
    """Run cases in new processes, one for each processor; each has a kernel host.

    Raises:
        concurrent.futures.process.BrokenProcessPool: When one of them dies.
    """
    context = multiprocessing.get_context("spawn")
    processes = min(4, os.cpu_count() or 1)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_set_up) as pool:
        return list(pool.map(_run, ((seed, index) for index in indices), chunksize=8))


def _set_up() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()


def _run(case: tuple[int, int]) -> Outcome:
    # What these import reads the settings, which `_set_up` names.
    from designs.cad import start_kernel
    from designs.exceptions import EnginelBaseException
    from tests.support.cad.mutations import mutated
    from tests.support.cad.pipeline import accept_upload, process

    start_kernel()
    mutation = mutated(*case)
    result, is_ours, stage, why, child = READY, True, "", "", 0
    began = time.monotonic()
    try:
        with tempfile.NamedTemporaryFile() as file:
            kind = accept_upload(mutation.source, mutation.content)
            file.write(mutation.content)
            file.flush()
            child = process(Path(file.name), kind, DEADLINE_SECONDS, MEMORY_BYTES)[2].peak_memory_bytes
    except EnginelBaseException as exc:
        result, details = type(exc).__name__, exc.details
        stage, why = str(details.get("stage", "")), str(details.get("reason") or details.get("signal") or "")
        child = details.get("peak_memory_bytes", 0)
    except Exception as exc:
        result, is_ours, why = type(exc).__name__, False, str(exc)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = time.monotonic() - began
    return Outcome(case[1], mutation.kind, mutation.operators, result, is_ours, stage, why, seconds, child, own)
