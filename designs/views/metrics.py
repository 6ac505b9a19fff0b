"""GET /metrics for Prometheus, protected by a token or by the client address."""

from __future__ import annotations

import hmac
from ipaddress import ip_network

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from designs.conf import conf
from designs.http.client_address import client_address
from designs.monitoring import StoreAway, metrics_page
from designs.storage_usage import storage_in_gb
from designs.views.away import store_away
from designs.views.untransacted import without_transaction
from integrations.prometheus import OPENMETRICS, TEXT, wants_openmetrics

__all__ = ["metrics"]

_METHODS = ("GET", "HEAD")


@csrf_exempt
@without_transaction
def metrics(request: HttpRequest) -> HttpResponseBase:
    """Return the metrics of all processes; 503 while Redis is down, since Prometheus counts zeros as resets."""
    if request.method not in _METHODS:
        return _plain("Method not allowed.", 405, Allow=", ".join(_METHODS))
    if not _has_token(request) and not _is_allowed_address(request):
        if conf.metrics_token:
            return _plain("A token is required.", 401, **{"WWW-Authenticate": "Bearer"})
        return _plain("This address may not read the metrics.", 403)
    try:
        page = metrics_page(storage_in_gb)
    except StoreAway:
        return store_away(request, "metrics")
    openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
    compressed = _accepts_gzip(request.headers.get("Accept-Encoding", ""))
    response = HttpResponse(
        page.body(openmetrics=openmetrics, compressed=compressed),
        content_type=OPENMETRICS if openmetrics else TEXT,
        headers={"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"},
    )
    if compressed:
        response["Content-Encoding"] = "gzip"
    return response


def _has_token(request: HttpRequest) -> bool:
    scheme, _, offered = request.headers.get("Authorization", "").partition(" ")
    wanted = conf.metrics_token
    if not wanted or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(offered.strip().encode("utf-8", "replace"), wanted.encode())


def _is_allowed_address(request: HttpRequest) -> bool:
    address = client_address(request)
    return address is not None and any(address in ip_network(near, strict=False) for near in conf.metrics_allowed_ips)


def _accepts_gzip(accept: str) -> bool:
    for offer in accept.lower().split(","):
        coding, _, weight = (part.strip() for part in offer.partition(";"))
        if coding == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _plain(text: str, status: int, **headers: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8", headers=headers)
