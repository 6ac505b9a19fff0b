"""Failures without a stack: messages, exceptions that were never raised, and lines of the log."""

from __future__ import annotations

from collections.abc import Mapping

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, split

__all__ = ["CASES"]

LOG = """
import logging

logger = logging.getLogger("shop.orders")

def run(order=5):
    logger.error("order %s is not paid", order)
"""
STRUCTURED = """
import json
import logging

logger = logging.getLogger("shop.events")

def run(order=5):
    logger.error({"event": "payment refused", "order": order, "shop": "north"})
"""
NEVER = "def run():\n    return LookupError('order 5 is not paid')\n"


def text_of(name: str, text: str, same: Mapping[str, str], other: Mapping[str, str]) -> Case:
    """Return a case of a message that is reported as it stands."""
    return case(
        f"a message: {name}",
        f"TEXT = {text!r}\n\ndef run():\n    return TEXT\n",
        *[one(label, edit(repr(text), repr(more))) for label, more in same.items()],
        *[another(label, edit(repr(text), repr(more))) for label, more in other.items()],
    )


CASES: list[Case] = [
    text_of("an id", "order 5 is not paid", {"another id": "order 4711 is not paid"},
            {"another message": "order 5 is not sent"}),
    text_of("a status", "HTTP 404 from the shop", {}, {"another status": "HTTP 500 from the shop"}),
    text_of("an errno", "cannot write: [Errno 28]", {}, {"another one": "cannot write: [Errno 104]"}),
    text_of("an exit code", "the converter ended with exit code 1", {}, {"another code": "the converter ended with exit code 137"}),
    text_of("a path with spaces", "cannot read '/srv/my files/a b.step'", {"another path": "cannot read '/srv/other files/c d e.step'"}, {}),
    text_of("a compound duration", "gave up after 1h23m45s", {"another duration": "gave up after 2h3m4s"}, {}),
    text_of("a stateful pod", "lost kafka-0", {"another pod": "lost kafka-12"}, {"another service": "lost zookeeper-0"}),
    text_of("a word that is a value", "paid is true", {}, {"another word": "paid is false"}),
    case(
        "a line of the log",
        LOG,
        one("another order", edit("order=5", "order=77")),
        one("elsewhere", edit("    logger.error(", "    if order:\n        logger.error(")),
        one("critical", edit("logger.error", "logger.critical")),
        another("another line", edit("is not paid", "is not sent")),
        another("another logger", edit("shop.orders", "shop.parts")),
        split("an f-string", edit('"order %s is not paid", order', 'f"order {order} is not paid"'),
              reason="a template's own words count before the finished text"),
    ),
    case(
        "a line of the log that is finished text",
        LOG.replace('"order %s is not paid", order', 'f"order {order} has no price"'),
        one("another order", edit("order=5", "order=77")),
    ),
    case(
        "a structured line of the log",
        STRUCTURED,
        one("another order", edit("order=5", "order=77")),
        one("another field's words", edit('"north"', '"south"')),
        one("one field more", edit('"shop": "north"', '"shop": "north", "user": "a"')),
        one("the fields in another order", edit('{"event": "payment refused", "order": order, "shop": "north"}', '{"shop": "north", "order": order, "event": "payment refused"}')),
        another("another event", edit("payment refused", "delivery refused")),
    ),
    case(
        "a structured line of the log, as JSON",
        STRUCTURED.replace("logger.error({", "logger.error(json.dumps({").replace('"north"})', '"north"}))').replace("shop.events", "shop.json"),
        one("another order", edit("order=5", "order=77")),
        one("another field's words", edit('"north"', '"south"')),
        one("its name under another key", edit('"event"', '"msg"')),
        one("its name under a third key", edit('"event"', '"message"')),
        another("another event", edit("payment refused", "delivery refused")),
    ),
    case(
        "an exception that was never raised",
        NEVER,
        one("another id", edit("order 5", "order 6")),
        another("another text", edit("is not paid", "is not sent")),
        another("another type", edit("LookupError", "ValueError")),
    ),
    case(
        "a group of exceptions that were never raised, not raised itself",
        "def run():\n    return ExceptionGroup('orders', [ValueError('row 5'), KeyError('name')])\n",
        one("the other order", edit("[ValueError('row 5'), KeyError('name')]", "[KeyError('name'), ValueError('row 77')]")),
        another("another member", edit("KeyError('name')", "KeyError('size')")),
    ),
]  # fmt: skip
