"""Each published shape of a Sentry event keeps what it holds: one failure is one key, five are five."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.monitoring.fingerprint import fingerprint_event

Json = Any
NOTHING = "event without exception, stack trace or message"


def frame(function: str, line: str = "", **more: Json) -> dict[str, Json]:
    given = {"function": function, "context_line": line, "lineno": 12, "in_app": True, "module": "designs.scan"}
    return {**given, "abs_path": "/srv/app/designs/scan.py", "filename": "designs/scan.py", **more}


def failure(kind: str, value: str, *frames: dict[str, Json]) -> dict[str, Json]:
    return {"type": kind, "value": value, "module": "designs.errors", "stacktrace": {"frames": list(frames)}}


FAILURES = [
    failure("ScanError", "row 5 is bad", frame("run"), frame("scan", "raise ScanError(row)")),
    failure("ScanError", "row 5 is bad", frame("run"), frame("scan", "raise ScanError(column)")),
    failure("ScanError", "row 5 is bad", frame("run"), frame("read", "raise ScanError(row)")),
    failure("PartError", "row 5 is bad", frame("run"), frame("scan", "raise ScanError(row)")),
    failure("ScanError", "row 5 is bad", frame("other"), frame("scan", "raise ScanError(row)")),
]
BARE = [
    *({"type": kind, "value": value} for kind, value in [("ScanError", "no file"), ("PartError", "no file")]),
    *({"type": "ScanError", "value": value} for value in ("no room", "disk full", "no face")),
]


def of_api(exc: dict[str, Json]) -> dict[str, Json]:
    """Write an exception as Sentry's API does."""
    written = {key: value for key, value in exc.items() if key != "stacktrace"}
    if "stacktrace" in exc:
        names = {"abs_path": "absPath", "lineno": "lineNo", "in_app": "inApp"}
        frames = [
            {names.get(key, key): value for key, value in frame.items() if key != "context_line"}
            | {"context": [[11, "def f():"], [12, frame["context_line"]], [13, ""]]}
            for frame in exc["stacktrace"]["frames"]
        ]
        written["stacktrace"] = {"frames": frames, "hasSystemFrames": False}
    return {**written, "threadId": None, "rawStacktrace": None, "mechanism": None}


def apart(exc: dict[str, Json]) -> tuple[dict[str, Json], Json]:
    return {key: value for key, value in exc.items() if key != "stacktrace"}, exc.get("stacktrace")


def with_thread(exc: dict[str, Json], **flags: Json) -> dict[str, Json]:
    alone, stack = apart(exc)
    other = {"id": 1, "stacktrace": {"frames": [frame("sleep")]}, "crashed": False, "current": False}
    return {
        "exception": {"values": [{**alone, "thread_id": 7 if flags.get("id") == 7 else None}]},
        "threads": {"values": [other, {"stacktrace": stack, **flags}]},
    }


