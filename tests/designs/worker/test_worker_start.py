"""What a worker does when it starts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from designs.worker import worker_start


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("celery.worker.consumer:Consumer", "designs.worker.consumer:Consumer"),
        ("their.own:Consumer", "their.own:Consumer"),
    ],
)
def test_a_consumer_the_deployment_chose_is_kept(before: str, after: str) -> None:
    conf = SimpleNamespace(worker_consumer=before)
    worker_start.use_our_consumer(conf=conf)

    assert conf.worker_consumer == after
