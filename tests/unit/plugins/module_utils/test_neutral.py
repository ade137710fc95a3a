# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every attack on every target: what a log line, an event, a commit or a registry's answer may try."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.neutral import (
    each_text,
    html_text,
    markdown,
    markdown_block,
    one_line,
    printable,
    visible,
)

ATTACKS = {
    "clear screen": "\x1b[2J\x1b[1;1HAll is well",
    "title": "\x1b]0;OWNED\x07x",
    "hyperlink": "\x1b]8;;https://evil.example/\x1b\\here\x1b]8;;\x1b\\",
    "device string": "\x1bP+q544e\x1b\\",
    "8 bit": "\x9b2J\x9d0;OWNED\x9c",
    "overwrite": "FAILED\rok    ",
    "erase": "FAILED\x08\x08\x08\x08\x08\x08ok",
    "bell and null": "a\x07b\x00c\x7f",
    "bidi": "user \u202etxt.exe\u2066 admin\u2069",
    "invisible": "pass\u200bword\ufeff\u2060\xad",
    "tags": "hello\U000e0041\U000e0042",
    "line separator": "a\u2028::error::b\u2029c\x85d",
    "surrogate": "a\ud83db",
    "GitHub command": "::set-output name=x::y",
    "GitHub command, indented": "text\n   ::error file=a.py,line=1::forged",
    "GitHub mask": "::add-mask::e",
    "GitHub stop": "::stop-commands::token",
    "GitHub path": "a ::add-path::/evil",
    "GitHub group": "x ::group::fold ::endgroup::",
    "GitHub, first version": "FATAL ##[set-env name=PATH]/evil",
    "Azure": "FATAL ##vso[task.setvariable variable=PATH]/evil ##[error]x",
    "TeamCity": "##teamcity[buildStatus status='SUCCESS']",
    "GitLab": "section_start:1560896352:a[collapsed=true]\r\x1b[0Kx section_end:1:a\r\x1b[0K",
    "Travis": "travis_fold:start:a\r\x1b[0K travis_time:end:1:start=1\r\x1b[0K",
    "Markdown link": "[click](https://evil.example/) ![x](https://evil.example/pixel.png)",
    "Markdown structure": "a | b\n\n# Title\n* item\n> quote\n```\ncode\n```",
    "Markdown HTML": "</details><img src=https://evil.example/x onerror=alert(1)><script>alert(1)</script>",
    "mention": "thanks @admin and (@team/x), see #1 !2 https://evil.example www.evil.example",
    "attribute": "\" onmouseover='alert(1)'",
    "fence": "````\n</details>\n`````",
}
# What a terminal acts on, what changes the order of text, and what a runner takes for a command.
ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)
COMMANDS = re.compile(
    r"^\s*::[A-Za-z]|##(?:vso|teamcity)?\[|(?:section_(?:start|end)|travis_(?:fold|time)):\w",
    re.MULTILINE,
)
TARGETS: dict[str, Callable[[str], str]] = {
    "terminal and CI log": printable,
    "one line": one_line,
    "Markdown": markdown,
    "Markdown block": lambda text: "\n".join(markdown_block(text)),
    "HTML": html_text,
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("target", TARGETS)
def test_attack(target: str, attack: str) -> None:
    text = TARGETS[target](ATTACKS[attack])
    assert not ACTIVE.search(text)
    assert not COMMANDS.search(text)
    for width in (20, 30, 79):  # Ansible wraps warnings, so that any word may begin a line
        assert not COMMANDS.search("\n".join(textwrap.wrap(text, width)))
    assert text.encode()
    assert TARGETS["terminal and CI log"](text) == text, "a second time changes nothing"


@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_stays_text(attack: str) -> None:
    text = markdown(ATTACKS[attack])
    assert "\n" not in text
    assert not re.search(r"(?<!\\)[|`*_\[\]~<>]", text)
    assert not re.search(r"(?<![\w\\])[@#!]\w|://", text)


def test_markdown_can_be_read() -> None:
    assert markdown("a <img> & &1, a&b") == "a &lt;img&gt; &amp; &amp; 1, a&amp;b", "an entity stays whole"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_block_ends_at_its_own_fence(attack: str) -> None:
    lines = "\n".join(markdown_block(ATTACKS[attack], "diff")).split("\n")
    assert lines[0] == f"{lines[-1]}diff"
    assert all(lines[-1] not in line for line in lines[1:-1])


@pytest.mark.parametrize("attack", ATTACKS)
def test_html_has_no_element(attack: str) -> None:
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append(f"{tag} {attrs}")

    Reader().feed(f'<p title="{html_text(ATTACKS[attack])}">{html_text(ATTACKS[attack])}</p>')
    assert [each.partition(" ")[0] for each in found] == ["p"]
    assert "onmouseover" not in found[0].partition("title")[0]


@pytest.mark.parametrize(
    "text",
    [
        "listening on [::]:8080 and ::1, from ::ffff:10.0.0.1",
        "thread 'main' panicked at src/main.rs: called `Result::unwrap()` on an Err",
        "INFO app::server::http: started",
        "std::vector<int>::at",
        "## Heading\n# comment",
        "größer, 日本語, naïve, 🎉 → ok",
        "a\tb\nc",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert printable(text) == text


def test_what_is_taken_away_is_shown_and_colours_are_dropped() -> None:
    assert visible("\x1b[1;31mERROR\x1b[0m no\r\ndb\r\x1b[2K") == "ERROR no\ndb\\r\\x1b[2K"
    assert visible("\u202eabc\U000e0041") == "\\u202eabc\\U000e0041"


def test_every_text_of_a_result_and_nothing_else() -> None:
    given = {"a\x1b": ["\x07", 1, True, None, {"b": ("\x00",)}], "n": 1.5}
    assert each_text(given, printable) == {"a\\x1b": ["\\a", 1, True, None, {"b": ["\\0"]}], "n": 1.5}
