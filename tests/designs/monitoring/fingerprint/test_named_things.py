"""Where no frame is own, what a message names counts, and what is data in it does not."""

from __future__ import annotations

import configparser
import subprocess
import urllib.error
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import FieldDoesNotExist, FieldError, ImproperlyConfigured
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, ProgrammingError
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.test import override_settings
from django.urls import NoReverseMatch

from designs.monitoring.fingerprint import Fingerprint, fingerprint_exception
from designs.monitoring.fingerprint.named_things import clean_identifier
from designs.monitoring.withheld import without_words
from tests.support.installed_stacks import both, failure

FRAMES = ["django.core.handlers.base:inner", "acme.client:call", "django.db.backends.utils:execute"]


@pytest.fixture(autouse=True)
def elsewhere() -> Iterator[None]:
    """Nothing here is the application's."""
    with override_settings(ENGINEL_IN_APP_ROOTS=("/nowhere",), ENGINEL_IN_APP_PACKAGES=()):
        yield


def saying(kind: Callable[..., BaseException], *args: Any) -> Fingerprint:
    return both(failure(FRAMES, kind(*args)))


def undefined(name: str) -> str:
    return f'relation "{name}" does not exist\nLINE 1: SELECT {len(name)} FROM "{name}"\n'


# One type at one place: each text is another failure.
APART: list[tuple[Any, list[str]]] = [
    (ProgrammingError, [undefined("django_q_ormq"), undefined("auth_user"), undefined("oauth2_provider_grant")]),
    (ProgrammingError, ['relation "part" already exists', 'relation "part" does not exist']),
    (ProgrammingError, ["column auth_user.nick does not exist", "column auth_user.age does not exist"]),
    (ProgrammingError, ['column "a" of relation "x" does not exist', 'column "a" of relation "y" does not exist']),
    (ProgrammingError, ["function similarity(text, unknown) does not exist", "function unaccent(text) does not exist"]),
    (ProgrammingError, ['type "hstore" does not exist', 'type "citext" does not exist', 'schema "x" does not exist']),
    (ProgrammingError, ["permission denied for table auth_user", "permission denied for sequence auth_user_id_seq"]),
    (
        DataError,
        [
            "value too long for type character varying(10)",
            "value too long for type character varying(255)",
            "value too long for type character(10)",
            "bit string length 3 does not match type bit(4)",
            "bit string length 3 does not match type bit(8)",
        ],
    ),
    (DataError, ['invalid input value for enum color: "red"', 'invalid input value for enum shape: "red"']),
    (OperationalError, ["no such table: auth_user", "no such column: auth_user", "table auth_user already exists"]),
    (OperationalError, ["no such table: auth_user", "no such table: django_session", "no such function: SQRT"]),
    (OperationalError, ["table part has no column named a", "table part has no column named b"]),
    (ProgrammingError, ["(1146, \"Table 'shop.part' doesn't exist\")", "(1146, \"Table 'shop.bom' doesn't exist\")"]),
    (OperationalError, ["(1054, \"Unknown column 'a' in 'field list'\")", "(1054, \"Unknown column 'b' in 'where'\")"]),
    (OperationalError, ["(1205, 'Lock wait timeout exceeded')", "(1213, 'Deadlock found')"]),
    (IntegrityError, ['null value in column "a" of relation "x"', 'null value in column "b" of relation "x"']),
    (DatabaseError, ["ORA-00942: table or view does not exist", "ORA-00904: invalid identifier"]),
    (KeyError, ["organization", "revision", "DATABASE_URL"]),
    (AttributeError, ["module 'acme' has no attribute 'a'", "module 'acme' has no attribute 'b'"]),
    (AttributeError, ["'NoneType' object has no attribute 'a'", "'Part' object has no attribute 'a'"]),
    (NameError, ["name 'a' is not defined", "name 'b' is not defined"]),
    (
        ImportError,
        ["cannot import name 'a' from 'acme' (/srv/acme.py)", "cannot import name 'b' from 'acme' (/srv/acme.py)"],
    ),
    (ModuleNotFoundError, ["No module named 'lxml'", "No module named 'yaml.reader'"]),
    (ImportError, ["libGL.so.1: cannot open shared object file", "libstdc++.so.6: cannot open shared object file"]),
    (
        TypeError,
        [
            "Part.__init__() got an unexpected keyword argument 'a'",
            "Part.__init__() got an unexpected keyword argument 'b'",
        ],
    ),
    (
        TypeError,
        ["send() missing 1 required positional argument: 'a'", "send() missing 1 required positional argument: 'b'"],
    ),
    (TypeError, ["Object of type Decimal is not JSON serializable", "Object of type set is not JSON serializable"]),
    (
        NoReverseMatch,
        [
            "Reverse for 'part-list' not found.",
            "Reverse for 'part-detail' not found.",
            "'api' is not a registered namespace",
        ],
    ),
    (
        LookupError,
        [
            "No installed app with label 'shop'.",
            "App 'shop' doesn't have a 'Part' model.",
            "unknown encoding: utf-nine",
        ],
    ),
    (ImproperlyConfigured, ["The SECRET_KEY setting must not be empty.", "The STATIC_ROOT setting must not be empty."]),
    (
        FieldError,
        [
            "Cannot resolve keyword 'a' into field. Choices are: x, y",
            "Cannot resolve keyword 'b' into field. Choices are: x",
        ],
    ),
    (FieldDoesNotExist, ["Part has no field named 'a'", "Part has no field named 'b'", "Bom has no field named 'a'"]),
    (
        RuntimeError,
        [
            "Model class shop.Part doesn't declare an explicit app_label",
            "Model class shop.Bom doesn't declare an explicit app_label",
        ],
    ),
    (TemplateDoesNotExist, ["parts/list.html", "parts/detail.html"]),
    (
        TemplateSyntaxError,
        ["Invalid block tag on line 5: 'a'", "Invalid block tag on line 5: 'b'", "'a' is not a registered tag library"],
    ),
    (configparser.NoSectionError, ["server", "client"]),
    (
        FileNotFoundError,
        ["[Errno 2] No such file or directory: 'ffmpeg'", "[Errno 2] No such file or directory: 'pdftotext'"],
    ),
    (OSError, ["[Errno 28] No space left on device", "[Errno 5] Input/output error"]),
    (RuntimeError, ["HTTP 404 for part 5", "HTTP 500 for part 5"]),
    (RuntimeError, ["setting 'ACME_URL' is not set", "setting 'ACME_KEY_FILE' is not set"]),
    (ValueError, ["Set the DATABASE_URL environment variable", "Set the CACHE_URL environment variable"]),
    (RuntimeError, ["worker 12 exited with code 1", "worker 12 exited with code 137"]),
    (
        ValueError,
        ["Missing staticfiles manifest entry for 'app.css'", "Missing staticfiles manifest entry for 'app.js'"],
    ),
]

