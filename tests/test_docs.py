"""README and docs: their commands and code run, their tables say what the code says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from designs import exceptions
from enginel import settings as enginel_settings
from tests.stack import RunningStack

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# The blocks of the guide leave names open; tests/guide gives them and executes each block.
GUIDE = ROOT / "docs" / "guide.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (f"{page.name}:{text[: match.start()].count(chr(10)) + 1}", match[2])
        for page in PAGES
        if page != GUIDE
        for text in [page.read_text()]
        for match in BLOCK.finditer(text)
        if match[1] == language
    ]


def commands() -> list[tuple[str, str]]:
    return [
        (place, line.removeprefix("$ "))
        for place, block in blocks("console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(("place", "code"), [pytest.param(*block, id=block[0]) for block in blocks("python")])
def test_python_blocks_run(place: str, code: str) -> None:
    exec(compile(code, place, "exec"), {"__name__": "docs"})


@pytest.mark.parametrize(("place", "command"), [pytest.param(*item, id=f"{item[0]} {item[1]}") for item in commands()])
def test_commands_run(running: RunningStack, place: str, command: str) -> None:
    words = shlex.split(command.replace("http://127.0.0.1:8000", running.stack.url).replace("$TOKEN", running.token))
    if words[0] in {"git", "cd"}:
        return
    if words[0] == "make":
        words.insert(1, "--dry-run")
    elif words[0] == "python":
        words[0] = sys.executable
    elif words[0] != "curl":
        pytest.fail(f"{place}: nobody knows how to test {words[0]}")

    done = subprocess.run(
        words, cwd=ROOT, env=running.stack.env, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr


def test_console_blocks_show_what_liveness_answers(running: RunningStack) -> None:
    shown = (ROOT / "docs" / "getting-started.md").read_text()

    assert running.http.request("GET", f"{running.stack.url}/api/health/").data.decode() in shown


def test_the_table_of_exceptions_is_the_code() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| `(\w+)` \| (\w+) \|", (ROOT / "docs" / "reference.md").read_text(), re.MULTILINE
    )
    classes = [
        kind for kind in vars(exceptions).values() if isinstance(kind, type) and kind.__module__ == exceptions.__name__
    ]

    assert len(rows) == 18
    assert sorted(rows) == sorted((k.__name__, str(k.status_code), k.default_code, k.severity) for k in classes)


def test_the_table_of_settings_has_every_variable_that_is_read() -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    table = text[text.index("## Settings") : text.index("## Logs")]
    documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", table)) - {"NAME_FILE", "INFO"}
    read = {name for name in enginel_settings.env.read if not name.endswith("_FILE")}

    assert read - documented == set()
    assert documented - read == {"ENGINEL_BUGSINK_PORT", "ENGINEL_PORT", "ENGINEL_VALKEY_PORT"} | {
        name for name in documented if name.startswith("ENGINEL_S3_")
    }


def test_every_setting_of_the_monitoring_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    names = re.findall(r'_get\("(ENGINEL_\w+)"', (ROOT / "designs" / "conf.py").read_text())

    assert len(names) > 30
    assert [name for name in names if f"`{name}`" not in text] == []


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
