"""Secrets are removed from whatever is recorded; everything else stays, and nothing is changed in place."""

from __future__ import annotations

import copy
import json
from collections import OrderedDict, UserDict, deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings
from django.utils.functional import SimpleLazyObject
from hypothesis import given
from hypothesis import strategies as st

from designs.models import User
from designs.monitoring.redaction.values import (
    FILTERED,
    MAX_ITEMS,
    MAX_TEXT_CHARS,
    MAX_TOTAL_CHARS,
    is_plain,
    is_secret_key,
    redact,
    redact_text,
    redacted_str,
)
from tests.support.call_counts import calls_of
from tests.support.hostile_text import HOSTILE_TEXTS
from tests.support.secrets_table import BY_KEY, HARMLESS, IN_TEXT


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("password=hunter2")


class HostileMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("no")

    def __iter__(self) -> Iterator[str]:
        return iter("ab")

    def __len__(self) -> int:
        return 2


class Printed:
    def __repr__(self) -> str:
        return "Printed(password='hunter2')"


class LoudText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_a_secret_in_text_goes(text: str, secret: str) -> None:
    cleaned = redact_text(text)

    assert secret not in cleaned
    assert FILTERED in cleaned
    assert secret not in json.dumps(redact({"note": [text]}))


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_a_secret_goes_from_the_middle_of_a_long_text_too(text: str, secret: str) -> None:
    assert secret not in redact_text(f"{'before ' * 50}\n{text}\n{'after ' * 50}")


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_redacting_again_changes_nothing(text: str, secret: str) -> None:
    once = redact_text(text)

    assert redact_text(once) == once


@pytest.mark.parametrize(("value", "secret"), BY_KEY)
def test_a_value_under_a_telling_name_goes(value: Any, secret: str) -> None:
    assert secret not in json.dumps(redact(value))


@pytest.mark.parametrize("text", HARMLESS)
def test_text_that_only_looks_like_a_secret_stays(text: str) -> None:
    assert redact_text(text) == text
    assert redact({"note": text}) == {"note": text}


@pytest.mark.parametrize(
    "key",
    ["author", "author_id", "authority", "footprint", "className", "classname", "passenger", "token_count", "design"],
)
def test_names_that_only_hold_a_telling_word_are_harmless(key: str) -> None:
    assert not is_secret_key(key)
    assert redact({key: "value"}) == {key: "value"}


def test_the_key_a_value_stands_under_counts() -> None:
    assert redact("hunter2", key="password") == FILTERED
    assert redact("hunter2", key="note") == "hunter2"


def test_the_rest_of_the_text_is_kept() -> None:
    assert redact_text("login of bob with password=hunter2 failed") == "login of bob with password=[filtered] failed"
    assert redact_text("postgres://enginel:hunter2@db:5432/x") == "postgres://[filtered]@db:5432/x"


def test_what_a_pair_or_an_option_does_not_name_is_kept() -> None:
    assert redact([("name", "bob"), ["a", "password"], ("token",)]) == [["name", "bob"], ["a", "password"], ["token"]]
    assert redact(["tool", "--token", "--verbose", "x"]) == ["tool", "--token", "--verbose", "x"]
    assert redact(["--token=t", "x", "y"]) == [f"--token={FILTERED}", "x", "y"]
    assert redact({"name": "color", "value": "red"}) == {"name": "color", "value": "red"}
    assert redact([b"\xff", "red"]) == ["<1 bytes>", "red"]
    assert redact({"name": "token", "value": "t", "color": "red"}) == {
        "name": "token", "value": FILTERED, "color": "red"
    }  # fmt: skip
    assert redact({"name": "password", "other": "red"}) == {"name": "password", "other": "red"}
    assert redact_text("tool --token t --color red") == f"tool --token {FILTERED} --color red"
    assert redact_text("[('token', 't'), ('a', 'b')]") == f"[('token', {FILTERED}), ('a', 'b')]"


def test_what_is_lent_is_not_changed() -> None:
    value = {"password": "hunter2", "list": [{"token": "hunter2"}, "password=hunter2"], "set": {"a"}}
    before = copy.deepcopy(value)

    redact(value)

    assert value == before


@pytest.mark.parametrize("where", range(MAX_TEXT_CHARS - 60, MAX_TEXT_CHARS + 5, 5))
def test_no_half_of_a_secret_stays_where_text_is_cut(where: int) -> None:
    text = f"{'x' * where} postgres://enginel:hunter2hunter2@db/x"

    assert "hunter" not in json.dumps(redact({"note": text}))


@pytest.mark.parametrize("offset", range(0, 60, 3))
def test_no_half_of_a_secret_stays_where_scrubbing_shortened_the_text(offset: int) -> None:
    text = f"postgres://enginel:{'hunter2' * 8}@db/x {'y' * offset}" * 500

    assert "hunter" not in redacted_str(text, MAX_TEXT_CHARS)


