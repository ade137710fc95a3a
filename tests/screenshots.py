"""The pictures of docs/images: ``make screenshots`` makes them anew, of the pages that the tests look at."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ansible_collections.todo.cloud.plugins.plugin_utils.report.page import page_of

from tests.edge.browser import browser
from tests.support import reported

IMAGES = Path(__file__).resolve().parents[1] / "docs/images"
_LARGEST = 150_000  # bytes
_PAGES = {"report-failed": (reported.failed, False), "report-verified": (reported.verified, True)}


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder), {}) as window:
        for name, (document, dark) in _PAGES.items():
            page = Path(folder) / f"{name}.html"
            page.write_text(page_of(document()))
            window.open(page.as_uri())
            window.show(1000, 700, dark=dark)
            picture = window.picture(format="webp", quality=80)
            assert len(picture) < _LARGEST, f"{name} has {len(picture)} bytes"
            (IMAGES / f"{name}.webp").write_bytes(picture)


if __name__ == "__main__":
    main()
