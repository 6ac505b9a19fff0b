"""Damaged and odd files, made at run time from the sound samples: identical bytes each time."""

from enginel.sample.damage.cases import DAMAGED
from enginel.sample.damage.model import DamagedFile, OddFile
from enginel.sample.damage.odd import ODD

__all__ = ["DAMAGED", "ODD", "DamagedFile", "OddFile"]
