"""Small STEP files written out in tests."""

from __future__ import annotations

UNITS = """
#1=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));
#2=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT((#1))REPRESENTATION_CONTEXT('',''));
"""


def step_file(data: str, *, schema: str = "AUTOMOTIVE_DESIGN { 1 0 10303 214 1 1 1 1 }") -> bytes:
    """Return a complete file with these instances."""
    header = f"FILE_DESCRIPTION((''),'2;1');FILE_NAME('','',(''),(''),'','','');FILE_SCHEMA(('{schema}'));"
    return f"ISO-10303-21;\nHEADER;{header}ENDSEC;\nDATA;\n{data}\nENDSEC;\nEND-ISO-10303-21;\n".encode("latin-1")


def product(first: int, name: str) -> str:
    """Return a product definition ``#first`` with its product; it takes three identifiers."""
    return (
        f"#{first}=PRODUCT_DEFINITION('','',#{first + 1},$);"
        f"#{first + 1}=PRODUCT_DEFINITION_FORMATION('','',#{first + 2});"
        f"#{first + 2}=PRODUCT('{name}','','',());"
    )


def usage(identifier: int, parent: int, child: int) -> str:
    """Return the instance by which one product definition uses another."""
    return f"#{identifier}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('','','',#{parent},#{child},$);"