SHAPES: dict[str, Callable[[dict[str, Json]], Json]] = {
    "values": lambda exc: {"exception": {"values": [exc]}},
    "one object": lambda exc: {"exception": exc},
    "list": lambda exc: {"exception": [exc]},
    "tuple": lambda exc: {"exception": (exc,)},
    "values of one object": lambda exc: {"exception": {"values": exc}},
    "indexes of PHP": lambda exc: {"exception": {"values": {"0": exc}}},
    "nulls in the list": lambda exc: {"exception": {"values": [None, exc, None, {}], "exc_omitted": None}},
    "null fields": lambda exc: {
        "exception": {"values": [{**exc, "mechanism": None, "thread_id": None}]},
        **dict.fromkeys(("threads", "stacktrace", "logentry", "message", "extra", "tags", "fingerprint", "entries")),
    },
    "legacy": lambda exc: {"sentry.interfaces.Exception": {"values": [exc]}},
    "legacy list": lambda exc: {"sentry.interfaces.Exception": [exc], "message": "ScanError: row 5"},
    "legacy object": lambda exc: {"sentry.interfaces.Exception": exc, "exception": None},
    "stack trace beside it": lambda exc: {"exception": apart(exc)[0], "stacktrace": apart(exc)[1]},
    "legacy stack trace beside it": lambda exc: {
        "sentry.interfaces.Exception": apart(exc)[0],
        "sentry.interfaces.Stacktrace": apart(exc)[1],
    },
    "stack trace of the crashed thread": lambda exc: with_thread(exc, id=2, crashed=True),
    "stack trace of the current thread": lambda exc: with_thread(exc, id=2, current=True),
    "stack trace of its thread": lambda exc: with_thread(exc, id=7),
    "frames as a list": lambda exc: {
        "exception": {**exc, "stacktrace": (apart(exc)[1] or {"frames": []})["frames"]},
    },
    "null frames": lambda exc: {
        "exception": {**exc, "stacktrace": {"frames": [None, *(apart(exc)[1] or {"frames": []})["frames"], {}]}},
    },
    "raw stack trace": lambda exc: {
        "exception": [{**apart(exc)[0], "stacktrace": None, "raw_stacktrace": apart(exc)[1]}],
    },
    "wrapped": lambda exc: {"event": {"exception": [exc]}, "id": "5", "message": "a summary"},
    "alone": lambda exc: exc,
    "alone as error": lambda exc: {"error": {**exc, "message": exc["value"], "value": None}, "message": "a summary"},
    "wrapped twice": lambda exc: {"action": "created", "data": {"event": {"exception": {"values": [exc]}}}},
    "data": lambda exc: {"data": {"exception": [exc], "platform": "python"}, "type": "error"},
    "one in a list": lambda exc: [{"exception": exc}],
    "entries": lambda exc: {
        "title": "ScanError: row 5",
        "culprit": "designs.scan",
        "metadata": {"type": "ScanError", "value": "row 5"},
        "errors": [{"type": "js_no_source", "message": "Source was not found", "data": {}}],
        "entries": [
            {"type": "breadcrumbs", "data": {}},
            None,
            {"type": "exception", "data": {"values": [of_api(exc)]}},
        ],
    },
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("failures", [FAILURES, BARE], ids=["with frames", "bare"])
def test_the_shape_of_an_event_does_not_matter(name: str, failures: list[dict[str, Json]]) -> None:
    written = [SHAPES[name](copy.deepcopy(exc)) for exc in failures]
    keys = [fingerprint_event(event).key for event in written]

    assert len(set(keys)) == len(failures)
    assert keys == [fingerprint_event({"exception": {"values": [exc]}}).key for exc in failures]


FIVE: dict[str, list[Json]] = {
    "stack trace alone": [{"stacktrace": exc["stacktrace"]} for exc in (FAILURES[0], FAILURES[1], FAILURES[2])],
    "stack trace and one message": [
        {"message": "boom", "stacktrace": exc["stacktrace"]} for exc in (FAILURES[0], FAILURES[1], FAILURES[4])
    ],
    "one stack trace and messages": [
        {"message": text, "stacktrace": FAILURES[0]["stacktrace"]} for text in ("no file", "no room", "disk full")
    ],
    "crashed threads": [
        {"threads": [{"id": 1}, {"id": 2, "crashed": True, "stacktrace": {"frames": [frame(name)]}}]}
        for name in ("scan", "read", "write")
    ],
    "text for an object": [{"exception": text} for text in ("ScanError: no file", "PartError: no file", "no room")],
    "texts for objects": [{"exception": [text]} for text in ("ScanError: no file", "PartError: no file", "no room")],
    "text for a stack trace": [
        {"exception": {"type": "E", "stacktrace": f'File "/srv/a.py", line 5, in {name}'}} for name in ("f", "g", "h")
    ],
    "texts for frames": [
        {"exception": {"type": "E", "stacktrace": [f"at {name} (a.js:1:2)", None]}} for name in ("f", "g", "h")
    ],
    "numbers for texts": [{"exception": {"type": 5, "value": value}} for value in (True, {"code": "a"}, ["b"], 2.5)],
    "frames of nothing": [
        {"exception": {"type": "E", "value": text, "stacktrace": {"frames": [{}, None, {"vars": {}}]}}}
        for text in ("no file", "no room", "disk full")
    ],
    "frames with a file only": [
        {"exception": {"type": "E", "value": text, "stacktrace": {"frames": [{"filename": "a.py", "lineno": number}]}}}
        for text, number in [("no file", 1), ("no room", 1), ("no file", 2)]
    ],
    "types without a text": [
        {"exception": [{"type": "Error"}], "message": text} for text in ("no file", "no room", "disk full")
    ],
    "types with a culprit": [
        {"exception": [{"type": "Error", "value": None}], "culprit": f"app.{name}"} for name in ("f", "g", "h")
    ],
    "causes without a stack trace": [
        {"exception": [{"type": "E", "value": text}, {"type": "F", "value": "wrapped"}]}
        for text in ("no file", "no face")
    ],
    "message as text": [{"message": text} for text in ("no file", "no room", "disk full")],
    "message as an object": [{"message": {"message": text, "params": [5]}} for text in ("no %s", "row %s", "%s")],
    "message of what it holds": [{"logentry": {"event": text}} for text in ("opened", "closed")],
    "formatted": [{"logentry": {"formatted": text}} for text in ("no file", "no room", "disk full")],
    "log entry as text": [{"logentry": text} for text in ("no file", "no room", "disk full")],
    "loggers": [{"message": "no file", "logger": name} for name in ("a", "b", "c")],
    "an event as text": ["no file", "no room", "disk full"],
    "csp": [
        {"csp": {"effective_directive": what, "blocked_uri": f"https://{host}/x?y"}, "message": "Blocked"}
        for what, host in [("img-src", "a.example"), ("script-src", "a.example"), ("img-src", "b.example")]
    ],
    "csp report": [
        {"csp-report": {"violated-directive": f"{what} 'self'", "blocked-uri": "inline"}}
        for what in ("img-src", "a-src")
    ],
    "expect-ct": [{"expectct": {"hostname": host}} for host in ("a.example", "b.example")],
    "template": [
        {"template": {"filename": name, "context_line": line}, "message": "x"}
        for name, line in [("a.html", "{% a %}"), ("b.html", "{% a %}"), ("a.html", "{% b %}")]
    ],
    "summaries": [
        {"title": f"{kind}: bad", "culprit": place, "metadata": {"type": kind, "value": "bad"}}
        for kind, place in [("ScanError", "a"), ("PartError", "a"), ("ScanError", "b")]
    ],
    "titles": [{"title": text, "id": "5"} for text in ("no file", "no room", "disk full")],
    "errors of other trackers": [
        {"errors": [{"type": kind, "message": text, "backtrace": [{"file": "/a.rb", "line": 5, "function": "f"}]}]}
        for kind, text in [("ScanError", "no file"), ("PartError", "no file")]
    ],
    "processing errors": [{"errors": [{"type": kind}]} for kind in ("invalid_data", "past_timestamp")],
    "transaction only": [{"transaction": name} for name in ("/api/designs/", "/api/parts/", "app.scan")],
    "culprit only": [{"culprit": name} for name in ("/api/designs/", "/api/parts/", "app.scan")],
    "level only": [{"level": name} for name in ("error", "fatal", "info")],
    "logger as a tag": [
        {"tags": tags} for tags in ([["logger", "a"]], [{"key": "logger", "value": "b"}], {"logger": "c"})
    ],
    "platform only": [{"platform": name} for name in ("python", "java")],
    "unknown members": [{"foo": "no file"}, {"foo": "no room"}, {"bar": "no room"}, {"foo": 5, "bar": []}],
    "checksum": [{"checksum": name, "message": "boom"} for name in ("a", "b")],
    "nothing": [{}],
    "fingerprint of nothing": [{"fingerprint": [None, ""], "message": text} for text in ("no file", "no room")],
}


def test_different_events_of_one_shape_and_of_all_shapes_have_different_keys() -> None:
    made = [(name, fingerprint_event(event)) for name, events in FIVE.items() for event in events]
    texts = {"message as text", "formatted", "log entry as text", "an event as text", "fingerprint of nothing"}
    alike = [texts, {"text for an object", "texts for objects"}]
    known: dict[str, str] = {}
    for name, found in made:
        same = known.setdefault(found.key, name)
        assert same == name or any({same, name} <= names for names in alike), found.parts
    for name, events in FIVE.items():
        assert len({fingerprint_event(event).key for event in events}) == len(events), name


def test_one_message_is_one_key_in_each_shape() -> None:
    text, params = "row %s of %s is bad", ["5", "6"]
    entry = {"message": text, "params": params, "formatted": "row 5 of 6 is bad"}
    here = {"current": True, "crashed": False, "stacktrace": {"frames": [frame("f")]}}
    events: list[Json] = [
        *({name: entry} for name in ("logentry", "message", "sentry.interfaces.Message")),
        {"message": text},
        {"logentry": text},
        {"message": "row 5 of 6 is bad", "sentry.interfaces.Message": {"message": text, "params": params}},
        {"message": "row 5 of 6 is bad", "logentry": entry},
        {"logentry": {"formatted": "row 5 of 6 is bad"}, "message": entry},
        {"entries": [{"type": "message", "data": entry}], "title": "row 5 of 6 is bad", "message": "row 5 of 6 is bad"},
        {"logentry": entry, "threads": {"values": [here]}},
    ]  # fmt: skip

    assert {fingerprint_event({**event, "logger": "app"}).parts for event in events} == {("message", "app", text)}
    assert fingerprint_event({**events[0], "tags": [{"key": "logger", "value": "app"}]}).parts[1] == "app"


@pytest.mark.parametrize(
    ("kind", "module", "name"),
    [
        ("ValueError", None, "ValueError"),
        ("ValueError", "builtins", "ValueError"),
        ("ValueError", "exceptions", "ValueError"),
        ("builtins.ValueError", None, "ValueError"),
        ("JSONDecodeError", "json.decoder", "json.decoder.JSONDecodeError"),
        ("json.decoder.JSONDecodeError", None, "json.decoder.JSONDecodeError"),
        ("Broken", "exceptions", "exceptions.Broken"),
    ],
)
def test_a_type_has_one_name_however_its_module_is_written(kind: str, module: str | None, name: str) -> None:
    assert fingerprint_event({"exception": {"type": kind, "module": module}}).parts[0] == f"type {name}"


def linked(kind: str, ident: Json, parent: Json = None, **more: Json) -> dict[str, Json]:
    mechanism = {"type": "chained", "exception_id": ident, "parent_id": parent, **more}
    return {"type": kind, "value": "x", "stacktrace": {"frames": [frame(f"raise_{kind}")]}, "mechanism": mechanism}


def test_children_below_a_plain_exception_count() -> None:
    def event(*kinds: str) -> dict[str, Json]:
        children = [linked(kind, place, 0, source=f"errors[{place - 1}]") for place, kind in enumerate(kinds, 1)]
        return {"exception": {"values": [*children[::-1], linked("Outer", 0)]}}

    one, two, other = (fingerprint_event(event(*kinds)) for kinds in (("A",), ("A", "B"), ("A", "C")))

    assert len({one.key, two.key, other.key}) == 3
    assert fingerprint_event(event("B", "A")).key == two.key
    assert {"type Outer", "frame designs.scan.raise_B"} <= set(two.parts)
    assert fingerprint_event(event("A", "A")).key != fingerprint_event({"exception": [linked("A", 0)]}).key


def test_a_group_below_a_plain_exception_keeps_its_members() -> None:
    def event(*kinds: str) -> dict[str, Json]:
        group = linked("Group", 1, 0, source="__cause__", is_exception_group=True)
        members = [linked(kind, place, 1, source=f"exceptions[{place - 2}]") for place, kind in enumerate(kinds, 2)]
        return {"exception": {"values": [*members[::-1], group, linked("Outer", 0)]}}

    keys = {fingerprint_event(event(*kinds)).key for kinds in [("A", "B"), ("A", "C"), ("A",), ()]}

    assert len(keys) == 4
    assert fingerprint_event(event("A", "B")).key == fingerprint_event(event("B", "A")).key


def test_the_ids_say_the_order_of_a_chain() -> None:
    links = [linked("A", 0), linked("B", 1, 0), linked("C", 2, 1)]
    listed = {
        fingerprint_event({"exception": [links[i] for i in order]}).key for order in [(2, 1, 0), (0, 1, 2), (1, 0, 2)]
    }

    assert len(listed) == 1


@pytest.mark.parametrize(
    "ids",
    [[(0, 1), (1, 0)], [(0, None), (0, None)], [(0, None), (1, 9)], [(0, None), (1, 1)], [(None, None), (1, 0)],
     [("a", None), ("b", "a")], [(0, None), (2**70, True)]],
    ids=["circle", "twice", "unknown parent", "its own parent", "no id", "texts", "wrong types"],
)  # fmt: skip
def test_a_broken_tree_of_ids_leaves_the_list_as_it_is(ids: list[tuple[Json, Json]]) -> None:
    def event(inner: str, *, is_group: bool = False) -> dict[str, Json]:
        outer, below = linked("Outer", *ids[0]), linked(inner, *ids[1])
        outer["mechanism"]["is_exception_group"] = is_group
        return {"exception": [below, outer]}

    without = [linked("A", None), linked("Outer", None)]

    assert fingerprint_event(event("A")).key == fingerprint_event({"exception": without}).key
    assert fingerprint_event(event("A", is_group=True)).key == fingerprint_event({"exception": without}).key
    assert fingerprint_event(event("A")).key != fingerprint_event(event("B")).key


@pytest.mark.parametrize(
    ("platform", "given", "name"),
    [
        ("javascript", {"function": "save", "filename": "https://cdn.example/js/app.3f2a9c1b.js?v=5#x"}, "app.save"),
        ("javascript", {"function": "save", "filename": "https://cdn.example/js/app-BkR3x9aQ.js"}, "app.save"),
        ("javascript", {"function": "save [as onClick]", "module": "src/jobs/save"}, "src/jobs/save.save"),
        ("node", {"function": "async Jobs.run", "filename": "/srv/node_modules/jobs/index.js"}, "index.Jobs.run"),
        ("java", {"module": "B$$EnhancerBySpringCGLIB$$3a5f6c1e", "function": "run"}, "B$$EnhancerBySpringCGLIB.run"),
        ("java", {"module": "a.B$$Lambda$14/0x0008", "function": "lambda$run$3"}, "a.B$$Lambda.lambda$run"),
        ("php", {"filename": "/srv/app/Jobs.php", "function": "App\\Jobs::run"}, "Jobs.App\\Jobs::run"),
        ("php", {"filename": "/srv/app/Jobs.php", "function": "{closure:/srv/app/Jobs.php:5}"}, "Jobs.{closure}"),
        ("ruby", {"filename": "jobs/run.rb", "function": "block in run"}, "run.block in run"),
        ("go", {"module": "github.com/acme/j@v1.2.3", "function": "(*Jobs).Run"}, "github.com/acme/j.(*Jobs).Run"),
        ("csharp", {"module": "Acme.Jobs+<RunAsync>d__5", "function": "MoveNext"}, "Acme.Jobs+<RunAsync>d__.MoveNext"),
        ("native", {"package": "/usr/lib/libjobs.so", "symbol": "run", "function": "0x7f0012"}, "libjobs.run"),
        ("native", {"function": "jobs::run::h0123456789abcdef", "filename": "C:\\src\\run.rs"}, "run.jobs::run"),
    ],
)  # fmt: skip
def test_frames_of_other_platforms_have_names_without_builds(platform: str, given: dict[str, Json], name: str) -> None:
    event = {"platform": platform, "exception": {"type": "Error", "stacktrace": {"frames": [given]}}}

    assert f"frame {name}" in fingerprint_event(event).parts
    assert fingerprint_event(event).key != fingerprint_event({**event, "exception": {"type": "Error"}}).key


LONG = 300_000
LONG_FRAME = {"function": "$$a" * LONG, "filename": "-1." * LONG, "context_line": "x " * LONG}
LONG_VALUE = {"type": "a/:" * LONG, "module": "/" * LONG, "value": "a1-" * LONG, "stacktrace": [LONG_FRAME] * 20}
HOSTILE: dict[str, Callable[[], Json]] = {
    "many exceptions": lambda: {
        "exception": [{"type": f"E{n}", "stacktrace": [{"function": f"f{n}"}]} for n in range(50_000)]
    },
    "many frames": lambda: {
        "exception": {"type": "E", "stacktrace": [{"function": f"f{n}$$a{n}"} for n in range(200_000)]}
    },
    "many frames of classes": lambda: {
        "platform": "java",
        "exception": [{"type": "E", "stacktrace": [{"module": "a.B$$Lambda$5" * 40} for n in range(2_000)]}] * 20,
    },
    "many threads": lambda: {"threads": [{"id": n, "crashed": True} for n in range(200_000)]},
    "many tags": lambda: {"tags": [["a", "b"]] * 200_000},
    "many members": lambda: {f"a{n}": "x" for n in range(200_000)},
    "many indexes": lambda: {"exception": {"values": {str(n): {"type": "E"} for n in range(200_000)}}},
    "long texts": lambda: {"platform": "javascript", "exception": LONG_VALUE},
    "long texts of Python": lambda: {"exception": LONG_VALUE},
    "long stack trace": lambda: {"stacktrace": "at f (a.js)\n" * 1_000_000},
    "huge number": lambda: {"exception": {"type": "E", "value": 10**100_000}},
    "wrappers": lambda: {"event": {"data": {"event": {"data": {"event": {"data": {"event": {}}}}}}}},
}


def circle() -> Json:
    event: Json = {"type": "E"}
    event.update(exception=event, values=event, frames=event, stacktrace=event, threads=event, tags=event, event=event)
    event.update(mechanism=event, message=event, entries=[event], source=[event], fingerprint=[event])
    return event


@pytest.mark.parametrize(
    "event",
    [
        circle(),
        {
            "exception": [
                {"type": "E", "mechanism": {"exception_id": n, "source": [n], "parent_id": {}}} for n in (1, 0)
            ]
        },
        {
            "exception": {"type": "E", "mechanism": ["x"], "thread_id": []},
            "threads": [{"id": []}, {"id": {}, "main": []}],
        },
        {"platform": [], "logger": {}, "fingerprint": [[], {}], "contexts": {"enginel": {"a": 1}}, "tags": [[[], []]]},
    ],
    ids=["circle", "sources", "threads", "attributes"],
)
def test_what_has_another_type_is_no_reason_to_give_up(event: Json) -> None:
    assert fingerprint_event(event).parts[0] != "unreadable event"


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_bounded(name: str) -> None:
    event = HOSTILE[name]()
    began = time.perf_counter()
    made = fingerprint_event(event)

    assert time.perf_counter() - began < 3
    assert made.parts[0] != "unreadable event"


def test_a_deep_event_keeps_what_it_says() -> None:
    deep: Json = {}
    for _ in range(50_000):
        deep = {"event": deep, "values": [deep], "frames": [deep], "message": deep}
    try:
        made = fingerprint_event({"exception": {"type": "E", "value": deep, "stacktrace": deep}, "message": deep})
    finally:
        while deep:  # fifty thousand levels are not for the interpreter to free at once
            inner = deep.pop("event")
            deep.clear()
            deep = inner

    assert made.parts[0] == "type E"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    *("exception", "values", "type", "value", "module", "stacktrace", "frames", "function", "filename", "abs_path"),
    *("lineno", "context_line", "in_app", "vars", "threads", "crashed", "current", "id", "thread_id", "mechanism"),
    *("exception_id", "parent_id", "is_exception_group", "source", "logentry", "message", "formatted", "params"),
    *(
        "entries",
        "data",
        "event",
        "errors",
        "backtrace",
        "tags",
        "logger",
        "platform",
        "fingerprint",
        "csp",
        "template",
    ),
    *(
        "sentry.interfaces.Exception",
        "raw_stacktrace",
        "metadata",
        "title",
        "culprit",
        "transaction",
        "context",
        "line",
    ),
)
LIKELY = st.recursive(
    JSON | st.sampled_from(["python", "javascript", "message", "exception", "0", "a.py", 0, 1, True]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
        | st.dictionaries(st.sampled_from(["0", "1", "01"]), inner, max_size=2)
    ),
    max_leaves=40,
)


@given(LIKELY)
def test_no_json_breaks_the_reading(event: Json) -> None:
    made = fingerprint_event(event)

    assert made.parts[0] != "unreadable event"
    assert made == fingerprint_event(copy.deepcopy(event))
