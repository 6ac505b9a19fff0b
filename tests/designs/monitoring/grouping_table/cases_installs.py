"""Where the application lies: other folders, symbolic links, installed packages, archives."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import (
    Case,
    another,
    at,
    case,
    edit,
    found_by_apps,
    installed,
    linked,
    one,
    outer,
    settings,
    source,
    split,
)  # fmt: skip

__all__ = ["CASES", "DEBIAN", "WHEEL"]

WHEEL = "srv/venv/lib/python3/site-packages"
DEBIAN = "usr/lib/python3/dist-packages"

TWO_LAYERS = {
    "shop/orders.py": "from shop.parts import read\n\ndef run():\n    return read(5)\n",
    "shop/parts.py": """
import acme

def read(number):
    return acme.look_up(number)

def write(number):
    return acme.look_up(number)
""",
    "lib:acme.py": "def find(number):\n    raise LookupError(number)\n\ndef look_up(number):\n    return find(number)\n",
}
UPGRADED = (
    edit("def find(number):\n    raise LookupError(number)", "def found(number):\n    raise LookupError(-number)"),
    edit("return find(number)", "return found(number)"),
)

APPS = """
from django.apps import AppConfig

class Shop(AppConfig):
    name = "shop"
"""
edit_settings = settings(INSTALLED_APPS=["django.contrib.contenttypes", "rest_framework", "shop.apps.Shop"])

CASES: list[Case] = [
    case(
        "below a library",
        TWO_LAYERS,
        one("the library is upgraded", *UPGRADED),
        one("the checkout is a symbolic link", linked("path")),
        one("the setting names a symbolic link", linked("root")),
        one("the package is a symbolic link", linked("package")),
        one("the path goes up and down", linked("dots")),
        one("the setting ends with a slash", linked("slash")),
        one("installed in site-packages", installed(WHEEL)),
        one("installed in site-packages, the library upgraded", installed(WHEEL), *UPGRADED),
        one("installed in dist-packages", installed(DEBIAN)),
        one("installed, found by the installed apps", installed(WHEEL), found_by_apps),
        one("installed, found by its configuration", installed(WHEEL), found_by_apps, edit_settings, outer("shop/apps.py", APPS)),
        one("installed, found by the installed apps, the library upgraded", installed(WHEEL), found_by_apps, *UPGRADED),
        one("installed, and a symbolic link", installed(WHEEL), linked("path")),
        one("sources in a folder of their own", at("srv/app/src"), settings(ENGINEL_IN_APP_ROOTS=("{folder}",))),
        one("the project folder has a name like a library's", at("srv/site-packages-of-acme/app")),
        another("another function", edit("import read", "import write as read")),
    ),
    case(
        "methods behind a symbolic link",
        """
class Part:
    def read(self):
        raise OSError(1)

class Assembly:
    def read(self):
        raise OSError(1)

def run():
    return [part.read() for part in [Part()]]
""",
        one("the checkout is a symbolic link", linked("path")),
        one("the setting names a symbolic link", linked("root")),
        one("installed", installed(WHEEL)),
        another("the other class, behind a symbolic link", linked("path"), edit("[Part()]", "[Assembly()]")),
        one("the other class, installed", installed(WHEEL), of="the other class, behind a symbolic link"),
    ),
    case(
        "two raises of an installed application",
        """
def check(size):
    if size < 0:
        raise ValueError(
            "negative", size
        )
    raise ValueError(
        "zero", size
    )

def run():
    check(-1)
""",
        one("installed", installed(WHEEL)),
        one("in dist-packages", installed(DEBIAN)),
        another("the other one, installed", installed(WHEEL), edit("check(-1)", "check(0)")),
    ),
    case(
        "an application between libraries",
        {
            "lib:server.py": "from shop.orders import serve\n\ndef dispatch():\n    return serve()\n\ndef run():\n    return dispatch()\n",
            "shop/orders.py": "import acme\n\ndef serve():\n    return acme.call(price)\n\ndef price():\n    raise LookupError(1)\n\ndef run():\n    import server\n    return server.run()\n",
            "lib:acme.py": "def call(act):\n    return act()\n",
        },
        one("the server calls otherwise", edit("dispatch", "handle")),
        one("the library calls otherwise", edit("def call(act):\n    return act()", "def call(act):\n    return now(act)\n\ndef now(act):\n    return act()")),
        one("installed", installed(WHEEL)),
        one("installed, the server calls otherwise", installed(WHEEL), edit("dispatch", "handle")),
        another("another function", edit("price", "weight")),
    ),
    case(
        "a package beside the application's with a like name",
        {
            "shop/orders.py": "import shop_tools\n\ndef run():\n    return shop_tools.read()\n",
            "lib:shop_tools.py": "def read():\n    return look_up()\n\ndef look_up():\n    raise LookupError(1)\n",
        },
        one("upgraded", edit("look_up", "find")),
        one("installed", installed(WHEEL)),
        one("installed, and upgraded", installed(WHEEL), edit("look_up", "find")),
    ),
    case(
        "a virtual environment within the project",
        {
            "shop/orders.py": "import sys\nfrom pathlib import Path\n\n\ndef run():\n    sys.path.insert(0, str(Path(__file__).parents[1] / '.venv/lib/python3/site-packages'))\n    import acme\n    return acme.look_up()\n",
            ".venv/lib/python3/site-packages/acme.py": "def look_up():\n    return find()\n\ndef find():\n    raise LookupError(1)\n",
        },
        one("the library is upgraded", edit("find", "found")),
        one("behind a symbolic link", linked("path")),
    ),
    case(
        "an app of Django from elsewhere, below the application",
        {
            "shop/orders.py": "from acme.api import look_up\n\ndef run():\n    return look_up(5)\n",
            "lib:acme/__init__.py": "",
            "lib:acme/api.py": "def find(number):\n    raise LookupError(number)\n\ndef look_up(number):\n    return find(number)\n",
        },
        one("it is an installed app", settings(INSTALLED_APPS=["django.contrib.contenttypes", "rest_framework", "acme"])),
        one("it is an installed app, upgraded", settings(INSTALLED_APPS=["django.contrib.contenttypes", "rest_framework", "acme"]), *UPGRADED),
    ),
    case(
        "an application in an archive",
        """
def check(size):
    if size < 0:
        raise ValueError("negative")
    raise ValueError("zero")

class Part:
    def read(self):
        return check(-1)

def run():
    Part().read()
""",
        one("in an archive", at("srv/app/shop.zip"), settings(ENGINEL_IN_APP_ROOTS=("{folder}",))),
        another("the other one, in an archive", at("srv/app/shop.zip"), settings(ENGINEL_IN_APP_ROOTS=("{folder}",)), edit("check(-1)", "check(0)")),
    ),
    case(
        "another root",
        source("def run():\n    raise LookupError(1, 3)\n"),
        one("two roots", settings(ENGINEL_IN_APP_ROOTS=("/nowhere", "{folder}"))),
        split("the source is not part of it", settings(ENGINEL_FINGERPRINT_SOURCE_LINE=False), reason="a setting leaves the statement out"),
    ),
]  # fmt: skip
