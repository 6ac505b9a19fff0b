"""Mutated files of each kind through upload, tasks and kernel: each failure is one occurrence."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from designs.exceptions import EnginelBaseException, exception_class_for_code
from designs.monitoring import ErrorTracker
from tests.support.cad.mutations import KINDS, Mutation, mutated

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

SEED = 17
# So many of each kind: the ring keeps a hundred records.
CASES = 12


@pytest.mark.parametrize("kind", KINDS)
def test_each_failure_is_recorded_once(api: Client, upload: Any, settings: Any, recorded: Any, kind: str) -> None:
    settings.ENGINEL_KERNEL_TIMEOUT_SECONDS = 2.0
    mutations = [mutated(SEED, KINDS.index(kind) + len(KINDS) * turn) for turn in range(CASES)]

    failures = [failure for mutation in mutations if (failure := failure_of(api, upload, mutation))]

    assert {mutation.kind for mutation in mutations} == {kind}
    records = [(record["event_id"], record["error_type"]) for record in reversed(recorded())]
    assert records == [(error_id, exception_class_for_code(code).__name__) for error_id, code in failures]
    assert EnginelBaseException.__name__ not in {kind for _, kind in records}
    assert sum(int(group["total"]) for group in ErrorTracker.get_groups()) == len(failures)


def failure_of(api: Client, upload: Any, mutation: Mutation) -> tuple[str, str] | None:
    """Upload and finalize; return the id of the record and the code if this failed, None if the design is ready."""
    answer = upload(api, mutation.content, mutation.source)
    if answer.status_code == 201:
        url = f"/api/designs/{answer.json()['id']}/"
        assert api.post(f"{url}finalize/").status_code == 202
        design = api.get(url).json()
        assert design["status"] in {"ready", "failed"}
        if design["status"] == "ready":
            return None
        # Asked again, it is the same occurrence.
        answer = api.get(f"{url}geometry/")
        assert answer.json()["error_id"] == design["error"]["id"]
    assert answer.status_code in {400, 422, 504}
    body = answer.json()
    return body["error_id"], body["code"]
