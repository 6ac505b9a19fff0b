"""Records that an earlier version stored with text no encoder takes."""

from __future__ import annotations

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from designs.models import User
from designs.monitoring import ErrorTracker
from designs.monitoring.errors.keys import GROUP_PREFIX, PREFIX
from integrations.redis import redis_for

pytestmark = pytest.mark.django_db
PAGES = ("/api/monitoring/errors/", "/api/monitoring/dashboard/", "/api/monitoring/groups/", "/admin/monitoring/")


def replace_in(key: str, old: bytes, new: bytes) -> None:
    """Replace text in every field of a hash."""
    gateway = redis_for(settings.REDIS_URL)
    fields = gateway.run(lambda client: client.hgetall(key))
    changed = {field: value.replace(old, new) for field, value in fields.items() if old in value}
    assert changed
    gateway.run(lambda client: client.hset(key, mapping=changed))


def test_a_stored_lone_surrogate_makes_no_page_unreadable() -> None:
    record = ErrorTracker.log_error(ValueError("marker one"), {"seen": "marker two"})
    group = record["fingerprint"]
    replace_in(f"{PREFIX}records", b"marker", rb"\ud800 \ud83d\ude00")
    replace_in(f"{GROUP_PREFIX}{group}", b"marker", b"\xed\xa0\x80")
    replace_in(f"{GROUP_PREFIX}{group}", b'["', rb'["\udfff')
    api = APIClient()
    api.force_login(User.objects.create_superuser("root", password="long enough for tests"))

    answers = {path: api.get(path) for path in (*PAGES, f"/api/monitoring/groups/{group}/")}

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    [stored] = answers[PAGES[0]].json()["errors"]
    assert stored["error_message"] == "? \U0001f600 one"
    assert stored["context"]["seen"] == "? \U0001f600 two"
