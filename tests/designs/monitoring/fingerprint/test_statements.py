"""The source line of a key is the whole statement: on each interpreter, in each layout, live and from an event."""

from __future__ import annotations

import importlib.util
import linecache
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from django.test import override_settings
from sentry_sdk.utils import event_from_exception

from designs.monitoring.fingerprint import Fingerprint, fingerprint_event, fingerprint_exception
from designs.monitoring.fingerprint.source_tokens import logical_line_within, long_lines, tokens_of
from designs.monitoring.fingerprint.statements import statement_at, statement_in_event

NAME = "a_failing_module"
_numbers = count()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., list[Fingerprint]]]:
    """Run ``act`` of a module and give the fingerprints of what it raised.

    Live, from its event, and from its event on a host that has not loaded the module.
    """

    def given(source: str, **settings: Any) -> list[Fingerprint]:
        folder = tmp_path / f"at_{next(_numbers)}"
        folder.mkdir()
        file = folder / f"{NAME}.py"
        file.write_text(dedent(source))
        spec = importlib.util.spec_from_file_location(NAME, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[NAME] = module
        with override_settings(ENGINEL_IN_APP_ROOTS=(str(folder),), **settings):
            try:
                spec.loader.exec_module(module)
                module.act()
            except Exception as error:
                raised = error
            event = event_from_exception(raised)[0]
            made = [fingerprint_exception(raised), fingerprint_event(event)]
            del sys.modules[NAME]
            return [*made, fingerprint_event(event)]

    yield given
    sys.modules.pop(NAME, None)
    linecache.checkcache()


def lines_of(made: Fingerprint) -> list[str]:
    return [part[5:] for part in made.parts if part.startswith("line ")]


ONE_TEXT = {
    "a raise on several lines": (
        """
        def act():
            raise ValueError(
                "the part has no number "
                "and no name",  # yet
                act,
            )
        """,
        'raise ValueError("the part has no number " "and no name", act)',
    ),
    "the same on one line": (
        """
        def act():
            raise   ValueError( 'a  b',act )  # noqa
        """,
        "raise ValueError('a  b', act)",
    ),
    "a failing argument": (
        """
        def act():
            return max(
                1,
                int(
                    "x"
                ),
            )
        """,
        'return max(1, int("x"))',
    ),
    "an assertion": (
        """
        def act():
            assert (
                act is
                None
            ), ("not "
                "none")
        """,
        'assert act is None, "not " "none"',
    ),
    "a condition": (
        """
        def act():
            if (
                act is not None
                and int("x")
            ):
                raise KeyError
        """,
        'if act is not None and int("x"):',
    ),
    "a later condition": (
        """
        def act():
            if act is None:
                pass
            elif (int("x") >
                  2):
                raise KeyError
        """,
        'elif int("x") > 2:',
    ),
    "a loop's iterator": (
        """
        def act():
            for part in (
                int("x"),
            ):
                print(part)
        """,
        'for part in int("x"),:',
    ),
    "a loop's body": (
        """
        def act():
            for part in [1]:
                print(
                    part / 0)
        """,
        "print(part / 0)",
    ),
    "a context manager": (
        """
        def act():
            with (
                open("/no/such/file") as first,
                open("/no/such/file") as second,
            ):
                pass
        """,
        'with open("/no/such/file") as first, open("/no/such/file") as second:',
    ),
    "a decorator": (
        """
        def act():
            @int(
                "x"
            )
            def inner():
                pass
        """,
        '@int("x")',
    ),
    "a default": (
        """
        def act():
            def inner(
                first,
                second=int("x"),
            ):
                pass
        """,
        'def inner(first, second=int("x")):',
    ),
    "a class body": (
        """
        def act():
            class Part:
                number = 5
                size = int(
                    "x",
                )
        """,
        'size = int("x")',
    ),
    "a class's keywords": (
        """
        def act():
            class Part(
                list,
                size=5,
            ):
                number = 5
        """,
        "class Part(list, size=5):",
    ),
    "a subject": (
        """
        def act():
            match (
                int("x")
            ):
                case 5:
                    pass
        """,
        'match int("x"):',
    ),
    "a guard": (
        """
        def act():
            match 5:
                case 5 if (
                    int("x")
                ):
                    pass
        """,
        'case 5 if int("x"):',
    ),
    "an exception that is no class": (
        """
        def act():
            try:
                act(5)
            except (
                int("x"),
            ):
                pass
        """,
        'except (int("x"),):',
    ),
    "a body on the line of its header": (
        """
        def act():
            if act: raise ValueError(
                "x",)
        """,
        'if act: raise ValueError("x")',
    ),
    "two statements on a line": ("def act(): pass\na = 1; b = [1][\n5]", "a = 1; b = [1][5]"),
    "an f-string": (
        """
        def act():
            return (f"a {1:>{5}} {'{'}"
                    f"b {1 / 0!r} (")
        """,
        """return f"a {1:>{5}} {'{'}" f"b {1 / 0!r} (\"""",
    ),
    "a long string": (
        '''
        def act():
            raise ValueError("""a  b
              c # (
            """)
        ''',
        'raise ValueError("""a  b\n      c # (\n    """)',
    ),
    "a line that goes on": (
        """
        def act():
            return 1 + \\
                int("x")
        """,
        'return 1 + int("x")',
    ),
    "a comprehension": (
        """
        def act():
            return [
                int(text)
                for text in "ax"
                if text != "b"
            ]
        """,
        'return [int(text) for text in "ax" if text != "b"]',
    ),
    "a comprehension's condition": (
        """
        def act():
            return {
                text: {one for one in "a"}
                for text in "ax"
                if int(
                    text
                )
            }
        """,
        'return {text: {one for one in "a"} for text in "ax" if int(text)}',
    ),
    "a generator": (
        """
        def act():
            return sum(
                int(text)
                for text in "ax"
            )
        """,
        'return sum(int(text) for text in "ax")',
    ),
    "a handler of a table": (
        """
        HANDLERS = {
            "a": lambda x, y: (x + y),
            "b": lambda x: [
                int(text)
                for text in x
            ],
            "c": [lambda x: x, lambda x: int(x)],
        }

        def act():
            HANDLERS["b"]("x")
        """,
        'HANDLERS = {"b": lambda x: [int(text) for text in x]}',
    ),
    "an argument that is a lambda": (
        """
        def act():
            return sorted(
                "bx",
                key=lambda x: sum(
                    int(one) for one in x
                ),
            )
        """,
        "return sorted(key=lambda x: sum(int(one) for one in x))",
    ),
    "a generator beside another one": (
        """
        def act():
            return (
                sum(len(text) for text in "ax"),
                sum(
                    int(text) for place, text in enumerate("ax")
                ),
            )
        """,
        'return sum(int(text) for place, text in enumerate("ax"))',
    ),
    "in Greek": ("def act():\n    raise ValueError(π‿ := (5),)", "raise ValueError(π‿ := 5)"),
}


@pytest.mark.parametrize(("source", "text"), ONE_TEXT.values(), ids=ONE_TEXT.keys())
def test_the_line_is_the_whole_statement(run: Callable[..., list[Fingerprint]], source: str, text: str) -> None:
    live, read, elsewhere = run(source)

    assert lines_of(live)[0] == text
    assert read == live
    assert lines_of(elsewhere)[0] == text


ONE_KEY = {
    "wrapping": [
        "def act():\n    raise ValueError('no number', act)",
        "def act():\n    raise ValueError(\n        'no number',\n        act,\n    )",
        "def act():\n    raise (ValueError('no number', act))  # noqa",
        "def act():\n    raise ValueError( 'no number',\n\n        # really\n        act)",
    ],
    "comprehensions": [
        "def act():\n    return [int(x) for x in 'x']",
        "def act():\n    return [\n        int(x)\n        for x in 'x'\n    ]",
    ],
    "tuples": [
        "def act():\n    return 1, int('x')",
        "def act():\n    return (\n        1,\n        int('x'),\n    )",
    ],
    "a header that fails before a body that cannot": [
        "def act():\n    if (n := int('x')): pass",
        "def act():\n    if (n := int('x')):\n        pass",
    ],
    "a slice in a header": [
        "def act():\n    while 'x'[1:] or int('x'[0:]): ...",
        "def act():\n    while 'x'[1:] or int('x'[0:]):\n        ...",
    ],
    "a body that fails behind a header that cannot": [
        "def act():\n    try: int('x')\n    finally: pass",
        "def act():\n    try:\n        int('x')\n    finally:\n        pass",
    ],
    "a table that grows": [
        "T = {'a': lambda x: int(x)}\ndef act():\n    T['a']('x')",
        "T = {\n    'b': lambda x, y: x,\n    'a': lambda x: int(x),\n}\ndef act():\n    T['a']('x')",
    ],
}
APART = {
    "raises on several lines": (
        "def act(n={}):\n    if n:\n        raise ValueError(\n            'first',\n        )\n"
        "    raise ValueError(\n        'second',\n    )"
    ),
    "a tuple of one and its member": (
        "def act(n={}):\n    if n:\n        raise ValueError((act,))\n    raise ValueError((act))"
    ),
    "parentheses that mean something": (
        "def act(n={}):\n    if n:\n        return [][(1 + 2) * 3]\n    return [][1 + 2 * 3]"
    ),
    "spaces in strings": "def act(n={}):\n    if n:\n        raise ValueError('a  b')\n    raise ValueError('a b')",
    "statements that are long": (
        "def act(n={}):\n    if n:\n        raise ValueError('long', 1)\n    raise ValueError('long', 2)".replace(
            "long", "x" * 400
        )
    ),
    "the same lambda in two entries": (
        "T = {\n    'a': lambda x: int(x),\n    'b': lambda x: int(x),\n}\n"
        "def act(n={}):\n    T['a' if n else 'b']('x')"
    ),
    "two generators in one statement": (
        "def act(n={}):\n    return (\n        sum(int(x) for x in 'x'[n:]),\n"
        "        sum(int(x * 2) for x in 'x'),\n    )"
    ),
    "the same generator in two statements": (
        "def act(n={}):\n    if n:\n        a = sum(int(x) for x in 'x')\n    b = sum(int(x) for x in 'x')"
    ),
}


@pytest.mark.parametrize("sources", ONE_KEY.values(), ids=ONE_KEY.keys())
def test_layout_does_not_split(run: Callable[..., list[Fingerprint]], sources: list[str]) -> None:
    assert len({made.key for source in sources for made in run(source)}) == 1


@pytest.mark.parametrize("source", APART.values(), ids=APART.keys())
def test_different_statements_of_one_function_stay_apart(run: Callable[..., list[Fingerprint]], source: str) -> None:
    first, second = (run(source.replace("{}", n))[:2] for n in ("False", "True"))

    assert len({made.key for made in first}) == len({made.key for made in second}) == 1
    assert first[0].key != second[0].key


INLINED = {
    "list": "def act():\n    return [fail(x) for x in 'x']",
    "set": "def act():\n    return {fail(x) for x in 'x'}",
    "dict": "def act():\n    return {x: fail(x) for x in 'x'}",
    "nested": "def act():\n    return [[fail(y) for y in x] for x in ['x']]",
}


@pytest.mark.parametrize("source", INLINED.values(), ids=INLINED.keys())
def test_a_comprehension_is_no_frame(run: Callable[..., list[Fingerprint]], source: str) -> None:
    live, read, elsewhere = run(f"{source}\n\ndef fail(x):\n    raise ValueError(x)")

    assert live.parts == ("type ValueError", f"frame {NAME}.act", f"frame {NAME}.fail", "line raise ValueError(x)")
    assert read == live == elsewhere


def test_a_lambda_and_a_generator_are_frames_and_the_comprehension_around_them_has_no_name(
    run: Callable[..., list[Fingerprint]],
) -> None:
    live, read, _ = run("def act():\n    return [(lambda: sum(int(z) for z in x))() for x in 'x']")

    assert [part[6:] for part in live.parts if part.startswith("frame ")] == [
        f"{NAME}.act",
        f"{NAME}.act.<lambda>",
        f"{NAME}.act.<lambda>.<genexpr>",
    ]
    assert read == live


@pytest.mark.parametrize("body", ["[int(x) for x in 'x']", "[int(x)\n        for x in 'x']"])
def test_comprehensions_of_a_frame_that_hides_itself_are_hidden(
    run: Callable[..., list[Fingerprint]], body: str
) -> None:
    source = f"def act():\n    hidden()\n\ndef hidden():\n    __traceback_hide__ = True\n    return {body}"
    live = run(source)[0]

    assert live.parts == ("type ValueError", f"frame {NAME}.act", "line hidden()")


def test_comprehensions_of_libraries_are_no_frames() -> None:
    frames = [
        {"function": name, "module": "lib", "abs_path": "/usr/lib/lib.py", "lineno": 5}
        for name in ("outer", "<listcomp>", "<lambda>")
    ]
    with_frame, without = (
        {"exception": {"values": [{"type": "ValueError", "stacktrace": {"frames": shown}}]}}
        for shown in (frames, [frames[0], frames[2]])
    )

    assert fingerprint_event(with_frame) == fingerprint_event(without)
    assert fingerprint_event(with_frame).parts == ("type ValueError", "frame lib.outer", "frame lib.<lambda>")


def test_a_stack_seen_before_has_the_statement_of_where_its_comprehension_failed(
    run: Callable[..., list[Fingerprint]],
) -> None:
    source = """
        def act():
            made = []
            for text in ("x", "", "x", ""):
                try:
                    if text:
                        [int(one) for one in text]
                    [1 / len(one) for one in [text]]
                except Exception as error:
                    made.append(error)
            raise ExceptionGroup("several", [*made, *map(seen, made)])

        def seen(error):
            return KeyError(fingerprint_exception(error).parts[-1])

        from designs.monitoring.fingerprint import fingerprint_exception
    """
    live = run(source)[0]

    assert {part for part in live.parts if part.startswith("line ")} == {
        'line raise ExceptionGroup("several", [*made, *map(seen, made)])',
        "line [1 / len(one) for one in [text]]",
        "line [int(one) for one in text]",
    }


def test_a_template_and_an_unreadable_source_fall_back_to_the_line_itself(tmp_path: Path) -> None:
    template, broken = tmp_path / "page.html", tmp_path / "broken.py"
    template.write_text("<p>(it's\n  {{  part  }}\n)</p>\n")
    broken.write_text("x = (\n  y  +\n")

    assert statement_at(str(template), 2) == "{{ part }}"
    assert statement_at(str(broken), 2) == "y +"
    assert statement_at(str(broken), 3) is None
    assert statement_at(str(tmp_path / "absent.py"), 1) is None


def test_a_file_that_is_read_anew_is_scanned_anew(tmp_path: Path) -> None:
    file = tmp_path / "changing.py"
    file.write_text("raise ValueError(\n    1)\n")
    before = statement_at(str(file), 2)
    file.write_text("x = 1\nraise KeyError(1)\n")
    linecache.checkcache(str(file))

    assert (before, statement_at(str(file), 2)) == ("raise ValueError(1)", "raise KeyError(1)")


def test_an_event_of_another_release_keeps_its_own_lines(run: Callable[..., list[Fingerprint]]) -> None:
    here = Path(__file__).read_text().splitlines().index("def lines_of(made: Fingerprint) -> list[str]:") + 1
    context = (["def f():"], "    raise ValueError(", ["        1,", "    )"])

    assert statement_in_event(__name__, __file__, here, context) == "raise ValueError(1)"
    assert statement_in_event(__name__, __file__, here, ([], "", [])) == (
        "def lines_of(made: Fingerprint) -> list[str]:"
    )
    assert statement_in_event("no.such", __file__, here, ([], "", [])) is None


@pytest.mark.parametrize(
    ("before", "line", "after", "text"),
    [
        (["It isn't (code", '    """'], "    raise ValueError(", ["        1)"], "raise ValueError(1)"),
        (["It's", "    '''", "x"], "f(", ["1)"], "f(1)"),
        (["    a,", ")", "x = 1"], "f(", ["1)"], "f(1)"),
        (["    a,"], "    f(),", [")", "x = 1"], "f(),"),
        (["x = ["], "  f(1),", ["  2,"], "f(1),"),
        (["raise ValueError("], "  f(1),", ["  2", ")", 'x = """'], "raise ValueError(f(1), 2)"),
        (['sql("""'], "  it's {f(1)}", ['""")'], "it's {f(1)}"),
        ([], "raise ValueError(", [], "raise ValueError("),
        ([], "    raise  ValueError( 1 )  # so", [], "raise ValueError(1)"),
    ],
)  # fmt: skip
def test_the_lines_around_hold_the_statement_or_the_line_itself_counts(
    before: list[str], line: str, after: list[str], text: str
) -> None:
    assert statement_in_event("no.such", "/a.py", 5, (before, line, after)) == text


@pytest.mark.parametrize(
    "text", ["", "(", ")", '"', "'''", 'f"{', "f'{a:{", "\\", "lambda", "?", "a\0b", "[" * 9_000, 'f"{' * 50]
)
def test_no_text_breaks_the_reading(text: str) -> None:
    long_lines(text)
    tokens_of(text)
    logical_line_within(text.split("\n"), 1)
    assert statement_in_event("no.such", "/a.py", 1, ([], f"x{text}", [])) is not None
