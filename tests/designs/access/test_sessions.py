"""Session cookies that Django never made."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

pytestmark = pytest.mark.django_db

KEYS = ["\\000", "a\\000b", "\\000" * 32, "x" * 5000, "'; --", "\\377\\376", "\\331\\241", ""]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
@pytest.mark.parametrize("path", ["/admin/", "/admin/monitoring/", "/admin/designs/design/"])
def test_an_odd_session_cookie_is_no_session(path: str, key: str) -> None:
    client = Client(raise_request_exception=False, HTTP_COOKIE=f'{settings.SESSION_COOKIE_NAME}="{key}"')

    answer = client.get(path)

    assert answer.status_code == 302


def test_a_session_ends_after_a_working_day(admin_client: Client) -> None:
    assert admin_client.session.get_expiry_age() == 36_000
