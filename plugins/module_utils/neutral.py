# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Outside text for each place where it is shown: terminal and CI log, Markdown, HTML. Used where something is printed.

What is taken away is shown as text (``\\x1b``), never silently dropped; only colours are: they are no content.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

# Colours (Select Graphic Rendition, ECMA-48 §8.3.117).
_COLOUR = re.compile("(?:\x1b\\[|\x9b)[0-9;:]{0,64}m")
# Control characters but tab and line feed, also those of 8 bits; line and paragraph separator; surrogates; characters
# that change the direction of text (Unicode TR9), are invisible, or are tags (U+E0000 and above).
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
# Commands to the runner of a CI job. GitHub, Forgejo: ::name key=value:: at the start of a line (and a line may be
# wrapped anywhere), older ##[name]. Azure: ##vso[area.action] and ##[name], anywhere. TeamCity: ##teamcity[. GitLab,
# Travis: section_start:1:name and travis_fold:start, which need control characters, and are broken without them too.
_GITHUB = (
    re.compile(r"^([^\S\n]*):(?=:\S)", re.MULTILINE),
    re.compile(r"((?<![\w:>)\]])):(?=:[A-Za-z](?!fff:))"),  # ::ffff:10.0.0.1 is an address
    re.compile(
        r"():(?=:(?:set-(?:output|env|secret)|save-state|add-(?:path|mask|matcher)|stop-commands|remove-matcher))",
        re.IGNORECASE,
    ),
)
_HASHES = re.compile(r"#(?=#[\w.-]{0,20}\[)")
_SECTION = re.compile(r"\b(section_(?:start|end)|travis_(?:fold|time)):(?=[\w.-])")
# Markup, and what GitHub and GitLab make of text: links of bare addresses, mentions of people, references to issues.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~])|(?<=[:/])(?=/)|(?<![\w`])([@#!&$%])(?=\w)|^([#+=-]|\d+[.)])(?=\s|$)")


def without_colours(text: str) -> str:
    """``text`` without colours, so that its words can be read."""
    return _COLOUR.sub("", text)


def shortened(text: str, size: int = 0, limit: int = 2000) -> str:
    """At most ``limit`` characters of ``text``, and how many more there were; ``size``: of the whole, if longer."""
    more = max(size, len(text)) - limit
    return text if more <= 0 or len(text) <= limit else f"{text[:limit]} … ({more} more characters)"


def visible(text: str) -> str:
    """``text`` without control characters that a terminal acts on, and without changes of direction.

    Carriage returns before a line feed go away; others, which overwrite a line, are shown as ``\\r``.
    """
    text = _COLOUR.sub("", text.replace("\r\n", "\n"))
    return _CONTROL.sub(_as_text, text)


def _as_text(found: re.Match[str]) -> str:
    code = ord(found[0])
    named = {13: "\\r", 8: "\\b", 7: "\\a", 0: "\\0"}.get(code)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def printable(text: str) -> str:
    """``text`` for a terminal or the log of a CI job: visible, and no command to a runner."""
    text = visible(text)
    if "::" in text:
        for pattern in _GITHUB:
            text = pattern.sub(r"\1: ", text)
    if "##" in text:
        text = _HASHES.sub("# ", text)
    return _SECTION.sub(r"\1 :", text) if "section_" in text or "travis_" in text else text


def one_line(text: str) -> str:
    """The same on one line."""
    return printable(" ".join(text.split()))


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Plain data with every text in it changed, names of keys too; numbers, booleans and None stay as they are."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key) if isinstance(key, str) else key: each_text(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [each_text(item, change) for item in value]
    return value


def markdown(text: str) -> str:
    """``text`` as plain text within Markdown, on one line: no markup, no HTML, no mention, no link, no command."""
    return html.escape(_MARKDOWN.sub(_unmarked, one_line(text)), quote=False)


def _unmarked(found: re.Match[str]) -> str:
    if found[2]:
        return f"{found[2]} "  # a backslash does not stop a mention
    return f"\\{found[1] or found[3] or ''}"


def markdown_block(text: str, language: str = "") -> list[str]:
    """Lines of a fenced block of Markdown that ``text`` cannot leave."""
    text = printable(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 2 if longest > 2 else 3)
    return [f"{fence}{language}", text, fence]


def html_text(text: str) -> str:
    """``text`` as text of an HTML element or the value of an attribute."""
    return html.escape(printable(text), quote=True)
