"""An application that is installed like a library has own frames, and a library's app has none."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from designs.monitoring.fingerprint import Fingerprint, fingerprint_event, fingerprint_exception
from designs.monitoring.fingerprint.own_code import FOREIGN, OWN, ownership, ownership_in_event
from designs.monitoring.fingerprint.own_packages import own_packages
from designs.monitoring.sentry.quoted_exceptions import subject_of
from tests.support.installed_stacks import both, event_of, failure

SHOP = {
    "stockroom/__init__.py": "",
    "stockroom/orders.py": """
import acmelib


class Order:
    def place(self):
        return acmelib.look_up(5)


def run():
    return Order().place()
""",
}
ACME = "def find(number):\n    raise LookupError(number)\n\n\ndef look_up(number):\n    return find(number)\n"
UPGRADED = ACME.replace("find", "found")
Run = Callable[..., Fingerprint]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Install the application and its library somewhere, run it, and return the fingerprint of how it fails."""
    path, before = sys.path[:], set(sys.modules)

    def forget() -> None:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in {"stockroom", "acmelib"}:
                del sys.modules[name]

    def act(place: str, library: str = ACME, of: Any = both, **settings: Any) -> Fingerprint:
        shutil.rmtree(tmp_path, ignore_errors=True)
        home, libraries = tmp_path / place, tmp_path / "venv/lib/python3.11/site-packages"
        for folder, files in ((home, SHOP), (libraries, {"acmelib.py": library})):
            for name, text in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
        if place.endswith(".pyz"):
            shutil.make_archive(str(home.with_suffix("")), "zip", home)
            shutil.rmtree(home)
            home.with_suffix(".zip").rename(home)
        sys.path[:0] = [str(home), str(libraries)]
        importlib.invalidate_caches()
        try:
            with override_settings(ENGINEL_IN_APP_ROOTS=(str(tmp_path / "srv/app"),), **settings):
                try:
                    importlib.import_module("stockroom.orders").run()
                except LookupError as error:
                    made: Fingerprint = of(error.with_traceback(error.__traceback__.tb_next))  # type: ignore[union-attr]
                    return made
            raise AssertionError
        finally:
            forget()

    yield act
    forget()


PLACES = {
    "a wheel": "venv/lib/python3.11/site-packages",
    "a Debian package": "usr/lib/python3/dist-packages",
    "an editable install": "home/dev/stockroom/src",
}
OWN_PARTS = (
    "type LookupError",
    "frame stockroom.orders.run",
    "frame stockroom.orders.Order.place",
    "line return acmelib.look_up(5)",
)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("by", ["the setting", "the installed apps"])
def test_an_installed_application_has_the_key_of_its_checkout(place: str, by: str, run: Run) -> None:
    named: Any = (
        {"ENGINEL_IN_APP_PACKAGES": ("stockroom",)}
        if by == "the setting"
        else {"INSTALLED_APPS": ["django.contrib.contenttypes", "rest_framework", "stockroom"]}
    )
    checkout, installed, upgraded = run("srv/app"), run(place, **named), run(place, UPGRADED, **named)

    assert checkout.parts == installed.parts == upgraded.parts == OWN_PARTS
    assert checkout.key == installed.key == upgraded.key
    assert installed.site == "LookupError in stockroom.orders.Order.place"


def test_an_application_in_an_archive_has_own_frames(run: Run) -> None:
    made = run("srv/shop.pyz", of=fingerprint_exception, ENGINEL_IN_APP_PACKAGES=("stockroom",))

    assert made.parts[:3] == OWN_PARTS[:3]


def test_code_of_a_library_that_is_an_installed_app_does_not_count_beside_own_code(run: Run) -> None:
    apps = ["django.contrib.contenttypes", "acmelib"]
    first, second = run("srv/app", INSTALLED_APPS=apps), run("srv/app", UPGRADED, INSTALLED_APPS=apps)

    assert first.parts == second.parts == OWN_PARTS


