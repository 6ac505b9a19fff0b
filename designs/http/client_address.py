"""IP address of the client of a request."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.http import HttpRequest

from designs.conf import conf

__all__ = ["client_address"]


def client_address(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    """Return the client's address; None if the server knows none, for example on a Unix socket.

    Behind a proxy it is the last address of ``X-Forwarded-For``, which the proxy wrote. The client can forge all
    addresses before it.
    """
    given = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if conf.behind_proxy and forwarded:
        given = forwarded.rpartition(",")[2]
    try:
        address = ip_address(given.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