def test_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert redacted_str("x" * 9000, 100) == "x" * 100 + "... [9000 characters]"
    assert redacted_str("x" * 150, 100) == "x" * 100 + "... [150 characters]"
    assert redacted_str("x" * 100, 100) == "x" * 100


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**63, str(2**63)),
        (1_763_928_374_651, 1_763_928_374_651),
        (b"password=hunter2", "<16 bytes>"),
        (bytearray(3), "<3 bytes>"),
        (memoryview(b"abc"), "<3 bytes>"),
        ("a\ud800b", "a?b"),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31 12:00:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (PurePosixPath("/a/b"), "/a/b"),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (UserDict({"token": 1}), {"token": FILTERED}),
        ({5: 1, None: 2, (1, 2): 3}, {"5": 1, "None": 2, "(1, 2)": 3}),
        (Printed(), "Printed(password=[filtered])"),
        (deque([1]), "deque([1])"),
    ],
)
def test_every_kind_of_value_has_a_plain_form(value: object, expected: object) -> None:
    assert redact(value) == expected


def test_an_object_whose_repr_raises_gets_a_note_without_the_reason() -> None:
    text = redact({"o": Hostile()})["o"]

    assert "raised RuntimeError" in text
    assert "hunter2" not in text


def test_a_mapping_that_raises_gets_a_note() -> None:
    assert "reading raised RuntimeError" in redact({"m": HostileMapping()})["m"]


def test_a_subclass_of_str_cannot_interfere() -> None:
    assert redact(LoudText("password=hunter2")) == "password=[filtered]"


def test_a_cycle_ends() -> None:
    cycle: dict[str, Any] = {"name": "a"}
    cycle["self"] = cycle
    ring: list[Any] = []
    ring.append(ring)

    assert "[cut: too deep]" in json.dumps(redact({"a": cycle, "b": ring}))


def test_ten_megabytes_become_kilobytes_with_the_work_of_one() -> None:
    values = [{f"key{n}": "x " * size for n in range(100)} for size in (5_000, 50_000)]

    assert len(json.dumps(redact(values[1]))) < MAX_TOTAL_CHARS + 10_000
    one, ten = (calls_of(lambda value=value: redact(value)) for value in values)
    assert ten <= one


def test_a_wide_value_is_cut_and_says_by_how_much() -> None:
    assert redact(list(range(1000)))[-1] == f"[{1000 - MAX_ITEMS} more]"
    assert redact({str(n): n for n in range(1000)})["..."] == f"[{1000 - MAX_ITEMS} more]"


def test_a_tree_of_lists_is_cut_by_its_nodes() -> None:
    tree: Any = 1
    for _ in range(7):
        tree = [tree] * 20

    assert len(json.dumps(redact(tree))) < 200_000


def test_models_and_querysets_do_not_ask_the_database(
    django_assert_num_queries: Any, db: None, admin_user: User
) -> None:
    with django_assert_num_queries(0):
        copied = redact({"user": admin_user, "all": User.objects.all()})

    assert copied == {"user": f"<designs.models.users.User {admin_user.pk}>", "all": "<UserQuerySet of User>"}


def test_a_lazy_object_is_not_resolved() -> None:
    lazy = SimpleLazyObject(lambda: pytest.fail("resolved"))

    assert "SimpleLazyObject" in redact({"user": lazy})["user"]


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("bob@example.com at 10.0.0.1", "[email] at [ip]"),
        ("jörg@exämple.de, o'neil@example.org", "[email], [email]"),
        ("?mail=bob%40example.com", "?mail=[email]"),
        ("from 10.0.0.1. Or 10.0.0.2:80", "from [ip]. Or [ip]:80"),
        ("[::1]:80 fe80::1%eth0 2001:db8::1/64", "[[ip]]:80 [ip]%eth0 [ip]/64"),
        ("peer=2001:db8::5, host:1:2:3:4:5:6:7:8.", "peer=[ip], host:[ip]."),
        ("::ffff:10.0.0.1", "[ip]"),
    ],
)
def test_addresses_stay_unless_they_are_asked_away(text: str, scrubbed: str) -> None:
    assert redact_text(text) == text
    with override_settings(ENGINEL_REDACT_EMAIL=True, ENGINEL_REDACT_IP=True):
        assert redact_text(text) == scrubbed


@override_settings(ENGINEL_REDACT_EMAIL=True, ENGINEL_REDACT_IP=True)
@pytest.mark.parametrize(
    "text",
    ["v1.2.3.4.5", "at 12:30:45", "Face::Bead std::face::b1", "00:1a:2b:3c:4d:5e", "a@b", "@example.com", "3f2504e0:1"],
)
def test_what_only_looks_like_an_address_stays(text: str) -> None:
    assert redact_text(text) == text


