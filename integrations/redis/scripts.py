"""The Lua scripts beside this module, and wires that run them.

A script is named by its file. Behind the name, after a space, stand the values that are written in for the ``= ...`` of
a script that has it: numbers that seldom change, which a call need not bring along then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

import redis
from redis.exceptions import NoScriptError

from integrations.redis.connection import NotConnected, Wire, Wires

__all__ = ["ScriptWires", "load_script"]


class ScriptWires(Wires):
    """Wires to one server that run scripts."""

    def evaluate(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script; it is loaded again when the server forgot it.

        Raises:
            NotConnected: Nothing was carried out: no connection, or a replica at its end.
            redis.ConnectionError: The connection broke.
            redis.TimeoutError: No answer in time.
            redis.ResponseError: The server refused.
        """
        wire = self.take()
        try:
            answer = wire.ask("EVALSHA", _digest(name), len(keys), *keys, *args)
        except NoScriptError:
            answer = self._load_and_evaluate(wire, name, keys, args)
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

    def _load_and_evaluate(self, wire: Wire, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return wire.ask("EVAL", load_script(name), len(keys), *keys, *args)
        except redis.ReadOnlyError as error:
            raise self._demoted(wire) from error
        except BaseException:
            self.drop(wire)
            raise

    def _demoted(self, wire: Wire) -> NotConnected:
        # What was the master is a replica, and takes no write at all. Whoever connects anew is led to the next master,
        # by Sentinel or by the name's new address; the idle wires would find out one by one, a breaker's window each.
        self.drop(wire)
        self.drop_idle()
        return NotConnected("READONLY")


@lru_cache(maxsize=64)
def load_script(name: str) -> str:
    file, _, values = name.partition(" ")
    text = (resources.files("integrations") / "lua" / f"{file}.lua").read_text()
    return text.replace("= ...\n", f"= {values}\n", 1) if values else text


@lru_cache(maxsize=64)
def _digest(name: str) -> str:
    return hashlib.sha1(load_script(name).encode(), usedforsecurity=False).hexdigest()
