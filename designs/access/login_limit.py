"""Rate limit of login attempts: one limit for the API and the admin site, in Redis, shared by all processes.

Attempts count by address and by user name, before the password is hashed: a hash costs a tenth of a second of CPU, and
refused attempts must not cost that. While Redis is down logins are not limited: people must get in during an outage.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_network
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from rest_framework.exceptions import Throttled

from designs.http.client_address import client_address
from integrations.redis import RedisUnavailable, redis_for

__all__ = ["TooManyLogins", "connect", "count_login_try"]

_PERIOD_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# A subscriber has a whole /64 of IPv6 addresses (RFC 6177).
_IPV6_PREFIX_BITS = 64


class TooManyLogins(Throttled):
    """The limit is reached; the next attempt is allowed after ``wait_seconds``."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(wait=wait_seconds)
        self.wait_seconds = wait_seconds


def connect() -> None:
    """Connect the receiver that clears the count of a user name after a login."""
    user_logged_in.connect(_clear_user_name, dispatch_uid="enginel.clear_login_tries")


def count_login_try(request: HttpRequest, username: str) -> None:
    """Count a login attempt.

    Args:
        request: The request with the password.
        username: Name as entered; the user need not exist.

    Raises:
        TooManyLogins: This address or this name had more attempts than ``ENGINEL_LOGIN_RATE`` allows.
    """
    limit, seconds = _rate()
    attempts = [_count_attempt(key, seconds) for key in (_address_key(request), _name_key(username))]
    wait_seconds = max((seconds_left for count, seconds_left in attempts if count > limit), default=0)
    if wait_seconds:
        raise TooManyLogins(wait_seconds)


def _count_attempt(key: str, period_seconds: int) -> tuple[int, int]:
    """Count one attempt and return (attempts in this period, seconds until the period ends)."""

    def count(client: Any) -> tuple[int, int]:
        pipeline = client.pipeline(transaction=True)
        pipeline.set(key, 0, ex=period_seconds, nx=True)
        pipeline.incr(key)
        pipeline.ttl(key)
        _, attempts_made, left_seconds = pipeline.execute()
        return int(attempts_made), max(int(left_seconds), 1)

    try:
        return redis_for(settings.REDIS_URL).run(count)
    except RedisUnavailable:
        return 0, 0


def _clear_user_name(sender: object, user: Any, **kwargs: object) -> None:
    # After a successful login, earlier failures of others under this name must not block the next one.
    try:
        redis_for(settings.REDIS_URL).run(lambda client: client.delete(_name_key(user.get_username())))
    except RedisUnavailable:
        return


def _rate() -> tuple[int, int]:
    rest_framework: Mapping[str, Any] = settings.REST_FRAMEWORK
    count, _, period = rest_framework["DEFAULT_THROTTLE_RATES"]["login"].partition("/")
    return int(count), _PERIOD_SECONDS[period[0]]


def _address_key(request: HttpRequest) -> str:
    address = client_address(request)
    if isinstance(address, IPv6Address):
        return _key("address", str(ip_network((address, _IPV6_PREFIX_BITS), strict=False)))
    return _key("address", str(address))


def _name_key(username: str) -> str:
    # Stripped and normalized like Django's forms do. Case is folded, since databases differ in comparing it.
    return _key("name", unicodedata.normalize("NFKC", username.strip()).strip().casefold())


def _key(kind: str, text: str) -> str:
    # Hashed with the secret key, since people type passwords into the field of the user name.
    key = hashlib.sha256(settings.SECRET_KEY.encode()).digest()
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16, key=key).hexdigest()
    return f"enginel:logins:{kind}:{digest}"
