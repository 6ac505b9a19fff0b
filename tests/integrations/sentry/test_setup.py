"""Sentry is set up once a DSN is given: its integrations on, captures lean, no breadcrumbs of ours."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import redis
import sentry_sdk
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

from designs.monitoring import ErrorTracker
from designs.monitoring.sentry.sdk_start import start_sentry
from integrations.sentry import RESERVED_OPTIONS
from tests.support.sentry_capture import Collecting, started, transport

__all__ = ["transport"]


def options() -> dict[str, Any]:
    return sentry_sdk.get_client().options


def test_without_a_dsn_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentry_sdk, "init", lambda **options: pytest.fail("started"))

    assert start_sentry() is False
    assert not sentry_sdk.get_client().is_active()


def test_with_a_dsn_the_integrations_are_on(transport: Collecting) -> None:
    integrations = sentry_sdk.get_client().integrations

    assert {"enginel", "django", "celery", "redis", "logging", "dedupe", "excepthook", "threading"} <= set(integrations)
    # Neither of them is asked for, whatever is installed.
    assert not {"flask", "boto3"} & set(integrations)


def test_settings_reach_the_sdk() -> None:
    with started(ENGINEL_SENTRY_TRACES_SAMPLE_RATE=0.25):
        told = options()

    assert (told["environment"], told["release"]) == ("staging", "1.2.3")
    assert told["traces_sample_rate"] == 0.25
    assert told["project_root"] == str(settings.BASE_DIR)


def test_captures_are_lean_and_tracing_costs_nothing_unasked(transport: Collecting) -> None:
    told = options()

    assert (told["include_local_variables"], told["include_source_context"]) == (False, False)
    assert told["traces_sample_rate"] is None
    assert not told["send_default_pii"]
    assert not told["auto_session_tracking"]


def test_an_empty_release_is_none() -> None:
    with started(ENGINEL_RELEASE=""):
        assert options()["release"] in (None, sentry_sdk.utils.get_default_release())


@pytest.mark.parametrize("name", sorted(RESERVED_OPTIONS))
def test_an_option_of_ours_is_refused_and_has_no_effect(name: str) -> None:
    with override_settings(ENGINEL_SENTRY_OPTIONS={name: True}):
        (error,) = [found for found in run_checks(tags=["enginel"]) if found.id == "enginel.E004"]

    assert error.obj == name
    with started(ENGINEL_SENTRY_OPTIONS={name: True}):
        assert options()["include_local_variables"] is False
        assert options()["data_collection"]["provided_by_user"] is False


def test_other_options_are_the_deployments() -> None:
    with started(ENGINEL_SENTRY_OPTIONS={"max_breadcrumbs": 7, "server_name": "web-1"}):
        assert (options()["max_breadcrumbs"], options()["server_name"]) == (7, "web-1")


def breadcrumbs(transport: Collecting) -> list[dict[str, Any]]:
    sentry_sdk.capture_message("show them")
    crumbs: list[dict[str, Any]] = transport.events[-1].get("breadcrumbs", {}).get("values", [])
    return crumbs


def test_our_own_commands_and_lines_leave_no_breadcrumb(transport: Collecting) -> None:
    for number in range(3):
        ErrorTracker.log_error(f"number {number}")
    ErrorTracker.get_groups()
    ErrorTracker.get_recent_errors()

    assert breadcrumbs(transport) == []


def test_the_applications_commands_and_lines_do(transport: Collecting) -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.get("of the application")
    client.close()
    logging.getLogger("designs.somewhere").warning("about to fail")

    assert [crumb["category"] for crumb in breadcrumbs(transport)] == ["redis", "designs.somewhere"]
