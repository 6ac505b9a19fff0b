"""Choosing the form of an API answer: a malformed Accept header gets the default, as health probes do."""

from __future__ import annotations

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

from designs.http.accept_header import sound_entries

__all__ = ["ContentNegotiation"]


class ContentNegotiation(DefaultContentNegotiation):
    """As in Django REST framework, but for malformed entries, which are ignored."""

    def get_accept_list(self, request: Request) -> list[str]:
        return sound_entries(super().get_accept_list(request))