# One type at one place: all texts are one failure.
TOGETHER: list[tuple[Any, list[Any]]] = [
    (ProgrammingError, [undefined("auth_user"), 'relation "auth_user" does not exist\nLINE 3: UPDATE 7\n']),
    (ProgrammingError, [undefined("events_2024_11"), undefined("events_2025_02")]),
    (ProgrammingError, [undefined("tenant_17.part"), undefined("tenant_2.part")]),
    (ProgrammingError, ['prepared statement "_pg3_7" does not exist', 'prepared statement "s_81" does not exist']),
    (
        ProgrammingError,
        ['cursor "_django_curs_1399_sync_1" does not exist', 'cursor "_django_curs_8_sync_2" does not exist'],
    ),
    (
        ProgrammingError,
        ["(1146, \"Table 'shop.part' doesn't exist\")", "(1146, \"Table 'staging.part' doesn't exist\")"],
    ),
    (DataError, ['invalid input value for enum color: "red"', 'invalid input value for enum color: "ada"']),
    (DataError, ['invalid input syntax for type integer: "a"', 'invalid input syntax for type integer: "b c"']),
    (DataError, ['value "99999999999" is out of range for type integer', 'value "8" is out of range for type integer']),
    (
        IntegrityError,
        [
            "(1062, \"Duplicate entry 'ada@example.org' for key 'part.no'\")",
            "(1062, \"Duplicate entry 'bob' for key 'part.no'\")",
        ],
    ),
    (KeyError, ["part_17", "part_4", "part_381"]),
    (KeyError, [5, 7, ("a", 5)]),
    (KeyError, ["ada@example.org", "bob@example.org", "Ada Lovelace", "/srv/ada/17.step"]),
    (KeyError, ["0b9c6f2e-7a3f-4d55-9a0a-0d6f6a1b2c3d", "5e1f6a10-58a7-4c9e-8e37-1f1d6ad7a001"]),
    (KeyError, ["session:8f3a9c", "session:17b2de"]),
    (
        ImportError,
        ["cannot import name 'a' from 'acme' (/srv/1/acme.py)", "cannot import name 'a' from 'acme' (/srv/b/acme.py)"],
    ),
    (
        AttributeError,
        [
            "partially initialized module 'a' from '/x/a.py' has no attribute 'b' (most likely due to an import)",
            "module 'a' has no attribute 'b'",
        ],
    ),
    (
        NoReverseMatch,
        [
            "Reverse for 'part' with keyword arguments '{'pk': 'ada'}' not found. 1 pattern(s) tried: ['x']",
            "Reverse for 'part' with keyword arguments '{'pk': ''}' not found.",
        ],
    ),
    (
        FieldError,
        [
            "Cannot resolve keyword 'a' into field. Choices are: x, y",
            "Cannot resolve keyword 'a' into field. Choices are: x, y, z",
        ],
    ),
    (TemplateDoesNotExist, ["mails/user_17.html", "mails/user_5.html"]),
    (
        FileNotFoundError,
        [
            "[Errno 2] No such file or directory: '/srv/a/17.step'",
            "[Errno 2] No such file or directory: '/srv/ada/x.step'",
        ],
    ),
    (OSError, ["[Errno 28] No space left on device: '/a/1'", "[Errno 28] No space left on device: '/b'"]),
    (ValueError, ["invalid literal for int() with base 10: 'ada'", "invalid literal for int() with base 10: '7 b'"]),
    (RuntimeError, ["HTTP 404 for part 5", "HTTP 404 for part 77"]),
    (RuntimeError, ["no part 5 for ada", "no part 7 for bob"]),
    (RuntimeError, ["order FIRST_ADA refused", "order SECOND_BOB refused"]),
    (PermissionError, ["user 7 may not read order 5e1f6a10-58a7-4c9e-8e37-1f1d6ad7a001", "user 8 may not read it"]),
]


