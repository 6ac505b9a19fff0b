"""Controlled designs: whatever reports a failure that concerns one, nothing of its content or names gets out."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from logging.handlers import MemoryHandler
from threading import Thread
from typing import Any

import pytest
import redis
import sentry_sdk
from asgiref.sync import sync_to_async
from celery import shared_task, signals
from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from designs import context
from designs.cad import scan_step
from designs.exceptions import CorruptedFile, GeometryProcessingError
from designs.logs import JSONFormatter
from designs.models import Design, Series
from designs.monitoring import ErrorTracker, PerformanceMonitor
from designs.monitoring.sentry.content_frames import first_with_content, handles_content
from designs.monitoring.withheld import WITHHELD, ids_only, own_words, path_of_ids
from tests.support.kept_content import redis_with
from tests.support.probe_views import doing
from tests.support.sentry_capture import Collecting, serve, started

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

MARKER = "ZQX-Marker-7341"
CONTROLLED = {"itar": {"is_itar": True}, "classified": {"classification": 1}}
log = logging.getLogger("designs.somewhere")


@pytest.fixture
def heard() -> Iterator[Collecting]:
    with started(ENGINEL_SENTRY_TRACES_SAMPLE_RATE=1.0) as transport:
        yield transport


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the service's log holds."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    logging.getLogger().addHandler(handler)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.INFO)
    yield stream
    logging.getLogger().setLevel(level)
    logging.getLogger().removeHandler(handler)


@pytest.fixture(params=CONTROLLED)
def controlled(request: pytest.FixtureRequest, make_design: Any, acme: Any) -> Design:
    series = Series.objects.create(organization=acme, part_number=MARKER, name=MARKER)
    made: Design = make_design(series=series, file_name=f"{MARKER}.step", **CONTROLLED[request.param])
    context.start(context.RunContext())
    return made


class Quoting(Exception):
    """Says more than it should, in all the ways the monitoring asks."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.details = {"part": text, text: 1, "reason": text, "parts": [text]}
        self.error_fingerprint = [text]
        self.default_detail = text
        self.add_note(text)


def load(pk: Any) -> str:
    """Load a design and return its name."""
    return Design.objects.select_related("series").get(pk=pk).series.part_number


def fail(pk: Any) -> None:
    """Load a design, say its name wherever there is a place, and fail with a chain and a group that quote it."""
    sentry_sdk.add_breadcrumb(message=f"early {MARKER}", data={"part": MARKER})
    log.info("early %s", "words")
    name = load(pk)
    log.warning("about %s", name, extra={"part": name})
    log.warning(f"about {name}")  # noqa: G004
    log.error(f"line about {name}")  # noqa: G004
    log.error("a line about %s", name, extra={"part": name})
    scope = sentry_sdk.get_isolation_scope()
    scope.set_extra("part", name)
    scope.set_tag("part", name)
    scope.set_context("part", {"name": name})
    scope.add_attachment(bytes=name.encode(), filename=name)
    ErrorTracker.log_error(f"reported {name}", {"part": name, "design_id": str(pk)}, request_path=f"/parts/{name}")
    ErrorTracker.log_error(Quoting(name), [name])
    ErrorTracker.log_error(ExceptionGroup(name, [ValueError(name), KeyError(name)]))
    sentry_sdk.capture_message(f"captured {name}", "error")
    sentry_sdk.capture_exception(OSError(5, name, name))
    try:
        log.error("handled", exc_info=Quoting(name))
        raise Quoting(name)
    except Quoting as error:
        raise GeometryProcessingError(f"Cannot read {name}", details={"product": name}) from error


def in_a_view(path: str) -> Callable[[Any], None]:
    def run(pk: Any) -> None:
        with doing(lambda request: fail(pk)):
            assert serve(f"{path}?part={MARKER}")[0] >= 400

    return run


def in_an_async_view(pk: Any) -> None:
    with doing(lambda request: sync_to_async(fail)(pk)):
        assert serve(f"/api/probe/async/?part={MARKER}")[0] == 500


