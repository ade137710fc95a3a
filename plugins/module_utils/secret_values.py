# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a value in a text of unknown format begins and ends, and whether it could be a secret at all."""

from __future__ import annotations

import re

MASK = "***"
_LONGEST = 4096
# A word of a sentence: lower case, or with a capital at its beginning; with punctuation behind it.
_WORD = re.compile(r"[A-Z]?[a-z]+(?:['-][a-z]+)*[.,:;!?)]*", re.ASCII)
# What stands for no value, or for one that is elsewhere.
_EMPTY = re.compile(
    r"(?:true|false|null|none|nil|<nil>|undefined|yes|no|\*{3,}|\[?redacted\]?|\(hidden[^)]{0,20}\)|\$\{?[A-Z_]{1,60}\}?"
    r"|\{\{[^}]{0,100}\}\}|<[a-z_-]{1,30}>)[.,;)\]}]{0,2}",
    re.ASCII | re.IGNORECASE,
)
_WRAPPED = re.compile(
    r"""(?:[bruf]{1,2}|[A-Za-z][\w:]{0,30}\(){0,3}(?=\\{0,8}["'`\[(])|&?[A-Za-z]\w{0,30}\{(?=["'])""", re.ASCII
)
_QUOTE = re.compile(r"""(\\{0,8})(["'`])""")
_PLAIN = re.compile(r"[^\s\"'`<>]{1,4096}")
_NEXT_PAIR = re.compile(r"[,;&?|][ \t]{0,4}[\w.%-]{1,60}\\{0,8}[\"']?[=:]", re.ASCII)
_NEXT_WORD = re.compile(r"[ \t]([^\s\"'`<>=:]{1,64})(?=[\s\"',;]|$)")
_CLOSING = {"[": "]", "(": ")"}


def is_wordlike(value: str) -> bool:
    """True for a plain word, as sentences have them, and for what stands for no value."""
    return bool(_WORD.fullmatch(value) or _EMPTY.fullmatch(value))


def end_of_line(text: str, at: int) -> int:
    """Index of the line break at or behind ``at``, else the text's length."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def end_of_value(text: str, at: int, until: str = "") -> tuple[int, int]:
    """(start, end) of the value that begins at ``at``; both the same for none, and for ``null``, ``true``, ``***``.

    Values in quotes, also escaped ones, end at their quote; lists at their bracket; others at a blank or before the
    next ``name=``. ``until``: the character that ends it wherever it stands.
    """
    if wrapped := _WRAPPED.match(text, at):
        at = wrapped.end()
    if until:
        end = text.find(until, at, at + _LONGEST)
        return _checked(text, at, end if end >= 0 else end_of_line(text, at))
    if (quote := _QUOTE.match(text, at)) is not None:
        return _quoted(text, quote)
    if (closing := _CLOSING.get(text[at : at + 1], "")) and text[at + 1 : at + 3].strip()[:1] in ('"', "'", "\\"):
        end = text.find(closing, at, at + _LONGEST)
        return _checked(text, at + 1, end if end >= 0 else end_of_line(text, at))
    return _checked(text, at, _end_of_plain(text, at))


def _quoted(text: str, quote: re.Match[str]) -> tuple[int, int]:
    """Up to the same quote behind the same number of backslashes; a quote behind more of them is part of the value."""
    start, slashes, mark = quote.end(), len(quote[1]), quote[2]
    at, limit = start, min(len(text), start + _LONGEST)
    while (at := text.find(mark, at, limit)) >= 0:
        before = at
        while before > start and text[before - 1] == "\\":
            before -= 1
        if at - before == slashes or (not slashes and (at - before) % 2 == 0):
            return _checked(text, start, at - slashes)
        at += 1
    return _checked(text, start, min(end_of_line(text, start), limit))


def _end_of_plain(text: str, at: int) -> int:
    plain = _PLAIN.match(text, at)
    if plain is None:
        return at
    end = plain.end()
    if (pair := _NEXT_PAIR.search(text, at, end)) is not None:
        return pair.start()
    while end > at + 1 and text[end - 1] in ",;)]}.\\":
        end -= 1
    # A password with a blank in it: what follows is no word of a sentence and no further pair.
    while (word := _NEXT_WORD.match(text, end)) is not None and not is_wordlike(word[1]) and _mixed(word[1]):
        end = word.end(1)
    return end


def _mixed(word: str) -> bool:
    return any(map(str.isalnum, word)) and not word.isdigit() and not word.startswith(("-", "/", "("))


def _checked(text: str, start: int, end: int) -> tuple[int, int]:
    return (start, start) if start >= end or _EMPTY.fullmatch(text, start, end) else (start, end)
