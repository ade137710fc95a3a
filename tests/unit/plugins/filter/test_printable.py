# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.todo.cloud.plugins.filter.printable import FilterModule, printable


def test_words_of_a_program() -> None:
    text = "\x1b[31mError\x1b[0m: https://u:p4ss@r/x\r\n::error::x\n" + "y" * 600
    assert printable(text).startswith("Error: https://***@r/x : :error::x yyy")
    assert printable(text).endswith("more characters)")
    assert printable(None) == "None"
    assert list(FilterModule().filters()) == ["printable"]
