"""Pages of the admin site that delete rows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

__all__ = ["NothingOfOthers"]


class NothingOfOthers:
    """A delete page that lists the deleted rows only: related rows may be hidden from the user."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        _, _, perms_needed, protected = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        if protected:
            # The kinds of rows that the user may not delete would reveal hidden rows.
            perms_needed = set()
        blocked = ["Related data must be deleted first. Some of it may be hidden from you."] if protected else []
        return [str(row) for row in objs], {}, perms_needed, blocked
