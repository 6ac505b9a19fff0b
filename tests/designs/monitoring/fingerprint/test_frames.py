"""What a stack frame says about itself."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from designs.monitoring.fingerprint.frames import collapse_cycles, is_in_app, module_of


@override_settings(ENGINEL_IN_APP_ROOTS=("/srv/app", ""))
@pytest.mark.parametrize(
    ("filename", "ours"),
    [
        ("/srv/app/designs/tasks.py", True),
        ("/srv/application/x.py", False),
        ("/srv/app/.venv/lib/python3.11/site-packages/django/x.py", False),
        ("/srv/app/dist-packages/x.py", False),
        ("/usr/share/x.py", False),
        ("<string>", False),
        ("<frozen importlib._bootstrap>", False),
        ("", False),
    ],
)
def test_code_below_the_roots_and_outside_of_packages_is_ours(filename: str, ours: bool) -> None:
    assert is_in_app(filename) is ours


def test_a_slash_at_the_end_of_a_root_does_not_matter() -> None:
    with override_settings(ENGINEL_IN_APP_ROOTS=("/srv/app/",)):
        assert is_in_app("/srv/app/x.py")


def test_the_standard_library_is_not_ours_even_below_a_root() -> None:
    stdlib = sysconfig.get_paths()["stdlib"]
    with override_settings(ENGINEL_IN_APP_ROOTS=(str(Path(stdlib).parent),)):
        assert not is_in_app(json.__file__)


def test_the_default_root_is_the_checkout() -> None:
    assert is_in_app(__file__)
    assert not is_in_app(pytest.__file__)


@pytest.mark.parametrize(
    ("module_globals", "module"),
    [({"__name__": "designs.tasks"}, "designs.tasks"), ({"__name__": "__main__"}, "script"), ({}, "script")],
)
def test_a_script_goes_by_the_stem_of_its_file(module_globals: dict[str, object], module: str) -> None:
    assert module_of(module_globals, "/srv/app/script.py") == module


@pytest.mark.parametrize(
    ("names", "collapsed"),
    [
        ([], []),
        (["a", "b", "c"], ["a", "b", "c"]),
        (["a", "b", "b", "b", "c"], ["a", "b", "c"]),
        (["a", "b", "c", "b", "c", "b", "c", "d"], ["a", "b", "c", "d"]),
        (["a", "b", "a"], ["a", "b", "a"]),
        (["m", *[str(n) for n in range(16)] * 3], ["m", *[str(n) for n in range(16)]]),
    ],
)
def test_a_repeated_cycle_is_kept_once(names: list[str], collapsed: list[str]) -> None:
    assert collapse_cycles(names) == collapsed


@given(
    st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("xyz"), min_size=1, max_size=16, unique=True)
)
def test_the_depth_of_a_recursion_does_not_matter(prefix: list[str], cycle: list[str]) -> None:
    assert collapse_cycles([*prefix, *cycle * 2]) == collapse_cycles([*prefix, *cycle * 9])


@pytest.mark.parametrize(
    "filenames",
    [
        ["<ipython-input-3-4bf9284f94ae>", "/tmp/ipykernel_4711/1234567.py", "/tmp/ipykernel_9/88.py"],
        ["C:\\Users\\anna\\AppData\\Local\\Temp\\ipykernel_17\\99.py", "/var/tmp/xpython_42/3.py"],
        ["<python-input-0>", "<python-input-17>"],
        ["C:\\app\\run.py", "/srv/releases/20261128/app/run.py", "run.py", "/app/run.pyc"],
    ],
)
def test_a_script_has_one_name_wherever_it_runs(filenames: list[str]) -> None:
    assert len({module_of({"__name__": "__main__"}, filename) for filename in filenames}) == 1
