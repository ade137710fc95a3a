"""A terminal as a page: its colours, and no markup of what was said."""

from __future__ import annotations

from tests.support.terminal import page


def test_colours_become_spans_and_words_stay_words() -> None:
    text = page("ls <x>", "\n\x1b[0;31m 0:07  FAILED <b>\x1b[0m\nOK\x1b[1;99m?\n", 80)
    assert '<span style="color: #ff8f88"> 0:00  FAILED &lt;b&gt;</span>\nOK?</pre>' in text
    assert "<b>$</b> ls &lt;x&gt;\n<span" in text
    assert "\x1b" not in text
