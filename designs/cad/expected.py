"""Expected kernel results, derived from the scan of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from designs.cad.part21 import Bodies

__all__ = ["NOTHING_EXPECTED", "Expected"]


@dataclass(frozen=True, slots=True)
class Expected:
    """The bodies and pieces that the text of a file defines.

    Attributes:
        pieces: Pieces in the bill of materials.
        solids: Solid bodies with a boundary representation that it defines.
        bodies: The bodies that a STEP file defines and places; None where that is not known.
    """

    pieces: int = 0
    solids: int = 0
    bodies: Bodies | None = None

    @property
    def most_pieces(self) -> int:
        """Pieces the kernel has to place. Pieces that only a stated quantity counts have no placement."""
        if self.bodies is None:
            return self.pieces
        return max(self.bodies.placements, self.bodies.placed_solids, self.bodies.mesh_solids)

    @property
    def is_empty(self) -> bool:
        """The file defines no shape, and no assembly whose parts could lie in other files."""
        return self.bodies is not None and not self.bodies.has_shapes and not self.pieces

    @property
    def meshes(self) -> str:
        """How bodies of triangles are treated: ``measured``, ``ignored`` beside exact ones, ``none`` without any."""
        if self.bodies is None:
            return "measured"
        return ("ignored" if self.bodies.ignores_meshes else "measured") if self.bodies.has_meshes else "none"

    @property
    def placed_solids(self) -> int:
        """Solids, each placement counted, that the kernel must find at least."""
        return self.bodies.placed_solids if self.bodies else 0

    @property
    def all_solids(self) -> int:
        """Solids, each placement counted, with a boundary representation or of triangles."""
        return self.bodies.placed_solids + self.bodies.mesh_solids if self.bodies else 0

    @property
    def positioned_solids(self) -> int:
        """The solids of `all_solids` whose position the file states."""
        return self.bodies.positioned_solids if self.bodies else 0

    @property
    def has_meshes_only(self) -> bool:
        """The file defines bodies by triangles only."""
        return self.bodies is not None and self.bodies.has_meshes and not self.solids


NOTHING_EXPECTED: Final = Expected()