def in_children_of_a_view(pk: Any) -> None:
    """The thread and the coroutine that load the design have contexts of their own."""

    def act(request: Any) -> None:
        names: list[str] = []
        run = copy_context().run

        def work() -> None:
            names.append(load(pk))

        # In this thread: another one would not see the test's transaction.
        run(work)

        async def aload() -> None:
            context.set_controlled()

        asyncio.run(aload())
        raise ValueError(names[0])

    with doing(act):
        assert serve("/api/probe/plain/")[0] == 500


def in_a_pool_of_a_view(pk: Any) -> None:
    """Threads of a pool know nothing of the request they work for."""

    def work() -> None:
        # Loading needs the test's transaction, which this thread does not see.
        context.set_controlled()
        raise ValueError(f"about {MARKER}")

    def act(request: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()

    with doing(act):
        assert serve("/api/probe/plain/")[0] == 500


def in_a_thread(pk: Any) -> None:
    def work() -> None:
        context.set_controlled()
        log.error(f"about {MARKER}")  # noqa: G004
        ErrorTracker.log_error(ValueError(f"about {MARKER}"))

    thread = Thread(target=work)
    thread.start()
    thread.join()


def in_a_stream(pk: Any) -> None:
    def body() -> Iterator[bytes]:
        yield b"begun"
        fail(pk)

    def act(request: Any) -> Any:
        from django.http import StreamingHttpResponse

        return StreamingHttpResponse(body())

    with doing(act), pytest.raises(GeometryProcessingError):
        serve("/api/probe/plain/")


@shared_task(name="probe.controlled_in_test")
def failing_task(pk: str) -> None:
    fail(pk)


def in_an_eager_task(pk: Any) -> None:
    failing_task.apply((str(pk),))


def after_an_eager_task(pk: Any) -> None:
    """The code that ran the task goes on with what it knows."""
    result = failing_task.apply((str(pk),))
    ErrorTracker.log_error(ValueError(str(result.result)))
    with doing(lambda request: tell(ValueError(str(failing_task.apply((str(pk),)).result)))):
        serve("/api/probe/plain/")


class FailingCommand(BaseCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        fail(self.pk)


def in_a_command(pk: Any) -> None:
    command = FailingCommand()
    command.pk = pk  # type: ignore[attr-defined]
    with pytest.raises((CommandError, GeometryProcessingError)):
        call_command(command)


def by_queries(pk: Any) -> None:
    """Lists, related objects and deferred fields load designs, too."""
    for load_it in (
        lambda: list(Design.objects.filter(pk=pk)),
        lambda: Series.objects.prefetch_related("designs").get(designs=pk),
        lambda: Design.objects.only("file_name").get(pk=pk),
        lambda: Design.objects.raw("SELECT * FROM designs_design")[0],
    ):
        context.start(context.RunContext())
        load_it()
        ErrorTracker.log_error(ValueError(f"about {MARKER}"))


def in_names(pk: Any) -> None:
    """What names a log line, a breadcrumb, a span, a transaction and a user is free text, too."""

    def act(request: Any) -> None:
        name = load(pk)
        logging.addLevelName(45, name)
        logging.getLogger(f"designs.{name}").log(45, "words")
        logging.addLevelName(45, "Level 45")
        sentry_sdk.add_breadcrumb(type=name, category=name, level=name)
        sentry_sdk.set_user({"id": "7", "username": name, name: name})
        sentry_sdk.capture_exception(ValueError(name))
        with sentry_sdk.start_span(op=name, name=name):
            sentry_sdk.get_current_scope().set_transaction_name(name)
            sentry_sdk.get_current_scope().set_level(name)

    with doing(act):
        serve("/api/probe/plain/")


WAYS: dict[str, Callable[[Any], None]] = {
    "plain view": in_a_view("/api/probe/plain/"),
    "async view": in_an_async_view,
    "DRF view": in_a_view("/api/probe/drf/"),
    "children of a view": in_children_of_a_view,
    "pool of a view": in_a_pool_of_a_view,
    "thread": in_a_thread,
    "path": in_a_view(f"/api/probe/long/{MARKER}"),
    "stream": in_a_stream,
    "eager task": in_an_eager_task,
    "after an eager task": after_an_eager_task,
    "command": in_a_command,
    "queries": by_queries,
    "names": in_names,
}


@pytest.mark.parametrize("way", WAYS)
def test_no_report_of_a_controlled_design_holds_content(
    controlled: Design, heard: Collecting, lines: io.StringIO, way: str
) -> None:
    WAYS[way](controlled.pk)

    records, groups = ErrorTracker.get_recent_errors(100), ErrorTracker.get_groups()
    told = [json.dumps(ErrorTracker.get_group(group["fingerprint"])) for group in groups]
    assert records
    assert heard.events
    assert [text for text in map(json.dumps, records) if MARKER in text] == []
    assert [text for text in told if MARKER in text] == []
    assert redis_with(redis.Redis.from_url(settings.REDIS_URL), MARKER) == []
    # A line that is written before the design is loaded names the request's path.
    later = [line for line in lines.getvalue().splitlines() if "early words" not in line]
    assert [line for line in later if MARKER in line] == []
    assert [raw for raw in heard.raw if MARKER.encode() in raw] == []
    assert MARKER not in repr(heard.events)


def test_names_of_the_program_stay(controlled: Design, heard: Collecting, lines: io.StringIO) -> None:
    def act(request: Any) -> None:
        load(controlled.pk)
        sentry_sdk.add_breadcrumb(category="designs.scan", level="warning")
        log.error("words")

    with doing(act):
        serve("/api/probe/plain/")

    error, transaction = heard.events[0], heard.events[-1]
    assert error["logger"] == "designs.somewhere"
    assert [crumb["category"] for crumb in error["breadcrumbs"]["values"]][-1] == "designs.scan"
    assert (error["transaction"], transaction["transaction"]) == ("/api/probe/plain/",) * 2
    assert transaction["contexts"]["trace"]["op"] == "http.server"
    assert '"logger": "designs.somewhere", "message": "words"' in lines.getvalue()


def test_it_holds_until_the_operation_ends_and_no_longer(controlled: Design, make_design: Any) -> None:
    free = make_design()

    def act(request: Any) -> None:
        load(controlled.pk)
        load(free.pk)
        ErrorTracker.log_error(ValueError(f"about {MARKER}"))

    with doing(act):
        serve("/api/probe/plain/")
    assert not context.is_controlled()
    with doing(lambda request: tell(ValueError(load(free.pk)))):
        serve("/api/probe/plain/")

    second, first = ErrorTracker.get_recent_errors(2)
    assert (first["error_message"], second["error_message"]) == (WITHHELD, free.series.part_number)


def test_the_operation_and_the_own_words_are_told(controlled: Design) -> None:
    with doing(lambda request: (load(controlled.pk), _fail_in_own_words(controlled.pk))):
        serve("/api/probe/drf/")

    (record,) = ErrorTracker.get_recent_errors(1)
    assert record["error_message"] == "A pipe of the program is closed."
    assert record["context"]["design_id"] == str(controlled.pk)
    assert record["context"]["details"] == {"stage": "read", "withheld": 1}
    assert record["request_path"] == "/api/probe/drf/"
    assert "_fail_in_own_words" in record["traceback"]


def _fail_in_own_words(pk: Any) -> None:
    try:
        raise GeometryProcessingError("A pipe of the program is closed.", details={"stage": "read", "part": MARKER})
    except GeometryProcessingError as error:
        ErrorTracker.log_error(error, {"design_id": str(pk)})
        raise


def test_a_task_inherits_it_from_the_request_that_queues_it() -> None:
    context.set_controlled()
    headers = json.loads(json.dumps({context.HEADER: context.to_headers(context.current())}))
    context.start(context.RunContext())

    assert context.from_headers(headers).is_controlled
    assert not context.from_headers({context.HEADER: {"is_controlled": "yes"}}).is_controlled


def test_an_exception_keeps_it_after_its_operation(controlled: Design, lines: io.StringIO) -> None:
    error = ValueError(f"{MARKER} is broken")
    with context.use(context.RunContext(is_controlled=True)):
        ErrorTracker.log_error(error)
    log.error("late", exc_info=error)

    assert MARKER not in lines.getvalue()


def test_a_word_in_a_line_is_one_of_the_program(lines: io.StringIO) -> None:
    context.set_controlled()
    part = "tekcarb_tfel"[::-1]
    log.warning("reading %s of %s by %s in step %s", part, 7, "POST", "scan")
    log.warning("reading %(part)s", {"part": part})
    context.start(context.RunContext())

    assert [json.loads(line)["message"] for line in lines.getvalue().splitlines()] == [
        f"reading {WITHHELD} of 7 by POST in step scan",
        f"reading {WITHHELD}",
    ]


def test_a_line_that_a_handler_keeps_is_withheld_when_it_is_written(controlled: Design) -> None:
    written = io.StringIO()
    target = logging.StreamHandler(written)
    target.setFormatter(JSONFormatter())
    keeper = MemoryHandler(100, target=target)
    log.addHandler(keeper)
    try:

        def act(request: Any) -> None:
            name = load(controlled.pk)
            log.warning(f"about {name}", extra={"part": name}, exc_info=ValueError(name))  # noqa: G004

        with doing(act):
            serve("/api/probe/plain/")
        with doing(lambda request: keeper.flush()):
            serve("/api/probe/plain/")
    finally:
        log.removeHandler(keeper)

    [line] = written.getvalue().splitlines()
    assert MARKER not in line
    assert json.loads(line)["message"] == WITHHELD


def test_work_that_outlives_its_request_keeps_it(controlled: Design, lines: io.StringIO) -> None:
    """It was started before the design was loaded, as a coroutine may be, with a copy of the context."""
    started_before: list[tuple[Any, str]] = []

    def act(request: Any) -> None:
        run = copy_context()
        started_before.append((run, load(controlled.pk)))

    with doing(act):
        assert serve("/api/probe/plain/")[0] == 200
    gc.collect()
    [(run, name)] = started_before
    run.run(log.error, f"late {name}")
    run.run(ErrorTracker.log_error, ValueError(name))

    assert MARKER not in lines.getvalue()
    assert MARKER not in json.dumps(ErrorTracker.get_recent_errors())


def test_what_celery_reports_after_a_task_is_withheld_like_what_the_task_does(controlled: Design) -> None:
    def run(task_id: str) -> None:
        signals.task_prerun.send(sender=failing_task, task_id=task_id, task=failing_task)
        if task_id == "controlled":
            load(controlled.pk)
        signals.task_postrun.send(sender=failing_task, task_id=task_id, task=failing_task)
        error = ValueError(f"about {MARKER}")
        signals.task_internal_error.send(sender=failing_task, task_id=task_id, exception=error, args=(), kwargs={})

    run("controlled")
    run("free")

    free, withheld = ErrorTracker.get_recent_errors(2)
    assert (withheld["error_message"], free["error_message"]) == (WITHHELD, f"about {MARKER}")


def test_other_designs_keep_their_messages(make_design: Any, acme: Any, heard: Collecting, lines: io.StringIO) -> None:
    series = Series.objects.create(organization=acme, part_number=MARKER, name="a part")
    design = make_design(series=series)

    with doing(lambda request: fail(design.pk)):
        serve("/api/probe/drf/")

    record = ErrorTracker.get_recent_errors(1)[0]
    assert record["error_message"] == f"Cannot read {MARKER}"
    assert record["context"]["details"] == {"product": MARKER}
    assert MARKER in heard.events[-1]["exception"]["values"][-1]["value"]
    assert f"about {MARKER}" in lines.getvalue()


def test_frames_that_handle_files_and_all_they_call_send_no_locals(
    heard: Collecting, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*args: Any, **kwargs: Any) -> None:
        inner = MARKER  # noqa: F841
        raise ValueError("no")

    monkeypatch.setattr("designs.cad.part21.structure._Scanner._check_nothing_follows", explode)
    path = tmp_path / "part.step"
    path.write_text(
        f"ISO-10303-21;HEADER;FILE_SCHEMA(('CONFIG_CONTROL_DESIGN'));ENDSEC;DATA;#1=PRODUCT('{MARKER}');ENDSEC;END-ISO-10303-21;"
    )
    with doing(lambda request: scan_step(path)):
        serve("/api/probe/plain/")

    frames = heard.events[0]["exception"]["values"][-1]["stacktrace"]["frames"]
    own = [frame["module"] for frame in frames if "vars" in frame]
    assert "tests.support.probe_views" in own
    assert not any(name.startswith("designs.cad") or name == __name__ for name in own)
    assert MARKER.encode() not in b"".join(heard.raw)


def test_a_module_is_known_by_what_it_works_with() -> None:
    from designs import (
        context,
        design_lifecycle,
        part_numbers,
        tasks,
        uploads,
    )
    from designs.cad import units
    from designs.views import designs as views

    handling = (units, tasks, uploads, design_lifecycle, views)
    assert [module.__name__ for module in handling if not handles_content(vars(module))] == []
    assert [module.__name__ for module in (part_numbers, context) if handles_content(vars(module))] == []
    assert first_with_content([]) == 0


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"design_id": "6f1de9a2-9d34-4c55-8f1f-2f6d2a9d3a10", "step": "scan"}, True),
        ({"attempt": 1, "status": 500, "view": "DesignView", "signal": "SIGSEGV"}, True),
        ({"part_number": MARKER}, False),
        ({"reason": MARKER}, False),
        ({MARKER: 1}, False),
        ({"volume": 3.25}, False),
        ({"parts": ["a"]}, False),
        ({"nested": {"part": MARKER}}, False),
    ],
)
def test_contexts_keep_ids_and_known_facts(given: dict[str, Any], kept: bool) -> None:
    assert ids_only(given) == (given if kept else {"withheld": 1})


