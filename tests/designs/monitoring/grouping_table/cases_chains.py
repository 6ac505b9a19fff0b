"""What led to an exception, and exceptions that hold others."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, split

__all__ = ["CASES"]

CHAIN = """
class Unpaid(Exception):
    pass

def read(order):
    raise KeyError(order)

def send(order):
    raise OSError(order)

def pay(order):
    try:
        read(order)
    except (KeyError, OSError) as error:
        raise Unpaid(order) from error

def run():
    pay(5)
"""
GROUPS = """
def read(order):
    raise KeyError(order)

def send(order):
    raise OSError(order)

def caught(act, order):
    try:
        act(order)
    except Exception as error:
        return error

def run():
    errors = [caught(read, 1), caught(send, 2)]
    raise ExceptionGroup("orders", errors)
"""
LEAVES = "[caught(read, 1), caught(send, 2)]"


def group_of(reader: str) -> str:
    """Return the program of a group, its reading function by another name."""
    return (
        GROUPS.replace("read", reader)
        .replace("send(", f"send_{reader}(")
        .replace("caught(send", f"caught(send_{reader}")
    )


CASES: list[Case] = [
    case(
        "a cause",
        CHAIN,
        one("another id", edit("pay(5)", "pay(6)")),
        one("a note on it", edit("        raise Unpaid(order) from error", "        error.add_note('order 5')\n        raise Unpaid(order) from error")),
        another("another cause", edit("read(order)\n    except", "send(order)\n    except")),
        another("no cause is shown", edit("from error", "from None")),
        split("a context instead", edit(" from error", ""), reason="the statement's text counts"),
    ),
    case(
        "a context",
        CHAIN.replace(" from error", "").replace("Unpaid", "Refused"),
        another("another context", edit("read(order)\n    except", "send(order)\n    except")),
    ),
    case(
        "a failure while another is handled",
        """
def open_it(order):
    raise KeyError(order)

def unlock(order):
    raise OSError(order)

def run():
    try:
        open_it(5)
    finally:
        unlock(5)
""",
        another("only the first one", edit("        unlock(5)", "        print(end='')")),
        another("only the second one", edit("        open_it(5)", "        print(end='')")),
        one("a statement before", edit("finally:", "finally:\n        print(end='')")),
    ),
    case(
        "from None",
        """
def read(order):
    raise KeyError(order)

def send(order):
    raise OSError(order)

def run():
    try:
        read(5)
    except Exception:
        raise LookupError(5) from None
""",
        one("another failure behind it, which the raiser hides", edit("        read(5)", "        send(5)")),
        one("not raised while handling", edit("    try:\n        read(5)\n    except Exception:\n        raise LookupError(5) from None", "    if True:\n        raise LookupError(5) from None")),
    ),
    case(
        "a long chain",
        """
def step(left):
    try:
        if left:
            step(left - 1)
        raise KeyError(left)
    except KeyError as error:
        raise LookupError(left) from error

def run():
    step(6)
""",
    ),
    case(
        "a cause that was never raised",
        """
def run():
    raise LookupError("no order") from KeyError("5")
""",
        one("moved into a block", edit("    raise", "    if True:\n        raise")),
        another("another cause", edit("KeyError(", "OSError(")),
    ),
    case(
        "an exception that is raised again elsewhere",
        """
def read(order):
    raise KeyError(order)

def run():
    try:
        read(5)
    except KeyError:
        raise
