"""Assemblies made from one small part: doubled level by level, or with an impossible structure."""

from __future__ import annotations

from collections.abc import Iterator

from enginel.sample.damage.edits import replaced, sample, with_statements

__all__ = ["doubled", "mapped_units", "nauo_cycle", "nauo_self_cycle", "nauo_target"]

# Instances of material.stp that the assemblies refer to.
_PART = "material.stp"
_PART_DEFINITION, _PART_SHAPE, _PART_PLACEMENT = 183, 115, 116
_CONTEXT, _PRODUCT_CONTEXT, _DEFINITION_CONTEXT = 177, 189, 184
_FIRST_NEW = 1000
_PER_LEVEL = 20
# A distance that doubles at each of hundreds of levels would be refused before the pieces are counted.
_FARTHEST = 99


def doubled(levels: int) -> bytes:
    """Return an assembly of two assemblies of two assemblies ...: ``2 ** levels`` pieces in some 10 kB."""
    statements = "\n".join(line for level in range(levels) for line in _level(level))
    return with_statements(sample(_PART), statements.encode())


def _level(level: int) -> Iterator[str]:
    base = _FIRST_NEW + _PER_LEVEL * level
    below = base - _PER_LEVEL
    child, child_shape = (below + 2, below + 5) if level else (_PART_DEFINITION, _PART_SHAPE)
    yield f"#{base}=PRODUCT('level {level}','level {level}','',(#{_PRODUCT_CONTEXT}));"
    yield f"#{base + 1}=PRODUCT_DEFINITION_FORMATION('','',#{base});"
    yield f"#{base + 2}=PRODUCT_DEFINITION('','',#{base + 1},#{_DEFINITION_CONTEXT});"
    yield f"#{base + 3}=PRODUCT_DEFINITION_SHAPE('','',#{base + 2});"
    yield f"#{base + 4}=SHAPE_DEFINITION_REPRESENTATION(#{base + 3},#{base + 5});"
    yield f"#{base + 5}=SHAPE_REPRESENTATION('',(#{_PART_PLACEMENT},#{base + 7}),#{_CONTEXT});"
    yield f"#{base + 6}=CARTESIAN_POINT('',({0.1 * 2 ** min(level, _FARTHEST)},0.,0.));"
    yield f"#{base + 7}=AXIS2_PLACEMENT_3D('',#{base + 6},$,$);"
    for first, placement in ((base + 8, _PART_PLACEMENT), (base + 13, base + 7)):
        yield f"#{first}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('{first}','','',#{base + 2},#{child},$);"
        yield f"#{first + 1}=PRODUCT_DEFINITION_SHAPE('','',#{first});"
        yield f"#{first + 2}=ITEM_DEFINED_TRANSFORMATION('','',#{_PART_PLACEMENT},#{placement});"
        yield (
            f"#{first + 3}=(REPRESENTATION_RELATIONSHIP('','',#{child_shape},#{base + 5})"
            f"REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION(#{first + 2})"
            "SHAPE_REPRESENTATION_RELATIONSHIP());"
        )
        yield f"#{first + 4}=CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#{first + 3},#{first + 1});"


def nauo_cycle() -> bytes:
    """Return two assemblies, each of which contains the other."""
    top = _FIRST_NEW + _PER_LEVEL + 2
    usage = f"#9000=NEXT_ASSEMBLY_USAGE_OCCURRENCE('back','','',#{_FIRST_NEW + 2},#{top},$);"
    return with_statements(doubled(2), usage.encode())


def nauo_self_cycle() -> bytes:
    """Return an assembly that contains itself."""
    usage = f"#9000=NEXT_ASSEMBLY_USAGE_OCCURRENCE('self','','',#{_FIRST_NEW + 2},#{_FIRST_NEW + 2},$);"
    return with_statements(doubled(1), usage.encode())


def mapped_units() -> bytes:
    """Return a part in metres whose shape maps a shape in inches that is related to the part's own."""
    mapped = replaced(sample(_PART), rb"(SHAPE_REPRESENTATION\('Part 1',)\(#116\)", rb"\1(#%d,#9009)" % _PART_PLACEMENT)
    statements = (
        "#9001=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));",
        "#9002=LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#9001);",
        "#9003=(CONVERSION_BASED_UNIT('INCH',#9002)LENGTH_UNIT()NAMED_UNIT(#9004));",
        "#9004=DIMENSIONAL_EXPONENTS(1.,0.,0.,0.,0.,0.,0.);",
        "#9005=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT((#9003))REPRESENTATION_CONTEXT('',''));",
        "#9006=CARTESIAN_POINT('',(1.,0.,0.));",
        "#9007=AXIS2_PLACEMENT_3D('',#9006,$,$);",
        "#9008=REPRESENTATION_MAP(#9007,#9010);",
        f"#9009=MAPPED_ITEM('',#9008,#{_PART_PLACEMENT});",
        "#9010=SHAPE_REPRESENTATION('',(#9007),#9005);",
        f"#9011=SHAPE_REPRESENTATION_RELATIONSHIP('','',#9010,#{_PART_SHAPE});",
    )
    return with_statements(mapped, "\n".join(statements).encode())


def nauo_target(target: bytes) -> bytes:
    """Return dm1 with the component of its first usage replaced by another reference."""
    pattern = rb"(NEXT_ASSEMBLY_USAGE_OCCURRENCE\('instance id 0','[^']*',\s*'[^']*',\s*#\d+,\s*)#\d+"
    return replaced(sample("dm1-id-214.stp"), pattern, rb"\1" + target)