# What a distribution says of itself, by its folder.
METADATA = {
    "stockroom-1.dist-info": (
        "Name: stockroom\nRequires-Dist: acmelib\n",
        "stockroom/__init__.py,,\nstocktools/a.py,,\n",
    ),
    "stock_billing-1.dist-info": ("Name: stock-billing\nRequires-Dist: Stockroom (>=1)\n", "billing/__init__.py,,\n"),
    "invoices-1.dist-info": ("Name: invoices\nRequires-Dist: stock_billing\n", "invoices/__init__.py,,\n"),
    "secretapp-1.dist-info": (
        "Name: secretapp\nClassifier: Private :: Do Not Upload\n",
        "secretapp/__init__.py,,\n",
    ),
    "acmelib-1.dist-info": ("Name: acmelib\n", "acmelib/__init__.py,,\n"),
    "django_knox-1.dist-info": ("Name: django-knox\n", "knox/__init__.py,,\n"),
}


def installed(folder: Path, packages: list[str], metadata: dict[str, tuple[str, str]]) -> None:
    for package in packages:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("")
    for name, (stated, listed) in metadata.items():
        (folder / name).mkdir()
        (folder / name / "METADATA").write_text(f"Metadata-Version: 2.1\nVersion: 1\n{stated}")
        (folder / name / "RECORD").write_text(listed)


