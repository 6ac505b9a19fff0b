"""Names that are made of data are no names of the program: of types, functions, files and modules."""

from __future__ import annotations

import io
import json
import logging
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import sentry_sdk
from django.conf import settings

from designs import context
from designs.exceptions import CorruptedFile
from designs.logs import JSONFormatter
from designs.monitoring import ErrorTracker
from designs.monitoring.controlled.program_names import is_known_frame, is_known_type
from designs.monitoring.withheld_results import kept_type
from integrations.sentry import fresh_scope
from tests.support.kept_content import redis_with
from tests.support.sentry_capture import Collecting, started

MARKER = "ZQX_Marker_7341"
log = logging.getLogger("designs.somewhere")


@pytest.fixture
def heard() -> Iterator[Collecting]:
    with started() as transport, fresh_scope():
        yield transport


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def of_type() -> None:
    raise type(MARKER, (ValueError,), {})("words")


def of_nested_type() -> None:
    class Outer:
        pass

    inner = type("Inner", (ValueError,), {"__qualname__": f"Outer.{MARKER}"})
    raise inner("words") from type("Cause", (KeyError,), {"__module__": MARKER})("words")


def of_group() -> None:
    raise ExceptionGroup("words", [type(MARKER, (ValueError,), {})("words")])


def compiled(source: str, path: str, names: dict[str, Any]) -> None:
    exec(compile(source, path, "exec"), names)


def of_file() -> None:
    compiled("raise ValueError('words')", f"/data/{MARKER}.py", {"__name__": __name__})


def of_own_file() -> None:
    compiled(
        "raise ValueError('words')", str(settings.BASE_DIR / "designs" / f"{MARKER}.py"), {"__name__": "designs.x"}
    )


def of_function() -> None:
    compiled(f"def {MARKER}():\n    raise ValueError('words')\n{MARKER}()", __file__, {"__name__": __name__})


def of_class() -> None:
    source = f"class {MARKER}:\n    def run(self):\n        raise ValueError('words')\n{MARKER}().run()"
    compiled(source, "<string>", {"__name__": "builtins"})


def of_module() -> None:
    compiled("raise ValueError('words')", __file__, {"__name__": MARKER})


def of_registered_module() -> None:
    module = types.ModuleType(MARKER)
    vars(module)["__file__"] = f"/data/{MARKER}.py"
    sys.modules[MARKER] = module
    try:
        compiled(f"class {MARKER}(ValueError): pass\nraise {MARKER}('words')", f"/data/{MARKER}.py", vars(module))
    finally:
        del sys.modules[MARKER]


def of_code() -> None:
    raise type("Coded", (CorruptedFile,), {"default_code": MARKER})("words")


WAYS: dict[str, Callable[[], None]] = {
    name.removeprefix("of_"): act for name, act in list(globals().items()) if name.startswith("of_")
}


def report(act: Callable[[], None]) -> BaseException:
    try:
        act()
    except Exception as error:
        # Each is a failure of its own for those who look.
        log.exception("words", stack_info=True)
        sentry_sdk.capture_exception(error)
        ErrorTracker.log_error(error)
        return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("way", WAYS)
def test_a_controlled_failure_keeps_names_of_the_program_only(heard: Collecting, lines: io.StringIO, way: str) -> None:
    context.set_controlled()

    report(WAYS[way])

    [record] = ErrorTracker.get_recent_errors(10)
    group = ErrorTracker.get_group(record["fingerprint"])
    assert MARKER not in json.dumps([record, group])
    assert MARKER not in lines.getvalue()
    assert heard.events
    assert MARKER not in str(heard.raw)
    assert redis_with(redis.Redis.from_url(settings.REDIS_URL), MARKER) == []
    assert "in report" in record["traceback"]


def test_an_ordinary_failure_keeps_all_names(heard: Collecting, lines: io.StringIO) -> None:
    report(of_type)

    [record] = ErrorTracker.get_recent_errors(10)
    assert record["error_type"] == MARKER
    assert MARKER in lines.getvalue()


def test_names_of_the_program_are_known() -> None:
    import dataclasses

    assert is_known_type("builtins", "ValueError")
    assert is_known_type("designs.exceptions", "CorruptedFile")
    assert is_known_type("designs.models", "Design.DoesNotExist")
    assert is_known_frame(__name__, __file__, "test_names_of_the_program_are_known")
    assert is_known_frame("dataclasses", dataclasses.__file__, "dataclass.<locals>.wrap")
    assert not is_known_type("designs.exceptions", MARKER)
    assert not is_known_frame(__name__, __file__, f"{MARKER}.run")


def test_the_type_of_a_kept_failure_is_one_of_the_program() -> None:
    assert kept_type("designs", MARKER) == ("designs", MARKER)
    context.set_controlled()
    assert kept_type("designs", MARKER) == ("builtins", "Exception")
    assert kept_type("designs.exceptions", "CorruptedFile") == ("designs.exceptions", "CorruptedFile")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"user_id": MARKER}, {"user_id": "[withheld]"}),
        ({"user_id": 7}, {"user_id": 7}),
        ({"user_id": "6f1de9a2-9d34-4c55-8f1f-2f6d2a9d3a10"}, {"user_id": "6f1de9a2-9d34-4c55-8f1f-2f6d2a9d3a10"}),
        ({"request_path": f"/designs/{MARKER}/"}, {"request_path": "/designs/[withheld]/"}),
        ({"request_path": "/designs/rotor-blade/41/"}, {"request_path": "/designs/[withheld]/41/"}),
        ({"severity": MARKER}, {"severity": "ERROR"}),
        ({"source": MARKER}, {"source": "explicit"}),
        ({"operation": MARKER}, {}),
        ({"context": {MARKER: None, "blade": True, "part": "6f1de9a2-9d34-4c55-8f1f-2f6d2a9d3a10"}}, {}),
    ],
)
def test_what_the_caller_states_of_a_controlled_failure_is_kept_if_it_is_an_id(
    given: dict[str, Any], kept: dict[str, Any]
) -> None:
    with context.use(context.RunContext(request_id="r" * 8, path="/designs/1/", is_controlled=True)):
        ErrorTracker.log_error("words", **given)

    [record] = ErrorTracker.get_recent_errors(10)
    assert {name: record[name] for name in kept} == kept
    assert record["context"].keys() <= {"withheld"}
    assert MARKER not in json.dumps(record)
    assert redis_with(redis.Redis.from_url(settings.REDIS_URL), MARKER.lower()) == []
    assert redis_with(redis.Redis.from_url(settings.REDIS_URL), MARKER) == []
