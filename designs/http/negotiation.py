"""Content negotiation of the API: a malformed Accept header selects the default, as in the health endpoints."""

from __future__ import annotations

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

from designs.http.accept_header import sound_entries

__all__ = ["ContentNegotiation"]


class ContentNegotiation(DefaultContentNegotiation):
    """Content negotiation of Django REST framework that ignores malformed entries."""

    def get_accept_list(self, request: Request) -> list[str]:
        return sound_entries(super().get_accept_list(request))
