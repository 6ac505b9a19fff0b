"""Where no frame is own: the frames that lead to a failure do not count, and renames among them do not split."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from celery import Celery
from django.test import RequestFactory, override_settings
from django.views.generic import View
from rest_framework.views import APIView

from designs.monitoring.fingerprint import fingerprint_event
from designs.monitoring.fingerprint.outer_frames import inner_frames
from tests.support.installed_stacks import both, failure

ACME = ["acme.client:call", "acme.wire:send"]
OUTER = {
    "asyncio": ["asyncio.runners:run", "asyncio.base_events:run_until_complete", "asyncio.events:_run"],
    "a thread": ["threading:_bootstrap", "threading:run"],
    "a pool": ["concurrent.futures.thread:run", "concurrent.futures._base:result"],
    "a program": ["runpy:_run_module_as_main", "manage:main", "django.core.management:execute_from_command_line"],
    "a server": ["gunicorn.workers.sync:handle", "socketserver:handle", "wsgiref.handlers:run"],
    "an ASGI server": ["uvicorn.protocols.http.h11_impl:run_asgi", "asgiref.sync:thread_handler"],
    "Django": [
        "django.core.handlers.wsgi:__call__",
        "django.core.handlers.exception:inner",
        "django.utils.deprecation:__call__",
        "corsheaders.middleware:__call__",
        "django.core.handlers.base:_get_response",
        "django.views.decorators.csrf:_view_wrapper",
        "django.views.generic.base:dispatch",
    ],
    "DRF": ["django.core.handlers.base:_get_response", "rest_framework.viewsets:view", "rest_framework.views:dispatch"],
    "Celery": ["celery.app.trace:trace_task", "celery.app.task:__call__", "celery.app.autoretry:run"],
    "a measuring library": [
        "opentelemetry.instrumentation.django.middleware:__call__",
        "sentry_sdk.integrations:sentry",
    ],
    "our own monitoring": ["designs.middleware.error_tracking:__call__", "designs.worker.error_signals:on_failure"],
}


@pytest.fixture(autouse=True)
def elsewhere() -> Iterator[None]:
    """Nothing here is the application's."""
    with override_settings(ENGINEL_IN_APP_ROOTS=("/nowhere",), ENGINEL_IN_APP_PACKAGES=()):
        yield


@pytest.mark.parametrize("outer", OUTER.values(), ids=OUTER)
def test_a_library_below_frames_that_lead_to_it_has_the_key_of_the_library_alone(outer: list[str]) -> None:
    renamed = [f"{frame}_of_another_release" for frame in outer]
    alone, below, later = (
        both(failure(ACME)),
        both(failure([*outer, *ACME])),
        both(failure([*renamed, "threading:x", *ACME])),
    )

    assert alone.parts == ("type LookupError", "frame acme.client.call", "frame acme.wire.send")
    assert alone.key == below.key == later.key


@pytest.mark.parametrize("frames", [ACME[:1], [*ACME, "acme.wire:retry"], ["other.client:call", ACME[1]], ACME[::-1]])
def test_other_functions_of_libraries_are_other_failures(frames: list[str]) -> None:
    assert both(failure([*OUTER["Django"], *frames])).key != both(failure([*OUTER["Django"], *ACME])).key


def test_commands_of_libraries_count_and_the_way_to_them_does_not() -> None:
    made = both(failure([*OUTER["a program"], "django.core.management.commands.migrate:handle"]))

    assert made.parts == ("type LookupError", "frame django.core.management.commands.migrate.handle")


def test_where_nothing_else_is_left_library_and_message_count() -> None:
    def raised(outer: list[str], text: str) -> Any:
        return both(failure(outer, ValueError(text)))

    first, later = raised(OUTER["asyncio"], "row 5 is bad"), raised(["asyncio.other:renamed"], "row 7 is bad")

    assert first.parts == ("type ValueError", "library asyncio", "message row <number> is bad")
    assert first.key == later.key
    assert first.key != raised(OUTER["asyncio"], "column 5 is bad").key
    assert first.key != raised(OUTER["Celery"], "row 5 is bad").key


