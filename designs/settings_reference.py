"""Reference of all settings, made from their table.

``python -m designs.settings_reference`` writes it into docs/reference.md.
"""

from __future__ import annotations

from pathlib import Path

from designs.settings_table import SETTINGS

__all__ = ["BEGIN", "END", "table", "with_table"]

BEGIN = "<!-- Made from designs/settings_table.py by `python -m designs.settings_reference`. -->"
END = "<!-- End of the settings. -->"
_PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"


def table() -> str:
    """Return the Markdown table of all settings."""
    rows = ["| setting | type and range | unit | default | what and why |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| `{name}` | {row.range} | {row.unit} | {row.default_text} | {row.reason} |" for name, row in SETTINGS.items()
    ]
    return "\n".join(rows)


def with_table(page: str) -> str:
    """Return the page with the table of today between its marks.

    Raises:
        ValueError: The page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no marks for the table of settings")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    _PAGE.write_text(with_table(_PAGE.read_text()))
