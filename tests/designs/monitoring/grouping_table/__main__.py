"""Prints the keys of the table, made by this interpreter and this Django.

    python -m tests.designs.monitoring.grouping_table > tests/golden/grouping-table.json

makes the golden file anew. With words behind it, only the cases whose name holds one of them are run; with ``--parts``
first, what each key is made of is printed.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django
from django.conf import settings

__all__: list[str] = []


def set_up() -> None:
    """Set Django up with as little as the programs need."""
    os.environ["TZ"] = "UTC"
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.contenttypes", "rest_framework"],
        LOGGING_CONFIG=None,
        REST_FRAMEWORK={"UNAUTHENTICATED_USER": None},
        SECRET_KEY="not secret",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    )
    django.setup()


def made(words: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what became of each program: case, mutation, then ``live`` and ``event``, each a key and its parts."""
    # Both need Django to be set up.
    from tests.designs.monitoring.grouping_table.running import keys_of, start_sdk
    from tests.designs.monitoring.grouping_table.table import CASES

    start_sdk()
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for case in CASES:
        if words and not any(word in case.name for word in words):
            continue
        found[case.name] = {
            name: {
                kind: {"key": made.key, "parts": made.parts}
                for kind, made in zip(("live", "event"), keys_of(program), strict=True)
            }
            for name, program in case.programs.items()
        }
    return found


def keys(found: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, str]]:
    """Return the keys alone: that of the live failure, and behind it the event's where it is another."""
    return {
        case: {
            name: " ".join(dict.fromkeys(made["key"] for made in kinds.values())) for name, kinds in programs.items()
        }
        for case, programs in found.items()
    }


def run(words: list[str]) -> None:
    set_up()
    with_parts = words[:1] == ["--parts"]
    found = made(words[with_parts:])
    print(json.dumps(found if with_parts else keys(found), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    run(sys.argv[1:])
