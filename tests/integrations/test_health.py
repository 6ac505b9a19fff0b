"""The health plugins on what they probe."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection
from django.db.utils import OperationalError
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from integrations.health import CADKernel, Database, Redis
from integrations.redis import FailFastRedis


@pytest.mark.django_db
def test_a_database_that_answers_is_fine() -> None:
    Database().run()


@pytest.mark.django_db
def test_a_database_that_fails_is_unavailable_and_its_message_not_told() -> None:
    def refuse(*args: object) -> None:
        raise OperationalError("secret.example.org refused")

    with connection.execute_wrapper(refuse), pytest.raises(ServiceUnavailable) as caught:
        Database().run()
    assert "secret" not in str(caught.value)


def test_a_redis_that_answers_is_fine() -> None:
    Redis(FailFastRedis(settings.REDIS_URL)).run()


def test_a_redis_that_refuses_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailable):
        Redis(FailFastRedis("redis://127.0.0.1:1/0")).run()


def test_a_missing_kernel_is_a_warning() -> None:
    CADKernel(lambda: True).run()
    with pytest.raises(ServiceWarning):
        CADKernel(lambda: False).run()


def test_the_label_of_a_check_names_no_address() -> None:
    assert "127.0.0.1" not in repr(Redis(FailFastRedis("redis://127.0.0.1:1/0")))
