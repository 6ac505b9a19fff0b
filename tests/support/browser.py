"""Debian's headless Chromium, to look at pages as people see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response, sync_playwright

from tests.support.debian_programs import needs

PHONE, DESKTOP = (375, 812), (1280, 800)
SIZES = {"phone": PHONE, "desktop": DESKTOP}
SCHEMES = ("light", "dark")

_ARGUMENTS = (
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LOAD_MS = 30_000
_T = TypeVar("_T")

# Text nodes that do not reach WCAG AA (4.5, or 3 for large text, against what is painted behind them), and those that
# are painted over others.
_TEXTS = """() => {
  const parse = text => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const luminance = colour => {
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.slice(0, 3).map(c => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const canvas = matchMedia("(prefers-color-scheme: dark)").matches
    && getComputedStyle(document.documentElement).colorScheme.includes("dark") ? [18, 18, 18, 1] : [255, 255, 255, 1];
  const background = element => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      layers.push(parse(style.backgroundColor));
    }
    return layers.reduceRight((below, layer) => over(layer, below), canvas);
  };
  // Lines of a text as they are painted: cut by the boxes around them that hide what does not fit.
  const painted = (range, element) => [...range.getClientRects()].map(line => {
    let {left, top, right, bottom} = line;
    for (let at = element; at; at = at.parentElement) {
      if (getComputedStyle(at).overflow !== "hidden") continue;
      const box = at.getBoundingClientRect();
      left = Math.max(left, box.left), right = Math.min(right, box.right);
      top = Math.max(top, box.top), bottom = Math.min(bottom, box.bottom);
    }
    return {left, top, right, bottom};
  });
  const failures = [], collisions = [], lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.trim(), element = node.parentElement;
    if (!text || !element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1) continue;
    seen += 1;
    for (const line of painted(range, element)) {
      const other = lines.find(({box}) => Math.min(box.right, line.right) - Math.max(box.left, line.left) > 2
        && Math.min(box.bottom, line.bottom) - Math.max(box.top, line.top) > 4);
      if (other && other.node !== node) collisions.push(`${text.slice(0, 30)} over ${other.node.data.slice(0, 30)}`);
      lines.push({box: line, node});
    }
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const behind = background(element);
    if (behind === null) { failures.push(`${text.slice(0, 40)}: on an image`); continue; }
    const [light, dark] = [over(parse(style.color), behind), behind].map(luminance).sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < (large ? 3 : 4.5)) failures.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return {failures, collisions, seen};
}"""
# What reaches beyond the right edge, unless a box of its own scrolls it.
_OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(frozen=True)
class Look:
    """A page as it was shown."""

    status: int
    headers: dict[str, str]
    title: str
    text: str
    console: list[str]
    """Errors and warnings of the console, broken rules of the content security policy among them."""
    foreign: list[str]
    """URLs of other origins that were asked for."""
    overflow_px: int
    """How much wider than the window the page is."""
    low_contrast: list[str]
    """Texts below WCAG AA, with their contrast."""
    collisions: list[str]
    """Texts painted over others."""
    texts: int
    """Text nodes whose contrast was measured."""
    png: bytes

    def flaws(self) -> list[str]:
        """Return what no page may have, in words."""
        return [
            *(f"console: {line}" for line in self.console),
            *(f"asks for {url}" for url in self.foreign),
            *([f"{self.overflow_px} px too wide"] if self.overflow_px > 0 else []),
            *(f"contrast of {text}" for text in self.low_contrast),
            *self.collisions,
            *([] if self.texts else ["shows no text"]),
        ]


class Browser:
    """A running Chromium.

    Playwright lives in a thread of its own: its event loop in the test's thread would make Django refuse the database.
    """

    def __init__(self, program: str) -> None:
        self._thread = ThreadPoolExecutor(1, "browser")
        self._run(lambda: self._start(program))

    def _run(self, call: Callable[[], _T]) -> _T:
        return self._thread.submit(call).result()

    def _start(self, program: str) -> None:
        self._playwright = sync_playwright().start()
        try:
            self._chromium = self._playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        except BaseException:
            self._playwright.stop()
            raise

    def close(self) -> None:
        def end() -> None:
            self._chromium.close()
            self._playwright.stop()

        self._run(end)
        self._thread.shutdown()

    def look(
        self,
        url: str,
        size: tuple[int, int] = DESKTOP,
        scheme: str = "light",
        **how: Any,
    ) -> Look:
        """Open a page and return how it looks.

        Args:
            url: The page.
            size: Of the window, in CSS pixels.
            scheme: ``light`` or ``dark``.
            how: ``cookies`` (dict, sent to the origin), ``scripts`` (False: JavaScript is off), ``styles`` (False:
                style sheets do not arrive), ``until`` (called with the page after it loaded; may wait).
        """
        return self._run(lambda: self._visit(url, [("", size, scheme)], **how)[""])

    def tour(self, url: str, **how: Any) -> dict[str, Look]:
        """Open a page once and return how it looks on phone and desktop, light and dark; ``how`` as for `look`."""
        views = [(f"{name}-{scheme}", size, scheme) for name, size in SIZES.items() for scheme in SCHEMES]
        return self._run(lambda: self._visit(url, views, **how))

    def _visit(
        self,
        url: str,
        views: Sequence[tuple[str, tuple[int, int], Any]],
        *,
        cookies: dict[str, str] | None = None,
        scripts: bool = True,
        styles: bool = True,
        until: Callable[[Page], Any] | None = None,
    ) -> dict[str, Look]:
        origin = _origin(url)
        context = self._chromium.new_context(java_script_enabled=scripts)
        try:
            for name, value in (cookies or {}).items():
                context.add_cookies([{"name": name, "value": value, "url": origin}])
            if not styles:
                context.route("**/*.css", lambda route: route.fulfill(status=200, content_type="text/css", body=""))
            page = context.new_page()
            console, foreign = _watched(page, origin)
            looks = {}
            response = None
            for name, (width, height), scheme in views:
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(color_scheme=scheme)
                if response is None:
                    response = page.goto(url, wait_until="load", timeout=_LOAD_MS)
                    assert response is not None
                    if until is not None:
                        until(page)
                looks[name] = _seen(page, response, console, foreign)
            return looks
        finally:
            context.close()


def _watched(page: Page, origin: str) -> tuple[list[str], list[str]]:
    """Return two lists that fill: what the console says, and what is asked of others."""
    console: list[str] = []
    foreign: list[str] = []
    page.on("console", lambda said: console.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("request", lambda asked: None if _origin(asked.url) in {origin, "data:"} else foreign.append(asked.url))
    return console, foreign


def _seen(page: Page, response: Response, console: list[str], foreign: list[str]) -> Look:
    texts = page.evaluate(_TEXTS)
    return Look(
        status=response.status,
        headers=response.headers,
        title=page.title(),
        text=page.inner_text("body"),
        console=_without_status(console, response.status),
        foreign=list(foreign),
        overflow_px=page.evaluate(_OVERFLOW),
        low_contrast=texts["failures"],
        collisions=texts["collisions"],
        texts=texts["seen"],
        png=page.screenshot(full_page=True),
    )


def _origin(url: str) -> str:
    scheme, host = urlsplit(url)[:2]
    return f"{scheme}://{host}" if host else f"{scheme}:"


def _without_status(console: list[str], status: int) -> list[str]:
    """Leave out the one line that Chromium prints for a page that is a 503 on purpose."""
    expected = f"Failed to load resource: the server responded with a status of {status} "
    lines = list(console)
    if status >= 400 and (own := next((line for line in lines if line.startswith(expected)), None)):
        lines.remove(own)
    return lines


def flaws(looks: dict[str, Look]) -> dict[str, list[str]]:
    """Return what is wrong with each look; nothing for one that has no flaw."""
    return {name: found for name, look in looks.items() if (found := look.flaws())}


def keep(looks: dict[str, Look], folder: Path, name: str) -> None:
    """Keep the pictures in a test's folder, for whoever wants to look."""
    for view, look in looks.items():
        (folder / f"{name}-{view}.png").write_bytes(look.png)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for the tests of a module."""
    running = Browser(needs("chromium", "chromium"))
    try:
        yield running
    finally:
        running.close()
