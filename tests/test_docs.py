"""README and docs: their commands and code run, their tables say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from designs import exceptions
from designs.conf import setting_names
from enginel import settings as enginel_settings
from tests.support.stack import RunningStack

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


def script_of(page: Path) -> str:
    """Return what a page shows after ``$ ``, in the order printed; ``> `` continues a line."""
    lines = [
        line[2:]
        for match in BLOCK.finditer(page.read_text())
        if match[1] == "console"
        for line in match[2].splitlines()
        if line.startswith(("$ ", "> "))
    ]
    return "\n".join(lines)


@pytest.mark.django_db
@pytest.mark.parametrize(("place", "code"), [pytest.param(*block, id=block[0]) for block in blocks("python")])
def test_python_blocks_run(place: str, code: str) -> None:
    exec(compile(code, place, "exec"), {"__name__": "docs"})


@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", [page for page in PAGES if script_of(page)], ids=lambda page: page.name)
def test_commands_run_in_a_plain_shell_in_a_second_terminal(running: RunningStack, tmp_path: Path, page: Path) -> None:
    script = script_of(page).replace("http://127.0.0.1:8000", running.stack.url)
    # Installing and running have tests of their own; a clone needs a network.
    script = re.sub(r"^make ", "make --dry-run ", script, flags=re.MULTILINE)
    script = re.sub(r"^(git clone|cd) .*$", "", script, flags=re.MULTILINE)
    if Path(sys.prefix) != ROOT / ".venv":
        # As printed, but for tests under another interpreter, which `make test VENV=...` has put elsewhere.
        script = script.replace(".venv/bin/", f"{sys.prefix}/bin/")
    clean = ["env", "-i", "PATH=/usr/bin:/bin", f"HOME={tmp_path}", f"ENGINEL_STATE_DIR={running.stack.state_dir}"]

    done = subprocess.run(
        [*clean, "bash", "-c", f"set -euo pipefail\n{script}"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip

    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr


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
    names = sorted(setting_names())

    assert len(names) > 30
    assert [name for name in names if f"`{name}`" not in text] == []


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_commands_run_in_any_shell() -> None:
    commands = [
        line
        for page in PAGES
        for block in re.findall(
            r"^```(?:text|console|sh|shell)?\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL
        )
        for line in block.splitlines()
        if line.startswith((".venv/", "$ ", "python", "make ", "    requirements/"))
    ]

    assert len(commands) > 10
    # A brace expansion is a word of its own letters for sh.
    assert [line for line in commands if re.search(r"\{[\w.-]+,[\w.,-]+\}", line)] == []
