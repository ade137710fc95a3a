# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The check of the built site finds what is broken; `make docs` builds it and opens it in a browser."""

from __future__ import annotations

import re
from pathlib import Path

from tests.site.links import broken
from tests.support.pages import TOP

PAGE = """<html><head><link rel="stylesheet" href="style.css"><link rel="canonical" href="https://example.com/"></head>
<body><a href="#there">1</a><a href="other.html#one">2</a><a href="https://example.com/x">3</a>
<img src="data:image/png;base64,">
<p id="there"></p>{more}</body></html>"""


def site(folder: Path, more: str) -> list[str]:
    (folder / "style.css").write_text("p {}")
    (folder / "other.html").write_text("<a name='one'></a>")
    (folder / "index.html").write_text(PAGE.format(more=more))
    return list(broken(folder))


def test_a_site_without_fault(tmp_path: Path) -> None:
    assert site(tmp_path, "") == []


def test_what_leads_nowhere_or_elsewhere_is_named(tmp_path: Path) -> None:
    found = site(
        tmp_path,
        '<a href="gone.html">1</a><a href="#gone">2</a><a href="other.html#two">3</a><a href="https://localhost/">4</a>'
        '<script src="https://cdn.example.com/x.js"></script><img src="//example.com/x.png"><img src="gone.png">',
    )
    assert [re.search(r" (.+?):? (?:leads|nothing|is|would)", each)[1] for each in found] == [  # type: ignore[index]
        "gone.html", "#gone", "other.html#two", "https://localhost/", "https://cdn.example.com/x.js",
        "//example.com/x.png", "gone.png",
    ]  # fmt: skip


def test_the_site_has_the_contents_that_its_browser_expects() -> None:
    text = (TOP / "tests/site/browser.py").read_text()
    contents = re.findall(r"^## (.+)$", (TOP / "docs/index.md").read_text(), re.MULTILINE)
    assert re.findall(r'"([^"]+)"', text[text.index("CONTENTS = [") :].partition("]")[0]) == contents


def test_its_environment_is_pinned_whole() -> None:
    lines = (TOP / "tests/site/requirements.txt").read_text().splitlines()
    assert [
        line for line in lines if line and not line.startswith("#") and not re.fullmatch(r"[\w.-]+==[\w.]+", line)
    ] == []