def packages_of(apps: list[str], urls: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Any:
    monkeypatch.syspath_prepend(str(folder))
    # As the setting is, without importing what is none of Django's apps here.
    with override_settings(ROOT_URLCONF=urls, WSGI_APPLICATION=None):
        monkeypatch.setattr("django.conf.settings.INSTALLED_APPS", apps)
        return own_packages()


def test_what_was_installed_for_the_project_is_own_and_libraries_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lib/python3.11/site-packages"
    apps = [
        "stockroom",
        "billing",
        "invoices.apps.Config",
        "secretapp",
        "acmelib",
        "rest_framework",
        "django.contrib.auth",
    ]
    installed(folder, ["stockroom", "billing", "invoices", "secretapp", "acmelib"], METADATA)

    found = packages_of(apps, "stockroom.urls", monkeypatch, folder)

    assert found.own == ("billing", "invoices", "secretapp", "stockroom", "stocktools")
    assert found.likely == ("acmelib",)


def test_without_metadata_an_app_beside_the_projects_is_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "usr/lib/python3/dist-packages"
    installed(folder, ["stockroom", "shelf", "acmelib"], {"acmelib-1.dist-info": METADATA["acmelib-1.dist-info"]})
    (folder / "acmelib-1.dist-info/RECORD").unlink()

    found = packages_of(["stockroom", "shelf", "acmelib", "knox"], "stockroom.urls", monkeypatch, folder)

    assert (found.own, found.likely) == (("shelf", "stockroom"), ("acmelib",))


def test_the_services_own_apps_are_own_and_the_libraries_it_uses_are_not() -> None:
    found = own_packages()

    assert {"designs", "enginel"} == set(found.own)
    assert found.likely == ()


@override_settings(ENGINEL_IN_APP_ROOTS=("/srv/app",), ENGINEL_IN_APP_PACKAGES=("shop", "acme.billing"))
@pytest.mark.parametrize(
    ("module", "filename", "expected"),
    [
        ("shop.views", "/venv/lib/python3.11/site-packages/shop/views.py", OWN),
        ("shop", "/usr/lib/python3/dist-packages/shop.py", OWN),
        ("acme.billing.tax", "/venv/lib/python3.11/site-packages/acme/billing/tax.py", OWN),
        ("acme.other", "/venv/lib/python3.11/site-packages/acme/other.py", FOREIGN),
        ("shop_tools", "/venv/lib/python3.11/site-packages/shop_tools.py", FOREIGN),
        ("shop.views", "/srv/shop.pyz/shop/views.py", OWN),
        ("shop.views", "shop/views.py", OWN),
        ("cli", "/venv/lib/python3.11/site-packages/shop/cli.py", OWN),
        ("", "C:\\venv\\Lib\\site-packages\\shop\\cli.py", OWN),
        ("shop.models", "<string>", FOREIGN),
        ("vendor.shop", "/venv/lib/python3.11/site-packages/vendor/shop.py", FOREIGN),
        ("anything", "/srv/app/x.py", OWN),
    ],
)
def test_code_of_an_own_package_is_own_wherever_it_is(module: str, filename: str, expected: int) -> None:
    assert ownership(module, filename) == expected
    assert ownership_in_event(module, filename, None) == expected


@override_settings(ENGINEL_IN_APP_PACKAGES=("shop",))
@pytest.mark.parametrize(
    ("module", "filename", "flag", "own"),
    [
        ("shop.views", "/venv/lib/python3.12/site-packages/shop/views.py", False, True),
        ("other.views", "/opt/other/views.py", True, True),
        ("other.views", "/opt/other/views.py", False, False),
        ("other.views", "/venv/lib/python3.12/site-packages/other/views.py", True, True),
        ("django.urls", "/venv/lib/python3.12/site-packages/django/urls.py", True, False),
        ("asyncio.runners", "/usr/lib/python3.12/asyncio/runners.py", True, False),
        ("json.decoder", "C:\\Python312\\lib\\json\\decoder.py", True, False),
        ("other.models", "/opt/other/<string>", True, False),
        ("other.views", "other/views.py", True, True),
        ("other.views", "other/views.py", "yes", False),
    ],
)
def test_flags_of_an_event_count_but_not_for_python_itself(module: str, filename: str, flag: Any, own: bool) -> None:
    assert (ownership_in_event(module, filename, flag) == OWN) is own


def test_flags_that_call_every_frame_own_do_not_make_libraries_own() -> None:
    def flagged(*modules: str) -> dict[str, Any]:
        frames = [
            {
                "module": m,
                "abs_path": f"/venv/lib/site-packages/{m.replace('.', '/')}.py",
                "function": "f",
                "in_app": True,
            }
            for m in modules
        ]
        return {"exception": {"values": [{"type": "E", "stacktrace": {"frames": frames}}]}}

    libraries = fingerprint_event(flagged("django.core.handlers.base", "stripe.api"))
    application = fingerprint_event(flagged("warehouse.views", "warehouse.models"))

    assert libraries.site == "E"
    assert application.site == "E in warehouse.models.f"


@override_settings(ENGINEL_IN_APP_ROOTS=("/nowhere",), ENGINEL_IN_APP_PACKAGES=("shop",))
def test_an_event_from_another_machine_has_the_key_of_the_failure() -> None:
    exc = failure(["django.core.handlers.base:inner", "shop.views:post", "acmelib.api:call"])

    assert both(exc).parts[1:] == ("frame shop.views.post", "line following()")
    moved = event_of(exc)
    for frame in moved["exception"]["values"][0]["stacktrace"]["frames"]:
        frame["abs_path"] = frame["abs_path"].replace("/venv/lib/site-packages", "/usr/lib/python3/dist-packages")
    assert fingerprint_event(moved).key == both(exc).key


@override_settings(ENGINEL_IN_APP_ROOTS=("/nowhere",), ENGINEL_IN_APP_PACKAGES=())
def test_the_setting_can_name_none() -> None:
    assert both(failure(["designs.views:post"])).site == "LookupError"


def test_a_changed_setting_holds_for_a_stack_seen_before() -> None:
    exc = failure(["warehouse.views:post"])
    with override_settings(ENGINEL_IN_APP_PACKAGES=("warehouse",)):
        own = both(exc)
    with override_settings(ENGINEL_IN_APP_PACKAGES=("other",)):
        foreign = both(exc)

    assert (own.site, foreign.site) == ("LookupError in warehouse.views.post", "LookupError")


def test_a_line_of_an_installed_application_is_about_the_exception_its_function_kept() -> None:
    source = "def write(exc, note):\n    kept = exc\n    return note('no order: the shelf is empty')\n"
    space: dict[str, Any] = {"__name__": "warehouse.orders"}
    exec(compile(source, "/venv/lib/site-packages/warehouse/orders.py", "exec"), space)
    error = failure(["warehouse.orders:read"], LookupError("the shelf is empty"))
    found = []
    for packages in ((), ("warehouse",)):
        with override_settings(ENGINEL_IN_APP_PACKAGES=packages):
            found.append(space["write"](error, subject_of))

    assert [subject is not None for subject in found] == [False, True]