@pytest.mark.parametrize(("kind", "texts"), APART, ids=lambda value: str(value)[:60])
def test_messages_that_name_other_things_are_other_failures(kind: Any, texts: list[str]) -> None:
    prints = [saying(kind, text) for text in texts]

    assert len({made.key for made in prints}) == len(texts), [made.parts for made in prints]


@pytest.mark.parametrize(("kind", "texts"), TOGETHER, ids=lambda value: str(value)[:60])
def test_messages_that_hold_other_data_are_one_failure(kind: Any, texts: list[Any]) -> None:
    prints = [saying(kind, text) for text in texts]

    assert len({made.key for made in prints}) == 1, [made.parts for made in prints]


def test_the_parts_say_what_is_named() -> None:
    made = saying(ProgrammingError, undefined("django_q_ormq"))

    assert made.parts == (
        "type django.db.utils.ProgrammingError",
        "frame acme.client.call",
        "frame django.db.backends.utils.execute",
        "names relation django_q_ormq",
    )


def test_a_drivers_error_and_djangos_name_a_table_once() -> None:
    outer = ProgrammingError(undefined("auth_user"))
    outer.__cause__ = failure(["psycopg.cursor:execute"], ProgrammingError(undefined("auth_user")))

    made = both(failure(FRAMES, outer))

    assert [part for part in made.parts if part.startswith("names ")] == ["names relation auth_user"]


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (subprocess.CalledProcessError(137, ["/usr/bin/ffmpeg", "-i", "17.mp4"]), ["ffmpeg", "code 137"]),
        (subprocess.CalledProcessError(-9, "make"), ["make", "SIGKILL"]),
        (urllib.error.HTTPError("http://a/5", 404, "Not Found", None, None), ["code 404"]),  # type: ignore[arg-type]
        (OSError(104, "Connection reset by peer"), ["errno 104"]),
    ],
)
def test_codes_that_say_what_kind_of_failure_it_is_count(error: BaseException, named: list[str]) -> None:
    assert [part[6:] for part in both(failure(FRAMES, error)).parts if part.startswith("names ")] == named


def test_with_own_frames_nothing_that_a_message_names_counts() -> None:
    with override_settings(ENGINEL_IN_APP_PACKAGES=("acme",)):
        first, second = saying(KeyError, "organization"), saying(KeyError, "revision")

    assert first.key == second.key
    assert not any(part.startswith("names ") for part in first.parts)


def test_a_stack_seen_before_with_another_name_is_another_failure() -> None:
    exc = failure(FRAMES, KeyError("organization"))
    again = KeyError("revision").with_traceback(exc.__traceback__)
    first, second = fingerprint_exception(exc), fingerprint_exception(again)

    assert first.key != second.key
    assert fingerprint_exception(exc) is first
    assert fingerprint_exception(again) is second


def test_as_many_names_as_messages_are_bounded() -> None:
    exc = failure(FRAMES, KeyError("a"))
    keys = {fingerprint_exception(KeyError("k" * n).with_traceback(exc.__traceback__)).key for n in range(1, 600)}

    # A key of more than 81 characters is data.
    assert len(keys) == 82


def test_what_a_message_names_is_withheld_where_messages_are() -> None:
    made = without_words(saying(KeyError, "organization"), KeyError("organization"))

    assert made.parts[:-1] == ("type KeyError", "frame acme.client.call", "frame django.db.backends.utils.execute")
    assert made.key != saying(KeyError, "organization").key


def test_secrets_are_not_named() -> None:
    made = saying(KeyError, "sk_live_4eC39HqLyjWDarjtT1zdp7dc")

    assert not any("4eC39" in part for part in made.parts)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("auth_user", "auth_user"),
        ("oauth2_provider_accesstoken", "oauth2_provider_accesstoken"),
        ("sha256", "sha256"),
        ("part_2024_11", "part_<number>_<number>"),
        ("part20241128", "part<number>"),
        ("t_3f2504e04f8911d39a0c0305e82c3301", "t_<uuid>"),
        ("a8f3k2x9q1", "<id>"),
    ],
)
def test_numbers_and_ids_in_names_are_made_general(name: str, cleaned: str) -> None:
    assert clean_identifier(name) == cleaned
