"""Workflows of tasks that fail in one of their parts, and how many failures each of them is."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from celery import Celery, chain, chord, group

__all__ = ["WORKFLOWS", "Workflow"]


class Workflow:
    """Builds one workflow and keeps the ids of the tasks in it that fail, with the type of each failure."""

    def __init__(self, app: Celery) -> None:
        self.app = app
        # As a later Celery will have it; without it Celery warns.
        app.conf.task_allow_error_cb_on_chord_header = True
        self.due: dict[str, str] = {}
        self.ids: list[str] = []

    def start(self, make: Callable[[Workflow], Any]) -> None:
        """Let a task start it: a chord's first caller must know the result backend."""
        self.app.send_task("probe.start", [make(self)])

    def task(self, name: str, *args: Any, fails_with: str = "") -> Any:
        ident = uuid.uuid4().hex
        self.ids.append(ident)
        if fails_with:
            self.due[ident] = fails_with
        return self.app.signature(f"probe.{name}", args, immutable=name != "body", task_id=ident)

    def good(self) -> Any:
        return self.task("succeed")

    def bad(self) -> Any:
        return self.task("fail_alone", uuid.uuid4().hex, fails_with="Alone")

    def bad_ours(self) -> Any:
        return self.task("fail_ours", fails_with="GeometryProcessingError")

    def body(self) -> Any:
        return self.task("body")


def _with_errbacks(flow: Workflow) -> Any:
    body = flow.body()
    body.link_error(flow.app.signature("probe.errback"))
    body.link_error(flow.app.signature("probe.inline_errback"))
    return chord([flow.bad(), flow.good()], body, app=flow.app)


def _linked_chord(flow: Workflow) -> Any:
    made = chord([flow.good(), flow.bad()], flow.body(), app=flow.app)
    made.link_error(flow.app.signature("probe.errback"))
    return made


def _linked_group(flow: Workflow) -> Any:
    made = group([flow.good(), flow.bad()], app=flow.app)
    made.link_error(flow.app.signature("probe.errback"))
    return made


WORKFLOWS: dict[str, Callable[[Workflow], Any]] = {
    "chord, one header task fails": lambda f: chord([f.good(), f.bad(), f.good()], f.body(), app=f.app),
    "chord, the last header task fails": lambda f: chord([f.good(), f.bad()], f.body(), app=f.app),
    "chord, several header tasks fail": lambda f: chord([f.bad(), f.bad_ours(), f.good()], f.body(), app=f.app),
    "chord, its body has callbacks for errors": _with_errbacks,
    "chord, it has a callback for errors": _linked_chord,
    "chord of a chord": lambda f: chord(
        [chord([f.bad(), f.good()], f.body(), app=f.app), f.good()], f.body(), app=f.app
    ),
    "chord of a chain": lambda f: chord([chain(f.good(), f.bad(), f.good(), app=f.app), f.good()], f.body(), app=f.app),
    "chord in a chain": lambda f: chain(f.good(), chord([f.good(), f.bad()], f.body(), app=f.app), f.good(), app=f.app),
    "group in a chain": lambda f: chain(group(f.bad(), f.good(), app=f.app), f.body(), f.good(), app=f.app),
    "groups in a chain": lambda f: chain(
        group(f.good(), f.bad(), app=f.app), group(f.good(), f.good(), app=f.app), f.body(), app=f.app
    ),
    "chord of a chain that ends in a group": lambda f: chord(
        [f.good(), chain(f.good(), group(f.good(), f.bad(), app=f.app), app=f.app)], f.body(), app=f.app
    ),
    "chord of a group, its body is a chord": lambda f: chord(
        [f.good(), group(f.good(), f.bad(), app=f.app)], chord([f.good()], f.body(), app=f.app), app=f.app
    ),
    "chord, its body is a group": lambda f: chord([f.bad(), f.good()], group(f.body(), f.body(), app=f.app), app=f.app),
    "chord, its body fails": lambda f: chord([f.good(), f.good()], f.bad(), app=f.app),
    "chain, its first task fails": lambda f: chain(f.bad(), f.good(), f.good(), app=f.app),
    "group, one fails, with a callback for errors": _linked_group,
    "chord that succeeds": lambda f: chord([f.good(), f.good()], f.body(), app=f.app),
}
