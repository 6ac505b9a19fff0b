"""Mutations of STEP files that know sections, units and assemblies."""

from __future__ import annotations

import random
import re
from typing import Final

from tests.support.cad.mutations_step import STATEMENT, any_statement, replaced_match

__all__ = ["ASSEMBLY_OPERATORS", "OPERATORS"]

_FACTORS: Final = (
    b"0.",
    b"-2.54",
    b"1.E999",
    b"1.E300",
    b"1.E-30",
    b"NAN",
    b"'2.54'",
    b"$",
    b"254.",
    b"1.E6",
    b"2.54E-2",
)
_PREFIXES: Final = (
    b"$",
    b".MILLI.",
    b".MICRO.",
    b".KILO.",
    b".EXA.",
    b".ATTO.",
    b".MILLY.",
    b"*",
    b"'MILLI'",
    b".T.",
    b"#1",
)


# --- sections --------------------------------------------------------------------------------------
_SECTION: Final = re.compile(rb"(HEADER;|DATA;)(.*?)ENDSEC;\s*", re.DOTALL)
_EXTRAS: Final = (
    b"ANCHOR;\nENDSEC;\n", b"ANCHOR;\n<a>=#10;\nENDSEC;\n", b"REFERENCE;\n#900001=<x.stp#a>;\nENDSEC;\n",
    b"REFERENCE;\nENDSEC;\n", b"DATA;\nENDSEC;\n", b"DATA;\n#900001=GROUP('','');\nENDSEC;\n", b"ENDSEC;\n",
    b"SIGNATURE;\nMIIB\nENDSEC;\n", b"DATA('second',('AUTOMOTIVE_DESIGN'));\n#900001=GROUP('','');\nENDSEC;\n",
)  # fmt: skip


def dropped_section(chance: random.Random, content: bytes) -> bytes:
    return replaced_match(chance, content, _SECTION, lambda _: b"")


def emptied_section(chance: random.Random, content: bytes) -> bytes:
    return replaced_match(chance, content, _SECTION, lambda m: m[1] + b"\nENDSEC;\n")


def repeated_section(chance: random.Random, content: bytes) -> bytes:
    return replaced_match(chance, content, _SECTION, lambda m: m[0] + m[0])


def extra_section(chance: random.Random, content: bytes) -> bytes:
    extra = chance.choice(_EXTRAS)
    return replaced_match(chance, content, _SECTION, lambda m: m[0] + extra if chance.randrange(2) else extra + m[0])


def named_data(chance: random.Random, content: bytes) -> bytes:
    name = chance.choice((b"DATA('main',('AUTOMOTIVE_DESIGN'));", b"DATA();", b"DATA ;", b"DATA('x');", b"data;"))
    return content.replace(b"DATA;", name, 1)


def no_end(chance: random.Random, content: bytes) -> bytes:
    return content.replace(
        chance.choice((b"END-ISO-10303-21;", b"ENDSEC;", b"HEADER;", b"ISO-10303-21;", b"DATA;")), b"", 1
    )


def dropped_header_line(chance: random.Random, content: bytes) -> bytes:
    name = chance.choice((b"FILE_SCHEMA", b"FILE_NAME", b"FILE_DESCRIPTION"))
    return re.sub(name + rb"\s*\((?:[^;']|'[^']*')*;", b"", content)


def other_schema(chance: random.Random, content: bytes) -> bytes:
    schema = chance.choice((
        b"'IFC4'", b"''", b"'AP214IS'", b"'automotive_design'", b"1", b"$", b"'CONFIG_CONTROL_DESIGN','X'",
        b"'AP242_MANAGED_MODEL_BASED_3D_ENGINEERING_MIM_LF. {1 0 10303 442 1 1 4 }'", b"#1", b"('AUTOMOTIVE_DESIGN')",
    ))  # fmt: skip
    return re.sub(rb"FILE_SCHEMA\s*\(\s*\([^)]*\)", lambda _: b"FILE_SCHEMA((" + schema + b")", content)


def cut_clean(chance: random.Random, content: bytes) -> bytes:
    statement = any_statement(chance, content)
    return content[: statement.end()] + b"ENDSEC;\nEND-ISO-10303-21;\n" if statement else content


# --- units -----------------------------------------------------------------------------------------
def other_prefix(chance: random.Random, content: bytes) -> bytes:
    prefix = chance.choice(_PREFIXES)
    return replaced_match(chance, content, re.compile(rb"(?<=SI_UNIT\()\s*(?:\.\w+\.|\$)"), lambda _: prefix)


