"""The pictures of docs/images: ``make screenshots`` makes them anew, of pages and runs that the tests look at, too."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from ansible_collections.todo.cloud.plugins.plugin_utils.report.page import page_of
from PIL import Image

from tests.edge.browser import browser
from tests.support import reported, terminal

TOP = Path(__file__).resolve().parents[1]
IMAGES = TOP / "docs/images"
SCENES = TOP / "tests/unit/plugins/callback/scenes"
COLUMNS = 100
_LARGEST = 100_000  # bytes


def _terminal(scene: str) -> str:
    said = terminal.in_terminal(str(SCENES / f"{scene}.yml"), "-i", str(SCENES / "hosts.yml"), columns=COLUMNS)
    return terminal.page("ansible-playbook site.yml -i inventories/staging", said, COLUMNS)


# Page, whether it is dark, its width, pixels of the picture for one of the page.
_PAGES: dict[str, tuple[Callable[[], str], bool, int, float]] = {
    "report-failed": (lambda: page_of(reported.failed()), False, 1000, 1),
    "report-verified": (lambda: page_of(reported.verified()), True, 1000, 1),
    "run-failed": (partial(_terminal, "deploy"), True, 884, 1.5),
    "run-unchanged": (partial(_terminal, "unchanged"), True, 884, 1.5),
}


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder), {}) as window:
        for name, (html, dark, width, scale) in _PAGES.items():
            page = Path(folder) / f"{name}.html"
            page.write_text(html())
            window.open(page.as_uri())
            window.show(width, 100, dark=dark)
            picture = IMAGES / f"{name}.webp"
            with Image.open(BytesIO(window.picture(scale))) as taken:
                taken.convert("RGB").save(picture, lossless=True, method=6)
            size = picture.stat().st_size
            assert size < _LARGEST, f"{name} has {size} bytes"


if __name__ == "__main__":
    main()
