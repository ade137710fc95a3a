# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Links of a folder of HTML that lead nowhere, and what its pages would fetch from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


@dataclass
class _Page(HTMLParser):
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") not in ("canonical",) and "href" in found:
            self.fetched.append(found["href"])
        elif "src" in found:
            self.fetched.append(found["src"])


def broken(site: Path) -> Iterator[str]:
    """One line for each; addresses elsewhere are not asked, only read."""
    pages: dict[Path, _Page] = {}
    for path in sorted(site.rglob("*.html")):
        pages[path] = _Page()
        pages[path].feed(path.read_text())
    for path, page in pages.items():
        where = path.relative_to(site)
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if parts.scheme not in ("https", "http") or "." not in (parts.hostname or ""):
                    yield f"{where}: {link} is no address of the web"
                continue
            target, anchor = urldefrag(link)
            file = (path.parent / unquote(target)).resolve() if target else path
            if not file.is_file():
                yield f"{where}: {link} leads nowhere"
            elif anchor and file in pages and unquote(anchor) not in pages[file].ids:
                yield f"{where}: {link}: nothing on that page has this id"
        for source in page.fetched:
            if urlsplit(source).scheme not in ("", "data") or urlsplit(source).netloc:
                yield f"{where}: {source} would be fetched from elsewhere"
            elif not source.startswith("data:") and not (path.parent / urlsplit(source).path).exists():
                yield f"{where}: {source} is not there"