def test_paths_keep_ids_and_words() -> None:
    ident = "6f1de9a2-9d34-4c55-8f1f-2f6d2a9d3a10"

    assert path_of_ids(f"/api/designs/{ident}/bom/?part=x") == f"/api/designs/{ident}/bom/"
    assert path_of_ids(f"/parts/{MARKER}/") == "/parts/[withheld]/"


def tell(error: BaseException) -> None:
    ErrorTracker.log_error(error)


def raised(make: Callable[[], BaseException]) -> BaseException:
    try:
        raise make()
    except BaseException as error:
        return error


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CorruptedFile(f"line {MARKER}"), "This file is damaged."),
        (lambda: CorruptedFile(f"{MARKER}", details={"reason": "truncated"}), "This file is damaged. (truncated)"),
        (lambda: GeometryProcessingError(f"Failed: {1}", is_fixed=True), "Failed: 1"),
        (lambda: KeyError(MARKER), WITHHELD),
        (lambda: OSError(28, MARKER, MARKER), "[Errno 28] No space left on device"),
        (lambda: UnicodeDecodeError("utf-8", MARKER.encode(), 0, 1, MARKER), WITHHELD),
    ],
)
def test_exceptions_say_their_own_words(make: Callable[[], BaseException], words: str) -> None:
    assert own_words(raised(make)) == words


def test_an_operation_that_is_named_by_a_design_is_measured_without_its_name() -> None:
    context.set_controlled()
    name = MARKER[::-1][::-1].lower()
    with PerformanceMonitor.track_duration(f"read {name}"), PerformanceMonitor.track_duration("read a part"):
        pass
    PerformanceMonitor.report_slow(f"slow {name}", 1.0)
    PerformanceMonitor._record_duration(f"timed {name}", 1.0)
    context.start(context.RunContext())

    measured = PerformanceMonitor.get_all_operation_stats()
    assert {"read a part", WITHHELD} <= set(measured)
    assert name not in json.dumps(measured)