""",
        one("by name", edit("except KeyError:\n        raise", "except KeyError as error:\n        raise error")),
        one("not caught", edit("    try:\n        read(5)\n    except KeyError:\n        raise", "    read(5)")),
        one("later", edit("    except KeyError:\n        raise", "    except KeyError as error:\n        kept = error\n    raise kept")),
    ),
    case(
        "a group",
        GROUPS,
        one("the other order", edit(LEAVES, "[caught(send, 2), caught(read, 1)]")),
        one("one twice", edit(LEAVES, "[caught(send, 2), caught(read, 1), caught(send, 3)]")),
        one("other ids", edit(LEAVES, "[caught(read, 11), caught(send, 12)]")),
        one("each three times", edit(LEAVES, f"{LEAVES} * 3")),
        one("nested", edit(LEAVES, '[ExceptionGroup("read", [caught(read, 1)]), caught(send, 2)]')),
        one("nested twice, the other order", edit(LEAVES, '[ExceptionGroup("send", [ExceptionGroup("send", [caught(send, 2)])]), caught(read, 1)]')),
        another("one more kind", edit(LEAVES, "[caught(read, 1), caught(send, 2), caught(run_out, 3)]"), edit("def run():", "def run_out(order):\n    raise ValueError(order)\n\ndef run():")),
        another("of one kind", edit(LEAVES, "[caught(read, 1), caught(read, 2)]")),
        another("of the other kind", edit(LEAVES, "[caught(send, 2)]")),
    ),
    case(
        "a group of one kind",
        group_of("look").replace("[caught(look, 1), caught(send_look, 2)]", "[caught(look, 1)]"),
        one("of two such", edit("[caught(look, 1)]", "[caught(look, 1), caught(look, 2)]")),
        one("in a group", edit("[caught(look, 1)]", '[ExceptionGroup("orders", [caught(look, 1)])]')),
        one("the member alone", edit('raise ExceptionGroup("orders", errors)', "return errors[0]")),
    ),
    case(
        "a group whose members were caused",
        group_of("fetch").replace("    raise KeyError(order)", "    try:\n        raise KeyError(order)\n    except KeyError as error:\n        raise LookupError(order) from error"),
        one("the other order", edit("[caught(fetch, 1), caught(send_fetch, 2)]", "[caught(send_fetch, 2), caught(fetch, 1)]")),
        another("a cause is another one", edit("raise KeyError(order)\n    except KeyError", "raise IndexError(order)\n    except IndexError")),
    ),
    case(
        "a group raised while one of its members is handled",
        """
def open_it(order):
    raise KeyError(order)

def send(order):
    raise OSError(order)

def run():
    errors = []
    for act in (open_it, send):
        try:
            act(5)
        except Exception as error:
            errors.append(error)
            if len(errors) == 2:
                raise ExceptionGroup("orders", errors)
""",
        one("the other order", edit("(open_it, send)", "(send, open_it)")),
    ),
    case(
        "what is left of a group",
        group_of("pick").replace("def run():", "def handle():")
        + "\ndef run():\n    try:\n        handle()\n    except* KeyError:\n        print(end='')\n",
        another("the other is left", edit("except* KeyError", "except* OSError")),
        one("another of the handled kind", edit("[caught(pick, 1)", "[caught(pick, 1), caught(pick, 2)")),
    ),
    case(
        "a group as a cause",
        GROUPS.replace("def run():", "def handle():")
        + "\ndef run():\n    try:\n        handle()\n    except ExceptionGroup as error:\n        raise LookupError(5) from error\n",
        another("of another kind", edit(LEAVES, "[caught(read, 1)]")),
        one("the other order", edit(LEAVES, "[caught(send, 2), caught(read, 1)]")),
        event_differs="the SDK leaves out the members of a group that is not outermost",
    ),
    case(
        "a group with a group as member that was caused",
        group_of("scan").replace("[caught(scan, 1), caught(send_scan, 2)]", "[caught(scan, 1), caught(both, 2)]").replace(
            "def run():", 'def both(order):\n    raise ExceptionGroup("both", [caught(scan, 1), caught(send_scan, 2)]) from caught(send_scan, 7)\n\ndef run():'
        ),
    ),
    case(
        "a group of exceptions that were never raised",
        """
def run():
    raise ExceptionGroup("orders", [ValueError("row 5"), KeyError("name")])
""",
        one("moved into a block", edit("    raise", "    if True:\n        raise")),
        another("another kind", edit("KeyError(", "OSError(")),
    ),
    case(
        "its own cause",
        """
def take(order):
    raise LookupError(order)

def run():
    try:
        take(5)
    except LookupError as error:
        raise error from error
""",
    ),
    case(
        "two that led to each other",
        """
def take(order):
    raise LookupError(order)

def give(order):
    raise IndexError(order)

def run():
    try:
        take(5)
    except LookupError as first:
        try:
            give(5)
        except IndexError as second:
            first.__context__ = second
            raise
""",
    ),
    case(
        "a failure whose text cannot be read",
        """
class Odd(Exception):
    def __str__(self):
        raise LookupError(1)

def run():
    raise Odd(5)
""",
    ),
    case(
        "an application's own group",
        group_of("read").replace("def read(", "class Failed(ExceptionGroup):\n    pass\n\ndef read(", 1).replace("raise ExceptionGroup", "raise Failed"),
        another("an ordinary group", edit("raise Failed", "raise ExceptionGroup")),
        one("the other order", edit("[caught(read, 1), caught(send_read, 2)]", "[caught(send_read, 2), caught(read, 1)]")),
    ),
]  # fmt: skip
