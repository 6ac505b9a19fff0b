"""Sandbox for the process that reads untrusted files: it may access only its file. Linux only, by `ctypes`."""

from designs.cad.sandbox.enter import Sandbox, WeakerSandbox
from designs.cad.sandbox.report import SandboxReport, available_mechanisms

__all__ = ["Sandbox", "SandboxReport", "WeakerSandbox", "available_mechanisms"]
