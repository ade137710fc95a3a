"""What others may write into Markdown, and what a reader's program makes of it."""

from __future__ import annotations

from html.parser import HTMLParser

from ansible_collections.todo.cloud.plugins.plugin_utils.remedies import DOCS
from markdown_it import MarkdownIt

_OWN = {"h3", "p", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "br", "ul", "li", "blockquote"}
_OWN |= {"details", "summary", "a"}
ATTACK = (
    "a|b || c \\| d`code` ``` ~~~\n# heading\n* item\n\n::error::y\n::add-mask::e ##[error]z | <img src=x onerror=y>"
    "</details><script>x</script> <!-- --> [a](https://evil.test) ![b](https://evil.test/p.png) <https://evil.test>"
    " https://evil.test @everyone #1 **bold** \x1b[31mred\x1b[0m \u202egnp.exe \x00 &lt;b&gt; --- | ---"
)


class _Shown(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(text: str, links: tuple[str, ...] = ()) -> _Shown:
    """Markdown as it is shown: made of our own elements, with no link but these and those to our docs, and no line is a
    runner's command.
    """
    found = _Shown(MarkdownIt("gfm-like", {"linkify": False}).render(text))
    assert set(found.tags) <= _OWN, text
    assert {name for name, _value in found.attributes} <= {"open", "class", "href"}, text
    hrefs = {value or "" for name, value in found.attributes if name == "href"}
    assert {href for href in hrefs if not href.startswith(f"{DOCS}/")} <= set(links), text
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert not {"\x1b", "\x00", "\u202e"} & set(text)
    return found
