"""Lua scripts of a package, and connections to one server that run them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import resources
from typing import Any

import redis
from redis.exceptions import NoScriptError

from integrations.redis.connection import NotConnected, Wire, Wires

__all__ = ["Script", "ScriptWires"]

_CONSTANTS = re.compile(r"^local ([\w, ]+) = \.\.\.$", re.MULTILINE)


class Script:
    """A Lua script: the file ``lua/<name>.lua`` of a package.

    Args:
        package: Import name of the package that owns the script.
        name: File name without its suffix.
        constants: Values for the names of the script's line ``local a, b = ...``: numbers, or text of printable ASCII.
            They seldom change, so they are part of the script and no call sends them.
    """

    def __init__(self, package: str, name: str, constants: Mapping[str, int | str] | None = None) -> None:
        self.package = package
        self.name = name
        self.constants = dict(constants or {})

    def __repr__(self) -> str:
        return f"Script({self.package!r}, {self.name!r}, {self.constants!r})"

    @cached_property
    def text(self) -> str:
        """The source with its constants.

        Raises:
            FileNotFoundError: The package has no such script.
            ValueError: The constants are not those that the script names.
        """
        source = (resources.files(self.package) / "lua" / f"{self.name}.lua").read_text()
        line = _CONSTANTS.search(source)
        names = line[1].split(", ") if line else []
        if sorted(names) != sorted(self.constants):
            raise ValueError(f"{self.name}.lua takes the constants {names}, not {list(self.constants)}")
        if line is None:
            return source
        # Python and Lua write whole numbers and plain text alike.
        values = ", ".join(repr(self.constants[name]) for name in names)
        return f"{source[: line.start()]}local {line[1]} = {values}{source[line.end() :]}"

    @cached_property
    def digest(self) -> str:
        """The SHA-1 by which ``EVALSHA`` finds the script."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class ScriptWires(Wires):
    """Pool of connections to one server that run scripts."""

    def evaluate(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script; send its text if the server does not know it.

        Raises:
            NotConnected: Nothing was carried out: no connection, or the server is a replica.
            redis.ConnectionError: The connection broke.
            redis.TimeoutError: No answer in time.
            redis.ResponseError: The server refused.
        """
        wire = self.take()
        try:
            answer = wire.ask("EVALSHA", script.digest, len(keys), *keys, *args)
        except NoScriptError:
            answer = self._load_and_evaluate(wire, script, keys, args)
        except redis.ReadOnlyError as error:
            raise self._demoted(wire) from error
        except redis.ResponseError:
            self.give_back(wire)
            raise
        except BaseException:
            self.drop(wire)
            raise
        self.give_back(wire)
        return answer

    def _load_and_evaluate(self, wire: Wire, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return wire.ask("EVAL", script.text, len(keys), *keys, *args)
        except redis.ReadOnlyError as error:
            raise self._demoted(wire) from error
        except BaseException:
            self.drop(wire)
            raise

    def _demoted(self, wire: Wire) -> NotConnected:
        # The former master is a replica and refuses writes. A new connection reaches the next master, through Sentinel
        # or the new address of the name. Each idle connection would fail once, and open the breaker each time.
        self.drop(wire)
        self.drop_idle()
        return NotConnected("READONLY")
