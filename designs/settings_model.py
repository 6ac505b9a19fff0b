"""One row of the table of settings: type, range, unit, default and reason, and whether a value fits them."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.utils.module_loading import import_string

__all__ = ["Kind", "Setting", "choice", "count", "flag", "other", "seconds", "share", "words"]


class Kind(StrEnum):
    """Type of a setting; the value is its name in hints and in the reference."""

    FLAG = "yes or no"
    INTEGER = "whole number"
    NUMBER = "number"
    TEXT = "text"
    CHOICE = "one of"
    WORDS = "list of texts"
    FOLDERS = "list of folders"
    PACKAGES = "list of packages"
    NETWORKS = "list of addresses or networks"
    NUMBERS = "numbers by name"
    OPTIONS = "values by name"
    CALLABLE = "callable or dotted path of one"
    URL = "http or https URL, or empty"
    SECRET = "text, secret"  # noqa: S105 - the name of a type
    PATH = "folder, a pathlib.Path in Django settings"
    # A function of `enginel.service_urls` or `enginel.settings` reads it.
    OTHER = "see its form"


_NOUNS = {
    Kind.FLAG: "flag",
    Kind.CHOICE: "choice",
    Kind.NUMBERS: "mapping of names to numbers",
    Kind.OPTIONS: "mapping of names to values",
    Kind.URL: "URL",
    Kind.SECRET: "secret",
}

_ARTICLES = {
    Kind.INTEGER: "a ",
    Kind.NUMBER: "a ",
    Kind.WORDS: "a ",
    Kind.FOLDERS: "a ",
    Kind.NETWORKS: "a ",
    Kind.CALLABLE: "a ",
    Kind.URL: "an ",
    Kind.PATH: "a ",
    Kind.NUMBERS: "a mapping: ",
    Kind.OPTIONS: "a mapping: ",
}


@dataclass(frozen=True)
class Setting:
    """A setting, the same by its Django name and in the environment.

    Attributes:
        name: Name of the Django setting and of the environment variable.
        default: Value without the setting; None where it is computed, see ``shown_default``.
        unit: Of the value; "none" for names, flags and addresses.
        reason: Effect of the setting, and the reason for its default.
        minimum: Smallest number; for secrets the smallest length.
        maximum: Largest number.
        choices: All values of a choice.
        form: Words for the type of a setting that a function of its own parses.
        shown_default: Words for a default that other settings decide.
    """

    name: str
    kind: Kind
    default: Any
    unit: str
    reason: str
    minimum: float = 0
    maximum: float = math.inf
    choices: tuple[str, ...] = ()
    form: str = ""
    shown_default: str = ""

    @property
    def range(self) -> str:
        """Type and range in words."""
        if self.form:
            return self.form
        if self.kind is Kind.CHOICE:
            return f"{self.kind}: {', '.join(self.choices)}"
        if self.kind is Kind.SECRET:
            return f"{self.kind}, {self.minimum:.0f} characters or more"
        if self.kind in (Kind.INTEGER, Kind.NUMBER, Kind.NUMBERS):
            return f"{self.kind} from {_plain(self.minimum)} to {_plain(self.maximum)}"
        return str(self.kind)

    @property
    def noun(self) -> str:
        """Noun for a value in messages."""
        if self.unit == "seconds" and self.kind is Kind.NUMBER:
            return "duration"
        return _NOUNS.get(self.kind, str(self.kind))

    @property
    def default_text(self) -> str:
        if self.shown_default:
            return self.shown_default
        if self.kind is Kind.FLAG:
            return "yes" if self.default else "no"
        if isinstance(self.default, tuple):
            return ", ".join(self.default) or "empty"
        if isinstance(self.default, int | float):
            return _plain(self.default)
        return str(self.default) if self.default else "none"

    @property
    def hint(self) -> str:
        unit = "" if self.unit == "none" else f" ({self.unit})"
        wanted = "True or False" if self.kind is Kind.FLAG else f"{_ARTICLES.get(self.kind, '')}{self.range}"
        return f"Use {wanted}{unit}. The default is {self.default_text}."

    def fits(self, value: object) -> bool:
        """Return whether a Python value has the type of this row and lies within its range."""
        check = _CHECKS.get(self.kind)
        return check is None or check(self, value)


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _is_number(row: Setting, value: object) -> bool:
    # A bool is an int to Python, and NaN compares false with both bounds.
    return isinstance(value, int | float) and not isinstance(value, bool) and row.minimum <= value <= row.maximum


def _is_integer(row: Setting, value: object) -> bool:
    return isinstance(value, int) and _is_number(row, value)


def _are_texts(row: Setting, value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and all(isinstance(text, str) for text in value)


def _are_folders(row: Setting, value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and all(isinstance(root, str | Path) for root in value)


def _are_networks(row: Setting, value: object) -> bool:
    if not isinstance(value, list | tuple | set | frozenset) or not _are_texts(row, value):
        return False
    try:
        return all(ipaddress.ip_network(text, strict=False) for text in value)
    except ValueError:
        return False


def _are_options(row: Setting, value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _are_numbers(row: Setting, value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and _are_options(row, value)
        and all(_is_number(row, number) for number in value.values())
    )


def _is_callable(row: Setting, value: object) -> bool:
    if not isinstance(value, str):
        return value is None or callable(value)
    try:
        return callable(import_string(value))
    except Exception:  # noqa: BLE001 - importing runs code of the deployment, which may raise anything
        return False


def _is_secret(row: Setting, value: object) -> bool:
    return isinstance(value, str) and (not value or len(value) >= row.minimum)


def _is_text(row: Setting, value: object) -> bool:
    # A text with a default is a name that output needs; without one, empty is the default.
    return isinstance(value, str) and bool(value.strip() or not row.default)


_CHECKS: dict[Kind, Callable[[Setting, object], bool]] = {
    Kind.FLAG: lambda _, value: isinstance(value, bool),
    Kind.INTEGER: _is_integer,
    Kind.NUMBER: _is_number,
    Kind.TEXT: _is_text,
    Kind.CHOICE: lambda row, value: isinstance(value, str) and value in row.choices,
    Kind.WORDS: _are_texts,
    Kind.FOLDERS: _are_folders,
    Kind.NETWORKS: _are_networks,
    Kind.NUMBERS: _are_numbers,
    Kind.OPTIONS: _are_options,
    Kind.CALLABLE: _is_callable,
    Kind.URL: lambda _, value: isinstance(value, str) and (not value or value.startswith(("http://", "https://"))),
    Kind.SECRET: _is_secret,
    Kind.PATH: lambda _, value: isinstance(value, Path),
}


def flag(name: str, default: bool, reason: str) -> Setting:
    """Return a row of yes or no."""
    return Setting(name, Kind.FLAG, default, "none", reason)


def count(name: str, default: int, unit: str, reason: str, minimum: int, maximum: int) -> Setting:
    """Return a row of a whole number within bounds."""
    return Setting(name, Kind.INTEGER, default, unit, reason, minimum, maximum)


def seconds(name: str, default: float, reason: str, minimum: float, maximum: float) -> Setting:
    """Return a row of a duration within bounds, in seconds."""
    return Setting(name, Kind.NUMBER, default, "seconds", reason, minimum, maximum)


def share(name: str, default: float, reason: str) -> Setting:
    """Return a row of a number from 0 to 1."""
    return Setting(name, Kind.NUMBER, default, "share", reason, 0, 1)


def choice(name: str, default: str, choices: tuple[str, ...], reason: str) -> Setting:
    """Return a row of a text out of a few."""
    return Setting(name, Kind.CHOICE, default, "none", reason, choices=choices)


def words(name: str, default: tuple[str, ...], reason: str, shown: str = "", kind: Kind = Kind.WORDS) -> Setting:
    """Return a row of a list of texts."""
    return Setting(name, kind, default, "none", reason, shown_default=shown)


def other(name: str, form: str, reason: str, shown: str = "none") -> Setting:
    """Return a row whose value a function of its own parses and checks."""
    return Setting(name, Kind.OTHER, "", "none", reason, form=form, shown_default=shown)
