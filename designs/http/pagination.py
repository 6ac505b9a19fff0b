"""Pagination of lists."""

from __future__ import annotations

from rest_framework import pagination
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

__all__ = ["PageNumberPagination"]


class PageNumberPagination(pagination.PageNumberPagination):
    """Pagination by ``?page=`` and ``?page_size=`` (at most 100); an invalid size is refused, not replaced."""

    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int | None:
        """Return the number of items of a page.

        Raises:
            ValidationError: The requested size is not a whole number from 1 to `max_page_size`.
        """
        asked = request.query_params.get("page_size")
        if asked is None:
            return super().get_page_size(request)
        if not (asked.isascii() and asked.isdecimal() and len(asked) < 4 and 1 <= int(asked) <= self.max_page_size):
            raise ValidationError({"page_size": [f"Use a whole number from 1 to {self.max_page_size}."]})
        return int(asked)
