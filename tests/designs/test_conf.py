"""Settings of the monitoring have defaults and are read when used."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils.functional import cached_property

from designs.conf import Conf, conf

ATTRIBUTES = [
    *Conf.__annotations__,
    *(name for name, kind in vars(Conf).items() if isinstance(kind, cached_property)),
]
DEFAULTS = {
    "ring_size": 100,
    "ring_seconds": 3600,
    "group_seconds": 86_400,
    "max_groups": 10_000,
    "window_seconds": 300,
    "max_event_bytes": 65_536,
    "local_ring_size": 100,
    "redact_email": False,
    "redact_ip": False,
    "fingerprint_source_line": True,
    "service": "enginel",
}


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_each_setting_has_its_default_and_can_be_overridden(name: str, default: object) -> None:
    assert getattr(conf, name) == default
    with override_settings(**{f"ENGINEL_{name.upper()}": "another"}):
        assert getattr(conf, name) == "another"
    assert getattr(conf, name) == default


def test_environment_and_release_are_the_services() -> None:
    assert conf.environment == "test"
    with override_settings(ENGINEL_RELEASE="1.2.3"):
        assert conf.release == "1.2.3"


def test_the_checkout_is_ours_unless_told_otherwise() -> None:
    assert conf.in_app_roots == (str(settings.BASE_DIR),)
    with override_settings(ENGINEL_IN_APP_ROOTS=["/a", "/b"]):
        assert conf.in_app_roots == ("/a", "/b")


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_no_setting_can_be_set_past_django(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        setattr(conf, name, 5)