def other_factor(chance: random.Random, content: bytes) -> bytes:
    factor = chance.choice(_FACTORS)
    return replaced_match(chance, content, re.compile(rb"(?<=LENGTH_MEASURE\()[^)]*"), lambda _: factor)


def other_measure(chance: random.Random, content: bytes) -> bytes:
    name = chance.choice(
        (b"MASS_MEASURE", b"POSITIVE_LENGTH_MEASURE", b"RATIO_MEASURE", b"", b"NO_MEASURE", b"length_measure")
    )
    return replaced_match(chance, content, re.compile(rb"\bLENGTH_MEASURE(?=\()"), lambda _: name)


def other_unit_kind(chance: random.Random, content: bytes) -> bytes:
    pattern = re.compile(rb"\b(?:LENGTH_UNIT|NAMED_UNIT|SI_UNIT|CONVERSION_BASED_UNIT|LENGTH_MEASURE_WITH_UNIT)\b")
    name = chance.choice((b"MASS_UNIT", b"MEASURE_WITH_UNIT", b"SI_UNIT", b"NAMED_UNIT", b"LENGTH_UNIT", b"X_UNIT"))
    return replaced_match(chance, content, pattern, lambda _: name)


def other_unit_list(chance: random.Random, content: bytes) -> bytes:
    new = chance.choice((b"()", b"$", b"(#1)", b"(#999999)", b"*", b"(())", b"('m')", b"((#1,#2))"))
    return replaced_match(
        chance, content, re.compile(rb"(?<=GLOBAL_UNIT_ASSIGNED_CONTEXT\()\s*\([^)]*\)"), lambda _: new
    )


# --- assemblies ------------------------------------------------------------------------------------
_USAGE: Final = re.compile(
    rb"(#\d+\s*=\s*NEXT_ASSEMBLY_USAGE_OCCURRENCE\s*\((?:'[^']*',\s*|\$,\s*){3})(#\d+)(,\s*)(#\d+)"
)
_PRODUCTS: Final = re.compile(rb"\bPRODUCT(?:_DEFINITION\w*)?(?=\s*\()")


def swapped_usage(chance: random.Random, content: bytes) -> bytes:
    return replaced_match(chance, content, _USAGE, lambda m: m[1] + m[4] + m[3] + m[2])


def own_usage(chance: random.Random, content: bytes) -> bytes:
    return replaced_match(chance, content, _USAGE, lambda m: m[1] + m[2] + m[3] + m[2])


def other_usage(chance: random.Random, content: bytes) -> bytes:
    ids = [match[1] for match in STATEMENT.finditer(content)] or [b"1"]
    products = [m[1] for m in STATEMENT.finditer(content) if m[2].startswith(b"PRODUCT_DEFINITION")] or ids
    pool = chance.choice((ids, products))
    return replaced_match(chance, content, _USAGE, lambda m: m[1] + m[2] + m[3] + b"#" + chance.choice(pool))


def more_usages(chance: random.Random, content: bytes) -> bytes:
    usages = [m for m in STATEMENT.finditer(content) if m[2] == b"NEXT_ASSEMBLY_USAGE_OCCURRENCE"]
    if not usages:
        return content
    chosen, times = chance.choice(usages), chance.choice((1, 50, 2000))
    tail = chosen[0].partition(b"=")[2]
    copies = b"".join(b"#%d=%b" % (800_000 + number, tail) for number in range(times))
    return content[: chosen.end()] + copies + content[chosen.end() :]


def other_product(chance: random.Random, content: bytes) -> bytes:
    name = chance.choice(
        (b"PRODUCT", b"PRODUCT_DEFINITION", b"PRODUCT_DEFINITION_FORMATION", b"PRODUCT_DEFINITION_SHAPE", b"X")
    )
    return replaced_match(chance, content, _PRODUCTS, lambda _: name)


OPERATORS: Final = {
    "sections": (
        dropped_section, emptied_section, repeated_section, extra_section, extra_section, named_data, no_end,
        dropped_header_line, other_schema, cut_clean,
    ),
    "units": (other_prefix, other_factor, other_measure, other_unit_kind, other_unit_list),
}  # fmt: skip
ASSEMBLY_OPERATORS: Final = (swapped_usage, own_usage, other_usage, more_usages, other_product)
