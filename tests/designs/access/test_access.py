"""The access table: every URL of the service, as each identity, by each method.

``access_table.txt`` holds the expected statuses. A URL without rows fails, and rows without a URL fail.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from designs.models import Design, Series
from tests.support.access_requests import (
    IDENTITIES,
    METHODS,
    SECRET,
    UNCLEARED,
    World,
    address,
    answers,
    make_world,
    named_urls,
    valid_bodies,
)

Rows = dict[tuple[str, str], str]

TABLE = Path(__file__).with_name("access_table.txt")
# Of what belongs to one design, the export-controlled one is asked for, too.
CONTROLLED = ", controlled"
# A body that is accepted shows the refusals that 400 and 415 hide.
VALID_BODY = ", valid body"
ADMIN = "/admin/"
WITH_BODY = ("login", "member-list", "series-list", "design-upload")
NO_FIELDS = (b"{}", "application/json")
OF_A_DESIGN = ("design", "admin:designs_design_", "admin:designs_geometry_", "admin:designs_bomitem_")


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without the log lines of thousands of refusals, and without the limit of logins."""
    monkeypatch.setattr("designs.views.auth.count_login_try", lambda *_: None)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def expected() -> Rows:
    rows: Rows = {}
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            label, methods, statuses = (part.strip() for part in line.split("|"))
            rows |= {(label, method): " ".join(statuses.split()) for method in methods.split()}
    return rows


def labels() -> dict[str, str]:
    """Return the URL of each label of the table, with its arguments still to be filled in."""
    found: dict[str, str] = {}
    for name, route in named_urls().items():
        found[name] = route
        if ("design_id" in route or "object_id" in route) and name.startswith(OF_A_DESIGN):
            found[name + CONTROLLED] = route
    return found


def methods_of(label: str) -> tuple[str, ...]:
    return ("POST",) if label.endswith(VALID_BODY) else METHODS


def all_labels() -> list[str]:
    return [*labels(), *(name + VALID_BODY for name in WITH_BODY)]


def walk(world: World, chosen: Callable[[str], bool]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for label, route in labels().items():
        name = label.removesuffix(CONTROLLED)
        if chosen(route):
            url = address(route, world.arguments(name, controlled=label != name))
            for method in METHODS:
                yield label, method, dict(answers(world, url, method, NO_FIELDS))
            if label in WITH_BODY:
                body = valid_bodies(world.series)[label]
                yield label + VALID_BODY, "POST", dict(answers(world, url, "POST", body))


def test_every_url_has_rows_and_every_row_has_a_url() -> None:
    rows, found = expected(), all_labels()
    missing = sorted({label for label in found if any((label, method) not in rows for method in methods_of(label))})
    removed = sorted({label for label, _ in rows} - set(found))

    assert not missing, f"URLs without a row for each method in {TABLE.name}: {missing}"
    assert not removed, f"Rows in {TABLE.name} whose URL is gone: {removed}"


def check(found: Iterator[tuple[str, str, dict[str, Any]]]) -> None:
    """Hold all answers against the table, HEAD against GET, and bodies against who may see them; caches keep none."""
    rows = expected()
    wrong, leaks, heads, kept = [], [], [], []
    by_get: dict[str, tuple[int, str]] = {}
    for label, method, answers_of in found:
        want = rows.get((label, method), "none " * len(IDENTITIES)).split()
        for identity, status in zip(IDENTITIES, want, strict=True):
            answer = answers_of[identity]
            where = f"{label} {method} {identity}"
            seen = (answer.status_code, answer.headers.get("Content-Type", ""))
            wrong += [f"{where}: {answer.status_code}, expected {status}"] if str(answer.status_code) != status else []
            kept += [where] if "no-store" not in answer.headers.get("Cache-Control", "") else []
            leaks += [where] if identity in UNCLEARED and SECRET.encode() in answer.getvalue() else []
            if method == "GET":
                by_get[identity] = seen
            elif method == "HEAD" and (seen != by_get[identity] or answer.getvalue()):
                heads.append(f"{where}: {seen}, GET {by_get[identity]}")
    assert not wrong, "\n".join(["Answers that differ from the table:", *wrong])
    assert not leaks, f"The export-controlled design is shown: {leaks}"
    assert not heads, "\n".join(["HEAD differs from GET:", *heads])
    assert not kept, "\n".join([f"{len(kept)} answers without no-store:", *kept])


@pytest.mark.usefixtures("quiet")
def test_every_answer_outside_the_admin_site_is_that_of_the_table(
    make_design: Callable[..., Design], series: Series
) -> None:
    check(walk(make_world(make_design, series), lambda route: not route.startswith(ADMIN)))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("quiet")
def test_every_answer_of_the_admin_site_is_that_of_the_table(
    make_design: Callable[..., Design], series: Series
) -> None:
    check(walk(make_world(make_design, series), lambda route: route.startswith(ADMIN)))
