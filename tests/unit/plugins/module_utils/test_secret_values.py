# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.secret_values import end_of_line, end_of_value, is_wordlike


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("abc def", "abc"),
        ("abc, x=1", "abc"),
        ("a,b;c x", "a,b;c"),
        ("abc&host=db", "abc"),
        ("a b7 refused", "a b7"),
        ("abc refused by server", "abc"),
        ("'a b' x", "a b"),
        ('"a\\"b" x', 'a\\"b'),
        ('\\"a\\\\\\"b\\" x', 'a\\\\\\"b'),
        ('Some("a b")', "a b"),
        ("b'abc'", "abc"),
        ('["a", "b"] x', '"a", "b"'),
        ('"never closed\nnext', "never closed"),
        ("abc}", "abc"),
        ("null", ""),
        ("***", ""),
        ("${DB_PASSWORD}", ""),
        ("", ""),
    ],
)
def test_value(text: str, value: str) -> None:
    start, end = end_of_value(text, 0)
    assert text[start:end] == value


def test_value_up_to_a_character() -> None:
    assert end_of_value("a b<c", 0, until="<") == (0, 3)


def test_words() -> None:
    words = ["expired", "Connection", "failed.", "null"]
    assert [word for word in [*words, "s3cret", "ABC", "aB"] if is_wordlike(word)] == words
    assert (end_of_line("ab\nc", 0), end_of_line("ab", 1)) == (2, 2)
