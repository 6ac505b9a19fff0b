"""The context says which request, user or task runs, and travels with tasks."""

from __future__ import annotations

import contextvars
import json
import re
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs import context
from designs.context import RunContext


def test_nothing_is_known_at_first() -> None:
    assert contextvars.Context().run(context.current) == RunContext()


def test_binding_changes_fields_until_it_is_undone() -> None:
    context.start(RunContext(request_id="r"))
    token = context.bind(task="t")
    assert context.current() == RunContext(request_id="r", task="t")

    context.unbind(token)

    assert context.current() == RunContext(request_id="r")


def test_a_used_token_and_a_foreign_one_are_let_go_quietly() -> None:
    token = context.bind(task="t")
    context.unbind(token)
    context.unbind(token)
    foreign = contextvars.copy_context().run(lambda: context.bind(task="t"))
    context.unbind(foreign)

    assert context.current() == RunContext()


def test_using_a_context_ends_with_its_block_even_by_an_error() -> None:
    def fail() -> None:
        with context.use(RunContext(task="t")) as inner:
            assert context.current() is inner
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()

    assert context.current() == RunContext()


def test_threads_do_not_see_each_other() -> None:
    context.start(RunContext(request_id="mine"))
    seen: list[RunContext] = []
    thread = threading.Thread(target=lambda: seen.append(context.current()))
    thread.start()
    thread.join()

    assert seen == [RunContext()]


def test_the_user_is_asked_for_when_wanted_and_not_known() -> None:
    known = [""]
    context.start(RunContext(request_id="r"), identify=lambda: known[0])
    assert context.current().user_id == ""

    known[0] = "7"
    assert context.current() == RunContext(request_id="r", user_id="7")

    context.bind(user_id="8")
    assert context.current().user_id == "8"

    context.start(RunContext())
    assert context.current().user_id == ""


def test_what_is_bound_within_a_request_keeps_its_user() -> None:
    context.start(RunContext(), identify=lambda: "before")
    context.start_request("requests-own-id", "GET", "/x" * 512, str, lambda _: "7")

    with context.use(RunContext(task="t")):
        assert context.current() == RunContext(task="t", user_id="7")
    token = context.bind(task="u")
    assert context.current() == RunContext("requests-own-id", "7", "GET", ("/x" * 512)[:512], task="u")
    context.unbind(token)
    assert context.current() == RunContext("requests-own-id", "7", "GET", ("/x" * 512)[:512])


@pytest.mark.parametrize("offered", ["abcdefgh", "A" * 64, "0.1_2-3456", "8c2f6d1e-0b0a-4a67-9f7e-3f1f9d8f2b10"])
def test_a_harmless_request_id_is_kept(offered: str) -> None:
    assert context.accept_request_id(offered) == offered


@pytest.mark.parametrize(
    "offered",
    [
        None,
        "",
        "short",
        "A" * 65,
        "-startswith",
        "with space8",
        "line\nbreak88",
        "trailing8\n",
        'quote"12345',
        "ünïcode8",
        "a;b=c12345",
        "<script>88",
    ],
)
def test_any_other_request_id_is_replaced(offered: str | None) -> None:
    made = context.accept_request_id(offered)

    assert made != offered
    assert context.accept_request_id(made) == made


def test_new_request_ids_differ() -> None:
    assert context.accept_request_id(None) != context.accept_request_id(None)


def test_new_request_ids_hold_no_number_that_might_be_a_payment_cards() -> None:
    for _ in range(200):
        ids = context._Ids()
        request_id = f"{ids.prefix}{next(ids.numbers)}"
        assert re.fullmatch(r"[0-9a-f]{32}", request_id)
        assert not re.search(r"\d{13}", request_id)


def test_what_is_known_is_told_by_name() -> None:
    context.start_request("requests-own-id", None, "/x", str, lambda _: "7")
    assert context.known() == {"request_id": "requests-own-id", "path": "/x", "user_id": "7"}
    context.start_request("requests-own-id", "GET", "/x" * 512, str, lambda _: "")
    assert context.known() == {"request_id": "requests-own-id", "method": "GET", "path": ("/x" * 512)[:512]}

    token = context.bind(task="t")
    assert context.known() == {
        "request_id": "requests-own-id",
        "method": "GET",
        "path": ("/x" * 512)[:512],
        "task": "t",
    }
    context.unbind(token)
    context.start(RunContext())
    assert context.known() == {}


def test_a_context_survives_the_headers_of_a_task() -> None:
    sent = RunContext("r" * 32, "7", "POST", "/api/designs/", "queueing.task", "id-of-it", "trace")

    back = context.from_headers({context.HEADER: json.loads(json.dumps(context.to_headers(sent)))})

    assert back == RunContext("r" * 32, "7", "POST", "/api/designs/", trace_id="trace")


def test_headers_are_bounded() -> None:
    assert len(context.to_headers(RunContext(path="/" * 10_000))["path"]) == 512
    assert len(context.from_headers({context.HEADER: {"path": "/" * 10_000}}).path) == 512


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {context.HEADER: None},
        {context.HEADER: "text"},
        {context.HEADER: [1]},
        {context.HEADER: {"path": 5, "x": "y", 3: "z"}},
    ],
)
def test_headers_of_another_shape_are_ignored(headers: Any) -> None:
    assert context.from_headers(headers) == RunContext()


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.text())))
def test_no_header_breaks_the_reading(carried: dict[str, Any]) -> None:
    assert isinstance(context.from_headers({context.HEADER: carried}), RunContext)
