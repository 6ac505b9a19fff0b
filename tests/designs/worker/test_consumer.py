"""Messages whose body is sound JSON of the wrong shape."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from designs.worker.consumer import _is_misshapen


@pytest.mark.parametrize("payload", [{}, 5, None, "text", [], [[], {}], [5, 6, 7], [[], [], {}], ["abc", {}, {}]])
def test_a_body_nobody_can_take_apart_is_misshapen(payload: Any) -> None:
    assert _is_misshapen(SimpleNamespace(headers={"task": "t"}, payload=payload))


@pytest.mark.parametrize("payload", [[[], {}, {}], ((1,), {"a": 1}, None), {"args": [], "kwargs": {}}])
def test_a_body_of_either_form_is_not(payload: Any) -> None:
    assert not _is_misshapen(SimpleNamespace(headers={"task": "t"}, payload=payload))


@pytest.mark.parametrize("headers", [{}, None, "text"])
def test_a_message_that_names_no_task_in_its_headers_is_left_to_celery(headers: Any) -> None:
    assert not _is_misshapen(SimpleNamespace(headers=headers, payload=5))


def test_an_undecodable_one_is_left_to_celery() -> None:
    class Message:
        headers = {"task": "t"}

        @property
        def payload(self) -> Any:
            raise ValueError("undecodable")

    assert not _is_misshapen(Message())
