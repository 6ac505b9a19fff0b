"""The service's settings, with views, tasks and commands that leak secrets."""

from enginel.settings import *  # noqa: F403
from enginel.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.support.probe_commands"]
ROOT_URLCONF = "tests.support.leaks_urls"
