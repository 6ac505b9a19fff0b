"""Logs of a local run: the last run's are kept once, and none grows without end."""

from __future__ import annotations

from pathlib import Path

from enginel.local import logs


def test_the_log_of_the_run_before_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "web.log"
    for text in ("first\n", "second\n", "third\n"):
        logs.begin(path)
        path.write_text(text)

    assert {file.name: file.read_text() for file in path.parent.iterdir()} == {
        "web.log": "third\n",
        "web.log.1": "second\n",
    }


def test_a_log_that_has_grown_too_large_goes_on_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    with path.open("ab", buffering=0) as process:
        process.write(b"x" * 11)
        logs.bound(path, max_bytes=10)
        process.write(b"new")
        logs.bound(path, max_bytes=10)

    assert path.read_bytes() == b"new"
    assert (tmp_path / "web.log.1").read_bytes() == b"x" * 11
