"""Every URL of the service, and one request to each by each identity and method."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import URLPattern, URLResolver, get_resolver
from knox.models import get_token_model

from designs.models import BOMItem, Clearance, Design, Geometry, Membership, Organization, Role, Series, User
from enginel.sample.corpus import sample_path

__all__ = [
    "IDENTITIES",
    "METHODS",
    "SECRET",
    "UNCLEARED",
    "World",
    "address",
    "answers",
    "make_world",
    "named_urls",
    "valid_bodies",
]

IDENTITIES = (
    "anonymous", "viewer", "engineer", "admin", "owner", "stranger", "uncleared", "staff", "superuser", "wrong",
    "expired",
)  # fmt: skip
"""Columns of the table. ``staff`` has no permissions; ``uncleared`` is an owner without clearance, no US person."""
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")
PASSWORD = "correct horse battery"
SECRET = "Zweifalter"
"""Stands in each text of the export-controlled design."""
UNCLEARED = frozenset(IDENTITIES) - {"viewer", "engineer", "admin", "owner"}
"""Identities that may not see that design."""

_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
_REGEX_ARGUMENT = re.compile(r"\(\?P<(\w+)>[^)]*\)")
_numbers = itertools.count(1)


@dataclass
class World:
    """Two designs of Acme, of which one is export-controlled and secret, and a client for each identity."""

    design: Design
    controlled: Design
    series: Series
    clients: dict[str, Client] = field(default_factory=dict)

    def arguments(self, name: str, *, controlled: bool) -> dict[str, str]:
        """Return the values for the arguments of a URL."""
        design = self.controlled if controlled else self.design
        organization = str(self.series.organization_id)
        found = {
            "design_id": str(design.pk),
            "series_id": str(self.series.pk),
            "organization_id": organization,
            "key": "0" * 16,
            "app_label": "designs",
            "content_type_id": "0",
            "url": "designs/nothing/",
            "path": "nothing",
            "id": str(User.objects.get(username="owner").pk),
        }
        return found | {"object_id": self._object_id(name, design)}

    def _object_id(self, name: str, design: Design) -> str:
        row: Any = {
            "admin:designs_design": design,
            "admin:designs_geometry": design.geometry,
            "admin:designs_bomitem": design.bom_items.first(),
            "admin:designs_series": self.series,
            "admin:designs_organization": self.series.organization,
            "admin:designs_membership": Membership.objects.get(user__username="owner"),
            "admin:designs_user": User.objects.get(username="owner"),
        }.get(name.rpartition("_")[0])
        return "0" if row is None else str(row.pk)


def make_world(make_design: Callable[..., Design], series: Series) -> World:
    """Make rows and clients; API clients carry a token, and a session too, for the admin site."""
    cleared = {"clearance": Clearance.TOP_SECRET, "is_us_person": True}
    members: Mapping[str, tuple[Role, dict[str, Any]]] = {
        "viewer": (Role.VIEWER, cleared),
        "engineer": (Role.ENGINEER, cleared),
        "admin": (Role.ADMIN, cleared),
        "owner": (Role.OWNER, cleared),
        "uncleared": (Role.OWNER, {}),
    }
    rival = Organization.objects.create(name="Rival", slug="rival")
    users = {
        name: User.objects.create_user(name, password=PASSWORD if name == "owner" else None)
        for name in (*members, "stranger", "staff", "superuser")
    }
    for name, (role, facts) in members.items():
        Membership.objects.create(user=users[name], organization=series.organization, role=role, **facts)
    Membership.objects.create(user=users["stranger"], organization=rival, role=Role.OWNER, **cleared)
    User.objects.filter(username="superuser").update(is_staff=True, is_superuser=True)
    User.objects.filter(username="staff").update(is_staff=True)
    world = World(_ready(make_design), _ready(make_design, SECRET, is_itar=True, classification=2), series)
    for name in IDENTITIES:
        world.clients[name] = _client(User.objects.filter(username=name).first(), name)
    world.clients["expired"] = _expired(users["owner"])
    return world


def _ready(make_design: Callable[..., Design], text: str = "part", **facts: Any) -> Design:
    design = make_design(status="ready", file_name=f"{text}.step", schema=text, **facts)
    Geometry.objects.create(
        design=design, solids=1, faces=6, kernel_version=text, duration_seconds=1, peak_memory_bytes=1, warnings=[text]
    )
    BOMItem.objects.create(design=design, part=text, quantity=1, position=1)
    return design


def _client(user: User | None, name: str) -> Client:
    if user is None:
        return _bare({"authorization": "Bearer " + "0" * 64} if name == "wrong" else {})
    client = _bare({"authorization": f"Bearer {get_token_model().objects.create(user=user)[1]}"})
    if user.is_staff:
        client.force_login(user)
    return client


def _expired(user: User) -> Client:
    _, token = get_token_model().objects.create(user=user, expiry=timedelta(seconds=-1))
    return _bare({"authorization": f"Bearer {token}"})


def _bare(headers: dict[str, str]) -> Client:
    # Loopback addresses, so that /metrics is open; each its own, so that the limit of logins is out of the way.
    return Client(raise_request_exception=False, headers=headers, REMOTE_ADDR=f"127.0.1.{next(_numbers) % 250}")


def named_urls() -> dict[str, str]:
    """Return all URLs of the service by name, with their arguments still to be filled in.

    A URL without a name goes by its route. Debug pages exist in development only.
    """
    found: dict[str, str] = {}
    for name, route in _walk(get_resolver("enginel.urls")):
        found.setdefault(name or route, route)
    return found


def _walk(resolver: URLResolver, prefix: str = "/", namespace: str = "") -> Iterator[tuple[str, str]]:
    for entry in resolver.url_patterns:
        route = prefix + _plain(str(entry.pattern))
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _walk(entry, route, inner)
        elif isinstance(entry, URLPattern):
            yield (f"{namespace}{entry.name}" if entry.name else ""), route


def _plain(pattern: str) -> str:
    text = _REGEX_ARGUMENT.sub(r"<\1>", pattern)
    text = text.replace("^", "").replace("$", "").replace("\\", "")
    return re.sub(r"\(\?:[^)]*\)|\?", "", text) if "(" in text or "?" in text else text


def address(route: str, arguments: Mapping[str, str]) -> str:
    """Return a route with its arguments filled in; an unknown argument is a KeyError that names it."""
    return _ARGUMENT.sub(lambda found: arguments[found[1]], route)


def valid_bodies(series: Series) -> dict[str, tuple[bytes, str]]:
    """Return a body that is accepted, and its content type, for each URL that answers other bodies with 400 or 415."""
    file = SimpleUploadedFile("part.step", sample_path("as1-oc-214.stp").read_bytes())
    form = encode_multipart(BOUNDARY, {"series": str(series.pk), "file": file})
    bodies = {
        "login": {"username": "owner", "password": PASSWORD},
        "member-list": {"username": "new-member", "role": Role.VIEWER},
        "series-list": {"organization": str(series.organization_id), "part_number": "NEW", "name": "New"},
    }
    found = {name: (json.dumps(body).encode(), "application/json") for name, body in bodies.items()}
    return {**found, "design-upload": (form, MULTIPART_CONTENT)}


def answers(world: World, url: str, method: str, body: tuple[bytes, str]) -> Iterator[tuple[str, Any]]:
    """Send one request as each identity; what it changes in the database and in the client's cookies is taken back."""
    sent = () if method in {"GET", "HEAD"} else body
    for identity in IDENTITIES:
        client = world.clients[identity]
        cookies = copy.deepcopy(client.cookies)
        with transaction.atomic():
            yield identity, client.generic(method, url, *sent)
            transaction.set_rollback(True)
        client.cookies = cookies