@override_settings(ENGINEL_REDACT_EMAIL=True, ENGINEL_REDACT_IP=True)
@pytest.mark.parametrize("hostile", HOSTILE_TEXTS)
def test_twice_the_hostile_text_takes_twice_the_work_at_most(hostile: Callable[[int], str]) -> None:
    # What a call takes is measured by `benchmarks`.
    once, twice = (calls_of(lambda n=n: redact_text(hostile(n))) for n in (1, 2))

    assert twice <= 2.1 * once + 100


_text = st.text(alphabet=st.characters(exclude_categories=()), max_size=80)
_keys = _text | st.sampled_from(["password", "note", "token"]) | st.integers() | st.none()
_leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | _text | st.binary(max_size=20) | st.decimals()
    | st.datetimes() | st.uuids() | st.complex_numbers() | st.builds(Hostile) | st.builds(Printed)
)  # fmt: skip
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4), max_leaves=12
)


@given(_values)
def test_every_value_becomes_standard_json(value: Any) -> None:
    text = json.dumps(redact(value), allow_nan=False)

    text.encode("ascii")
    assert "hunter2" not in text


@given(_text, _text)
def test_no_neighbours_keep_a_url_password(before: str, after: str) -> None:
    text = f"{before} postgres://enginel:hunter2@db/x {after}"

    assert "hunter2" not in redact_text(text)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("İİİ password=hunter2", "İİİ password=[filtered]"),
        ("\u017fecret=hunter2", "\u017fecret=[filtered]"),
        (f"{'x' * 300}_password=hunter2", f"{'x' * 300}_password=[filtered]"),
        (f"password_{'x' * 300}=harmless", f"password_{'x' * 300}=harmless"),
        ("a=1;token=t;b=2;secret=s", "a=1;token=[filtered];b=2;secret=[filtered]"),
        ("url=https://x/?token=t&page=2", "url=https://x/?token=[filtered]&page=2"),
        ("task-list risk-free", "task-list risk-free"),
        ("xghp_" + "a" * 30, "xghp_" + "a" * 30),
        ("hooks.slack.com/services/T0/B0/abcdefgh", "hooks.slack.com/services/[filtered]"),
        ("4111 1111 1111 1111, 4111 1111 1111 1112", "[filtered], 4111 1111 1111 1112"),
        ("v1.4111111111111111", "v1.4111111111111111"),
        ("\u0664" + "\u0661" * 15, "\u0664" + "\u0661" * 15),
    ],
)
def test_names_and_shapes_are_found_where_they_stand(text: str, scrubbed: str) -> None:
    assert redact_text(text) == scrubbed


@pytest.mark.parametrize(
    "identifier",
    ["a4111111111111111bcdef0123456789", "a4111111-1111-1111-8bcd-ef0123456789", "A4111111111111111BCDEF0123456789"],
)
def test_an_id_that_holds_the_digits_of_a_card_stays(identifier: str) -> None:
    assert redact_text(f"design {identifier} of 5, /api/designs/{identifier}/") == (
        f"design {identifier} of 5, /api/designs/{identifier}/"
    )


@pytest.mark.parametrize(
    "text",
    ["card4111111111111111", "a4111111111111111bcdef01234567890", "4111-1111-1111-1111", "id a4111-1111-1111-1111"],
)
def test_a_card_beside_letters_goes(text: str) -> None:
    assert "1111111" not in redact_text(text).replace("-", "")


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_what_holds_a_secret_is_not_plain(text: str, secret: str) -> None:
    assert not is_plain(text)
    assert not is_plain(f"GET /x|{text}|7")


@pytest.mark.parametrize("text", ["", "GET /api/designs/ 200", "api/designs/<int:pk>/", "took 12.5 ms (of 30)"])
def test_plain_text_is_known_at_a_glance(text: str) -> None:
    assert is_plain(text)


@override_settings(ENGINEL_REDACT_EMAIL=True)
def test_where_addresses_are_redacted_no_text_is_plain_at_a_glance() -> None:
    assert not is_plain("x")


_telling = st.sampled_from(
    ["pass", "token ", "key=", "ghp_", "eyJ", ":", "'", "(", "<", "@", "//", "41", "Bearer ", "-"],
)


@given(st.lists(_telling | st.text(max_size=30) | st.from_regex(r"[A-Za-z0-9 _-]{0,40}", fullmatch=True)).map("".join))
def test_plain_text_stays_as_it_is(text: str) -> None:
    if is_plain(text):
        assert redact_text(text) == text
