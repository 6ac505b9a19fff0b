"""The S3 option: the same life of a design, with its file in a bucket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from django.test import Client
from moto.server import ThreadedMotoServer

from designs.models import Design, User
from tests.designs.conftest import ClientOf

pytestmark = pytest.mark.django_db

KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
NAME = "designs-of-tests"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, settings: Any) -> Iterator[Any]:
    options = {
        "bucket_name": NAME,
        "endpoint_url": endpoint,
        "access_key": "key",
        "secret_key": "secret",
        "region_name": "us-east-1",
        "default_acl": "private",
        "file_overwrite": False,
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }
    made = boto3.resource("s3", endpoint_url=endpoint, **KEYS).create_bucket(Bucket=NAME)
    yield made
    made.objects.delete()
    made.delete()


def names(bucket: Any) -> list[str]:
    return [stored.key for stored in bucket.objects.all()]


def test_a_design_lives_in_a_bucket_from_upload_to_deletion(
    api: Client, client_of: ClientOf, org_admin: User, upload: Any, sample: Any, bucket: Any
) -> None:
    content = sample("as1-oc-214.stp")

    uploaded = upload(api, content).json()
    url = f"/api/designs/{uploaded['id']}/"
    assert names(bucket) == [Design.objects.get().stored_as]
    assert bucket.Object(names(bucket)[0]).get()["Body"].read() == content
    assert api.post(f"{url}finalize/").status_code == 202
    assert api.get(url).json()["error"] is None
    assert (api.get(f"{url}geometry/").json()["solids"], api.get(f"{url}bom/").json()["pieces"]) == (18, 18)

    assert client_of(org_admin).delete(url).status_code == 204
    assert names(bucket) == []


def test_an_object_that_is_gone_is_noticed(api: Client, upload: Any, sample: Any, bucket: Any) -> None:
    design = upload(api, sample("material.stp")).json()
    bucket.objects.delete()

    answer = api.post(f"/api/designs/{design['id']}/finalize/")

    assert (answer.status_code, answer.json()["detail"]) == (500, "The stored file is missing or changed.")


def test_a_bucket_that_is_gone_is_503_and_leaves_nothing(
    api: Client, upload: Any, sample: Any, bucket: Any, settings: Any
) -> None:
    options = {**settings.STORAGES["default"]["OPTIONS"], "bucket_name": "no-such-bucket"}
    settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}

    answer = upload(api, sample("material.stp"))

    assert (answer.status_code, answer.json()["code"]) == (503, "external_service_error")
    assert b"no-such-bucket" not in answer.content
    assert not Design.objects.exists()


def test_a_refused_upload_leaves_no_object(
    api: Client, upload: Any, sample: Any, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Design, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Design, "save", fail)

    assert upload(api, sample("material.stp")).status_code == 500
    assert names(bucket) == []
