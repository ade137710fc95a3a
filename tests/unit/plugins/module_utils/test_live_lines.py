# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.live_lines import Passing, Retold, gist, read, written
from ansible_collections.todo.cloud.plugins.module_utils.neutral import one_line


def test_a_line_is_read_as_it_was_written() -> None:
    assert read(written("wave 1 of 2", one_line)) == "wave 1 of 2"
    for over in (True, False):
        line = read(written(Passing("api 0/1\n\x1b[2J", "api", over=over), one_line))
        assert isinstance(line, Passing)
        assert (str(line), line.of, line.over) == ("api 0/1 \\x1b[2J", "api", over)


def test_a_line_that_is_told_again_says_whose_it_is() -> None:
    line = read(written(Retold("failed: api: \x1b[2J it ends", "ap\ni"), one_line))
    assert isinstance(line, Retold)
    assert (str(line), line.of) == ("failed: api: \\x1b[2J it ends", "ap i")


def test_the_gist_is_without_brackets() -> None:
    assert gist("api: it ends (CrashLoopBackOff, 3 restarts): KeyError") == "api: it ends: KeyError"
    probe = "api: container app runs but is not ready (startup probe GET :http/no; 404)"
    assert gist(f"{probe} (after 58 s)") == probe


def test_text_of_others_is_no_state() -> None:
    hostile = written("\x1fover\x1fapi\x1fapi ready", one_line)
    assert read(hostile) == "over api api ready"
    assert not isinstance(read(hostile), Passing)
    assert read("\x1f\x1f") == "\x1f\x1f"
