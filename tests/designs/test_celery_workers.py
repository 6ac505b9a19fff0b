"""What a worker does when it starts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from designs import celery_workers


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("celery.worker.consumer:Consumer", "designs.celery_consumer:Consumer"),
        ("their.own:Consumer", "their.own:Consumer"),
    ],
)
def test_a_consumer_the_deployment_chose_is_kept(before: str, after: str) -> None:
    conf = SimpleNamespace(worker_consumer=before)
    celery_workers.use_our_consumer(conf=conf)

    assert conf.worker_consumer == after
