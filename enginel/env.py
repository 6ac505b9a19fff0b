"""Settings from environment variables: typed, never guessed, with secrets from files.

An unusable value is recorded as a problem and replaced by its default, so that one start reports all problems:
`designs.checks` turns each into a Django system check error, and every entry point runs the checks before it serves.
A problem never repeats a value, which may be a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from designs.settings_model import Kind, Setting
from designs.settings_table import SETTINGS

__all__ = ["Env", "EnvProblem"]

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})
_SECRET_FILE_MAX_BYTES = 64 * 1024
# Similarity from which a known name is suggested, and from which a name without our prefix counts as misspelt.
_LIKE_CUTOFF, _SAME_CUTOFF = 0.6, 0.9
# Variables that Kubernetes and Docker set for a service whose name begins with ours. The pattern includes the value,
# since a misspelt port of ours has the same ending.
_SERVICE_LINK = re.compile(
    r"[A-Z0-9_]+_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)=.*"
    r"|[A-Z0-9_]+_PORT(_\d+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://.*"
    r"|[A-Z0-9_]+_PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)=.*",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class EnvProblem:
    """One unusable environment variable: its name, the problem, and a hint how to fix it."""

    name: str
    message: str
    hint: str


class Env:
    """Typed access to environment variables.

    Attributes:
        problems: Unusable variables so far, in order of reading.
        read: Names read so far; all others with the prefix are misspelt.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[EnvProblem] = []
        self.read: set[str] = set()

    def setting(self, name: str) -> Any:
        """Return a setting of the table, parsed by its row; its default when unset or unusable."""
        row = SETTINGS[name]
        raw = self.secret(name) if row.kind is Kind.SECRET else self.text(name)
        if row.kind is Kind.FLAG:
            return self.flag(name, row.default)
        if not raw:
            return row.default
        if row.kind is Kind.URL:
            return self.url(name, ("http", "https"))
        # A path to a callable is imported by the checks, once the applications are loaded.
        value = _parsed(row, raw)
        if row.kind is Kind.CALLABLE or row.fits(value):
            return value
        self.report(name, f"{name} is no usable {row.noun}.", row.hint)
        return row.default

    def remaining(self) -> dict[str, Any]:
        """Return the usable variables of the table that were not read yet."""
        found = {}
        for name in [name for name, row in SETTINGS.items() if row.kind is not Kind.OTHER and name not in self.read]:
            problems = len(self.problems)
            value = self.setting(name)
            if self._environ.get(name, "").strip() and len(self.problems) == problems:
                found[name] = value
        return found

    def text(self, name: str, default: str = "") -> str:
        self.read.add(name)
        return self._environ.get(name, default).strip() or default

    def secret(self, name: str, default: str = "") -> str:
        """Return NAME, or the content of the file that NAME_FILE names (container secrets)."""
        self.read.update({name, f"{name}_FILE"})
        value, path = self._environ.get(name, "").strip(), self._environ.get(f"{name}_FILE", "").strip()
        if value and path:
            self.report(name, f"{name} and {name}_FILE are both set.", "Set one of the two.")
        if value or not path:
            return value or default
        return self._secret_from_file(name, path) or default

    def flag(self, name: str, default: bool = False) -> bool:
        raw = self.text(name).lower()
        if name not in self._environ:
            return default
        if raw in _TRUE or raw in _FALSE:
            return raw in _TRUE
        self.report(name, f"{name} is neither yes nor no.", "Use 1 or 0.")
        return default

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = int(raw)
        except ValueError:
            value = minimum - 1
        if minimum <= value <= maximum:
            return value
        self.report(name, f"{name} is no usable number.", f"Use a whole number from {minimum} to {maximum}.")
        return default

    def seconds(self, name: str, default: float, *, minimum: float, maximum: float) -> float:
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = float(raw)
        except ValueError:
            value = float("nan")
        if minimum <= value <= maximum:
            return value
        self.report(name, f"{name} is no usable duration.", f"Use seconds from {minimum:g} to {maximum:g}.")
        return default

    def choice(self, name: str, default: str, choices: Collection[str]) -> str:
        raw = self.text(name, default)
        if raw in choices:
            return raw
        self.report(name, f"{name} has an unknown value.", f"Use one of: {', '.join(sorted(choices))}.")
        return default

    def matching(self, name: str, default: str, pattern: str, hint: str) -> str:
        """Return text that matches a regular expression as a whole."""
        raw = self.text(name, default)
        if re.fullmatch(pattern, raw):
            return raw
        self.report(name, f"{name} has no usable form.", hint)
        return default

    def words(self, name: str, default: Collection[str] = ()) -> list[str]:
        """Return a comma-separated list."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or list(default)

    def url(self, name: str, schemes: Collection[str], unchecked: Collection[str] = ()) -> str:
        """Return a URL with one of the schemes, which may hold a password; empty when unset or unusable.

        The caller checks URLs of the ``unchecked`` schemes, which may list several hosts.
        """
        raw = self.secret(name)
        if not raw or raw.partition("://")[0] in unchecked:
            return raw
        known = ", ".join(f"{scheme}://" for scheme in (*schemes, *unchecked))
        hint = f"Use a URL that starts with one of: {known}."
        try:
            parts = urlsplit(raw)
            usable = parts.scheme in schemes and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if usable and parts.scheme == "unix":
            usable = not parts.hostname
        if usable and (parts.hostname or parts.path not in ("", "/")):
            return raw
        self.report(name, f"{name} is no usable URL.", hint)
        return ""

    def unknown(self, prefix: str, also: Collection[str] = ()) -> list[EnvProblem]:
        """Return a problem for each variable with the prefix, or a similar one, that was not read.

        Names that Kubernetes and Docker set for services are left out.

        Args:
            prefix: Beginning of all our names.
            also: Names that other parts of the service read.
        """
        known = self.read.union(also)
        problems = []
        for name in sorted(self._environ.keys() - known):
            upper = name.upper()
            if upper[:1] not in prefix[:2] or _SERVICE_LINK.fullmatch(f"{name}={self._environ[name]}"):
                continue
            is_ours = upper.startswith(prefix)
            nearest = get_close_matches(upper, known, n=1, cutoff=_LIKE_CUTOFF if is_ours else _SAME_CUTOFF)
            if is_ours or nearest:
                hint = f"Did you mean {nearest[0]}?" if nearest else "See docs/reference.md for the names."
                problems.append(EnvProblem(name, f"{name} is no setting of Enginel.", hint))
        return problems

    def report(self, name: str, message: str, hint: str) -> None:
        self.problems.append(EnvProblem(name, message, hint))

    def _secret_from_file(self, name: str, path: str) -> str:
        try:
            with Path(path).open("rb") as file:
                raw = file.read(_SECRET_FILE_MAX_BYTES + 1)
            if len(raw) > _SECRET_FILE_MAX_BYTES:
                raise ValueError("too large")
            return raw.decode().strip()
        except (OSError, ValueError):
            self.report(
                name,
                f"The file that {name}_FILE names cannot be read.",
                f"It must be a readable UTF-8 text file of at most {_SECRET_FILE_MAX_BYTES} bytes.",
            )
            return ""


def _parsed(row: Setting, raw: str) -> Any:
    """Return the value of the text, or None where the text does not have the row's type."""
    try:
        if row.kind is Kind.INTEGER:
            return int(raw)
        if row.kind is Kind.NUMBER:
            return float(raw)
        if row.kind in (Kind.NUMBERS, Kind.OPTIONS):
            return json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if row.kind in (Kind.WORDS, Kind.FOLDERS, Kind.PACKAGES, Kind.NETWORKS):
        return [word.strip() for word in raw.split(",") if word.strip()] or None
    return raw
