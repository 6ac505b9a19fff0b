"""Seeded mutations of the sound sample files that know the structure of STEP and IGES.

``mutated(seed, index)`` returns the same content each time, so one case that fails can be run alone.
``python -m tests.support.cad.mutations SEED INDEX`` writes it to standard output.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import django

from enginel.sample.damage.edits import sample
from tests.support.cad import mutations_iges, mutations_model, mutations_step
from tests.support.cad.mutations_bytes import BYTES, ENCODINGS

__all__ = ["KINDS", "OPERATOR_NAMES", "Mutation", "mutated"]

Operator = Callable[[random.Random, bytes], bytes]

# The large files take the kernel a second each, so they come up rarely.
_STEP_SOURCES: Final = {
    "material.stp": 8, "red_cube_blue_cylinder.step": 8, "s1-c5-214_extref.stp": 5, "io1-cm-214.stp": 6,
    "dm1-id-214.stp": 6, "featuretype.STEP": 2, "nist_ctc_03_asme1_ap203.stp": 1, "as1-oc-214.stp": 1,
    "nist_ctc_01_asme1_ap242.stp": 1,
}  # fmt: skip
_ASSEMBLIES: Final = {"dm1-id-214.stp": 2, "s1-c5-214_extref.stp": 3, "as1-oc-214.stp": 1}
_IGES_SOURCES: Final = {"single_rounded_cube.iges": 1}

_KINDS: Final[dict[str, tuple[dict[str, int], tuple[Operator, ...]]]] = {
    **{f"step {kind}": (_STEP_SOURCES, operators) for kind, operators in mutations_step.OPERATORS.items()},
    **{f"step {kind}": (_STEP_SOURCES, operators) for kind, operators in mutations_model.OPERATORS.items()},
    "step assembly": (_ASSEMBLIES, mutations_model.ASSEMBLY_OPERATORS),
    "step encodings": (_STEP_SOURCES, ENCODINGS),
    "step bytes": (_STEP_SOURCES, BYTES),
    **{f"iges {kind}": (_IGES_SOURCES, operators) for kind, operators in mutations_iges.OPERATORS.items()},
    "iges encodings": (_IGES_SOURCES, ENCODINGS),
    "iges bytes": (_IGES_SOURCES, BYTES),
}

KINDS: Final = tuple(_KINDS)
"""Names of the kinds; the index of a case chooses its kind in turn."""

OPERATOR_NAMES: Final = {operator.__name__ for _, operators in _KINDS.values() for operator in operators}


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mutated file.

    Attributes:
        kind: One of `KINDS`.
        operators: What was done, in order.
        source: Name of the sound file it was made of.
    """

    kind: str
    operators: tuple[str, ...]
    source: str
    content: bytes


def mutated(seed: int, index: int) -> Mutation:
    """Return the case ``index`` of a seed."""
    chance = random.Random(f"{seed}:{index}")
    kind = KINDS[index % len(KINDS)]
    sources, operators = _KINDS[kind]
    source = chance.choices(list(sources), list(sources.values()))[0]
    content, done = sample(source), []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        operator = chance.choice(operators)
        content = operator(chance, content)
        done.append(operator.__name__)
    return Mutation(kind, tuple(done), source, content)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    sys.stdout.buffer.write(mutated(int(sys.argv[1]), int(sys.argv[2])).content)
