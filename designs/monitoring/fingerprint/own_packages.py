"""The project's packages: their code is own code in any install location."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from designs.conf import InAppPackages, conf

__all__ = ["LIBRARIES", "Packages", "own_packages"]

# Many projects install the apps of these libraries; they are never a project's own.
LIBRARIES = frozenset(
    (
        *("adrf", "allauth", "anymail", "asgiref", "auditlog", "axes", "billiard", "cacheops", "celery"),
        *("channels", "click", "compressor", "constance", "corsheaders", "crispy_forms", "daphne", "debug_toolbar"),
        *("dj_rest_auth", "django", "django_celery_beat", "django_celery_results", "django_extensions"),
        *("django_filters", "django_prometheus", "django_q", "django_redis", "django_rq", "django_tables2"),
        *("djoser", "drf_spectacular", "drf_spectacular_sidecar", "drf_yasg", "easy_thumbnails", "fastapi"),
        *("flask", "graphene_django", "guardian", "gunicorn", "haystack", "health_check", "import_export"),
        *("jazzmin", "jinja2", "knox", "kombu", "mptt", "ninja", "oauth2_provider", "polymorphic", "psycopg"),
        *("psycopg2", "redis", "requests", "rest_framework", "rest_framework_simplejwt", "reversion", "rosetta"),
        *("sentry_sdk", "silk", "simple_history", "social_django", "sorl", "sqlalchemy", "starlette", "storages"),
        *("taggit", "tastypie", "treebeard", "two_factor", "urllib3", "uvicorn", "waffle", "wagtail", "werkzeug"),
        *("whitenoise"),
    )
)
_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages(?:[/\\]|\Z)")
_PRIVATE = "Private :: Do Not Upload"
_REQUIRED = re.compile(r"[A-Za-z0-9._-]+")
_SEPARATORS = re.compile(r"[-_.]+")


class Packages(NamedTuple):
    """Names of packages.

    Attributes:
        own: Packages of the project.
        likely: Installed apps without evidence that they are the project's. Their code is own if no other code is.
    """

    own: tuple[str, ...]
    likely: tuple[str, ...] = ()


def own_packages() -> Packages:
    """Return the packages whose code is own code in any install location."""
    stated = conf.in_app_packages
    return Packages(stated.names) if stated.names is not None else _packages_of(stated)


@lru_cache(maxsize=8)
def _packages_of(project: InAppPackages) -> Packages:
    """Return the project's packages, derived from its settings.

    Own are the packages of ROOT_URLCONF and of the WSGI and ASGI applications, and the packages of their distributions.
    Own is also an installed app whose distribution requires an own one, is marked as private, or is installed editable.
    Other apps are likely. Known libraries are neither.
    """
    entries = {name.partition(".")[0] for name in project.entries} - LIBRARIES - {""}
    apps = {_root_of(name) for name in project.apps if name.partition(".")[0] not in LIBRARIES} - entries
    places = {package: _folder_of(package) for package in (*entries, *apps)}
    dist_of = {package: dist for package in places if (dist := _distribution_of(package, places[package])) is not None}
    own = {_name_of(dist_of[package]) for package in entries if package in dist_of}
    for _ in apps:
        # Repeated because the requirement is transitive.
        own |= {_name_of(dist) for dist in dist_of.values() if _is_for_project(dist, own)}
    # Packages that were copied into one folder without a distribution, as Debian does.
    copied_folders = {places[package] for package in entries if package not in dist_of}
    own_apps = {
        app for app in apps if (_name_of(dist_of[app]) in own if app in dist_of else places[app] in copied_folders)
    }
    installed_together = {name for package in entries if package in dist_of for name in _contents_of(dist_of[package])}
    return Packages(
        tuple(sorted((entries | own_apps | installed_together) - LIBRARIES)),
        tuple(sorted(apps - own_apps - installed_together)),
    )


def _root_of(app: str) -> str:
    """Return the package of an app: the outermost one that is not a shared namespace package."""
    top, _, rest = app.partition(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return top
    if spec is None or spec.origin is not None or not rest:
        return top
    return f"{top}.{rest.partition('.')[0]}"


def _folder_of(package: str) -> str:
    """Return the folder, or archive, that a package is imported from; empty if unknown."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return ""
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec is not None else []
    return str(Path(places[0]).parents[package.count(".")]) if places and places[0] else ""


def _distribution_of(package: str, folder: str) -> metadata.Distribution | None:
    """Return the distribution that installed a package into its folder; None if there is none."""
    # Match names only in install folders: elsewhere, a checkout may have metadata without a list of files.
    by_name = _INSTALLED.search(folder) is not None
    found = _distributions_in(folder) if folder else ()
    return next((dist for dist in found if _holds(dist, package, by_name)), None)


@lru_cache(maxsize=8)
def _distributions_in(folder: str) -> Sequence[metadata.Distribution]:
    return tuple(metadata.distributions(path=[folder]))


def _holds(dist: metadata.Distribution, package: str, by_name: bool) -> bool:
    path = package.replace(".", "/")
    listed = f"\n{_text_of(dist, 'RECORD') or _text_of(dist, 'installed-files.txt')}"
    if len(listed) > 1:
        return any(f"\n{start}{path}{end}" in listed for start in ("", "../") for end in ("/", ".py"))
    if not by_name:
        return False
    # Debian's packages have no list of files, and often no list of packages.
    top, name = package.partition(".")[0], _name_of(dist).replace("-", "_")
    stated = _text_of(dist, "top_level.txt").split()
    return top in stated if stated else top in {name, f"{name}s", re.sub("^(django|drf)_(rest_)?", "", name)}


def _contents_of(dist: metadata.Distribution) -> Iterator[str]:
    """Yield the top-level packages of a distribution."""
    stated = _text_of(dist, "top_level.txt").split()
    listed = (line.partition("/") for line in _text_of(dist, "RECORD").splitlines())
    for name in stated or {first for first, slash, _ in listed if slash}:
        if name.isidentifier() and not name.startswith("__"):
            yield name


def _is_for_project(dist: metadata.Distribution, own: set[str]) -> bool:
    required = {
        _SEPARATORS.sub("-", found[0]).lower() for line in dist.requires or () if (found := _REQUIRED.match(line))
    }
    if required & own or _PRIVATE in (dist.metadata.get_all("Classifier") or ()):
        return True
    return '"editable": true' in _text_of(dist, "direct_url.json")


def _name_of(dist: metadata.Distribution) -> str:
    return _SEPARATORS.sub("-", str(dist.metadata["Name"])).lower()


def _text_of(dist: metadata.Distribution, name: str) -> str:
    try:
        return dist.read_text(name) or ""
    except (OSError, UnicodeDecodeError):
        return ""
