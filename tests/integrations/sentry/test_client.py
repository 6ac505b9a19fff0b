"""Sentry is set up once a DSN is given, and then captures nothing by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk

from integrations.sentry import init_sentry

DSN = "http://public@127.0.0.1:9/5"


@pytest.fixture(autouse=True)
def no_client_afterwards() -> Iterator[None]:
    yield
    sentry_sdk.get_client().close(timeout=0)
    sentry_sdk.get_global_scope().set_client(None)


def test_without_a_dsn_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentry_sdk, "init", lambda **options: pytest.fail("started"))

    assert init_sentry("", environment="test", release="") is False
    assert not sentry_sdk.get_client().is_active()


def test_with_a_dsn_the_sdk_runs_without_hooks_of_its_own() -> None:
    assert init_sentry(DSN, environment="staging", release="1.2.3") is True

    client = sentry_sdk.get_client()
    assert client.is_active()
    assert client.integrations == {}
    options: dict[str, Any] = client.options
    assert (options["environment"], options["release"]) == ("staging", "1.2.3")
    assert not options["send_default_pii"]
    assert options["include_local_variables"] is False


def test_an_empty_release_is_none() -> None:
    init_sentry(DSN, environment="staging", release="")

    assert sentry_sdk.get_client().options["release"] in (None, sentry_sdk.utils.get_default_release())


def test_a_logged_exception_is_not_captured_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    init_sentry(DSN, environment="staging", release="")
    monkeypatch.setattr(sentry_sdk.get_client(), "capture_event", lambda *a, **k: pytest.fail("captured"))

    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("designs.x").exception("logged")