def test_what_a_message_names_stands_for_it_where_nothing_else_is_left() -> None:
    made = both(failure(OUTER["Django"], AttributeError("'NoneType' object has no attribute 'user'")))

    assert made.parts == ("type AttributeError", "library django", "names NoneType", "names user")


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["acme.read", "pathlib.read_text", "pathlib.open"], ["acme.read", "pathlib.read_text"]),
        (["acme.read", "pathlib._local.read_text", "io.open"], ["acme.read", "pathlib.read_text"]),
        (["threading.run", "json.loads", "json.decoder.decode"], ["json.loads"]),
        (["acme.read", "importlib.import_module", "importlib._bootstrap._gcd_import"], ["acme.read"]),
        (["json.loads", "acme.hook", "json.loads"], ["json.loads", "acme.hook", "json.loads"]),
        (["acme.x", "acme.middleware.log", "acme.y"], ["acme.x", "acme.y"]),
        (["acme.middlewarex.log", "asynciox.run"], ["acme.middlewarex.log", "asynciox.run"]),
    ],
)
def test_of_the_standard_library_only_what_was_called_counts(names: list[str], kept: list[str]) -> None:
    assert inner_frames(names) == kept


def test_a_type_that_python_has_renamed_is_one_type() -> None:
    with pytest.raises(re.error) as info:
        re.compile("(")
    made = both(failure(ACME, info.value))
    newer = {"exception": {"values": [{"type": "PatternError", "module": "re", "value": "missing )"}]}}

    assert made.parts[0] == "type re.error"
    assert fingerprint_event(newer).parts[0] == "type re.error"


def test_the_innermost_frames_of_a_long_stack_count_however_it_was_reached() -> None:
    deep = [f"acme.layer{n}:call" for n in range(20)]

    assert both(failure(deep)).parts[1:] == tuple(f"frame acme.layer{n}.call" for n in range(8, 20))
    assert both(failure([*deep[:2], *OUTER["asyncio"], *deep[2:]])).key == both(failure(deep)).key


def library(name: str = "find") -> Callable[..., Any]:
    space: dict[str, Any] = {"__name__": "acme.client"}
    exec(compile(f"def {name}(*args, **more):\n    raise LookupError('x')\n", "/venv/acme/client.py", "exec"), space)
    found: Callable[..., Any] = space[name]
    return found


def by_thread(act: Callable[..., Any]) -> BaseException:
    found: list[Any] = []
    before, threading.excepthook = threading.excepthook, lambda args: found.append(args.exc_value)
    try:
        thread = threading.Thread(target=act)
        thread.start()
        thread.join()
    finally:
        threading.excepthook = before
    return found[0]  # type: ignore[no-any-return]


def by_pool(act: Callable[..., Any]) -> BaseException:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).exception()  # type: ignore[return-value]


def by_loop(act: Callable[..., Any]) -> BaseException:
    async def gathered() -> Any:
        return await asyncio.gather(asyncio.to_thread(act), return_exceptions=True)

    return asyncio.run(gathered())[0]  # type: ignore[no-any-return]


def by_view(act: Callable[..., Any]) -> BaseException:
    return _raised(lambda: _view(View, act)(RequestFactory().get("/")))


def by_api_view(act: Callable[..., Any]) -> BaseException:
    return _raised(lambda: _view(APIView, act)(RequestFactory().get("/")))


def by_task(act: Callable[..., Any]) -> BaseException:
    app = Celery("acme", set_as_current=False)
    app.conf.task_always_eager = True
    result: Any = app.task(name="acme.find")(act).apply()
    return result.result  # type: ignore[no-any-return]


def _view(kind: Any, act: Callable[..., Any]) -> Callable[..., Any]:
    view = type("View", (kind,), {"get": act, "permission_classes": (), "authentication_classes": ()})
    made: Callable[..., Any] = view.as_view()
    return made


def _raised(act: Callable[[], Any]) -> BaseException:
    with pytest.raises(LookupError) as info:
        act()
    return info.value


@pytest.mark.parametrize("way", [by_thread, by_pool, by_loop, by_view, by_api_view, by_task])
def test_a_library_that_fails_below_the_real_thing_has_its_own_key(way: Callable[..., BaseException]) -> None:
    exc = way(library())
    link, frames = exc.__traceback__, []
    while link is not None:
        frames.append(link)
        link = link.tb_next
    # What this file calls is the test's, not the way's.
    below = next((f for f in frames if __name__ not in str(f.tb_frame.f_globals["__name__"])), frames[-1])

    assert both(exc.with_traceback(below)).parts == ("type LookupError", "frame acme.client.find")


def test_frames_without_modules_are_known_by_their_path() -> None:
    def event(*paths: str) -> dict[str, Any]:
        frames = [{"abs_path": path, "function": "f"} for path in paths]
        return {"exception": {"values": [{"type": "E", "stacktrace": {"frames": frames}}]}}

    alone = fingerprint_event(event("/venv/lib/python3.11/site-packages/acme/client.py"))
    below = fingerprint_event(
        event("/usr/lib/python3.11/asyncio/runners.py", "/opt/v/lib/python3.12/site-packages/acme/client.py")
    )

    assert alone.parts == ("type E", "frame acme.client.f")
    assert below.key == alone.key
