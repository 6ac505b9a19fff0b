"""The service's settings, with commands that fail."""

from enginel.settings import *  # noqa: F403
from enginel.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.support.probe_commands"]
