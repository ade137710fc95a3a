"""Text that pods, events and programs wrote: nothing acts on a terminal or a runner, and no known secret is shown."""

from __future__ import annotations

import re
from random import Random
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KnownSecrets
from ansible_collections.todo.cloud.plugins.module_utils.masking import hidden_across_lines, masked
from ansible_collections.todo.cloud.plugins.module_utils.neutral import html_text, markdown, printable, shortened
from ansible_collections.todo.cloud.plugins.module_utils.readiness.evidence import short_cause
from ansible_collections.todo.cloud.plugins.module_utils.readiness.log_lines import as_read, decisive_line, is_error

from tests.fuzz.frame import Target
from tests.fuzz.mutations import mutated
from tests.support.secret_lines import lines

CANARY = "C4nary-Zx81-48K"
ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
COMMANDS = re.compile(r"^[^\S\n]*::\S|\s::[a-z](?!fff:)|::(?:set-output|add-mask|add-path)|##(?:vso)?\[", re.MULTILINE)
HOSTILE = (
    "\x1b[2J", "\x1b]0;x\x07", "\x9b1m", "\r", "\u202e", "\u2028", "::add-mask::e\n", "\n ::error file=a::x",
    "##[error]", "##vso[task.setvariable variable=a]", "section_start:1:a\r\x1b[0K", "-----BEGIN PRIVATE KEY-----",
    "\\n", "\\\\\"", "://", "password=", "Authorization: ", '{"token":"', "```", "</details>", "\ud800", "\x00",
    f" {CANARY} ", f"key={CANARY[:7]}\n{CANARY[7:]}",
)  # fmt: skip
SEEDS = (
    'time="2026-11-28T18:00:00Z" level=fatal msg="[INIT_COMPONENT_FAILURE]: SASL failed" app_id=x\n',
    '{"level":"error","msg":"no \\"db\\"","ts":1}\nbye\n',
    "Traceback (most recent call last):\n  File \"x\"\nKeyError: 'DATABASE_URL'\n",
    "\x1b[31mERROR\x1b[0m connect postgres://u:pw@db/x\n",
    *(line.text for line in lines(count=60)),
)


def change(rng: Random, seed: Any) -> Any:
    """A line that was damaged, with hostile parts and the canary within it."""
    text = mutated(rng, seed)
    if not isinstance(text, str):
        return text
    for _ in range(rng.randint(0, 6)):
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(HOSTILE) * rng.choice((1, 1, 1, 50)) + text[at:]
    return text


def attempt(text: Any) -> None:
    if not isinstance(text, str):
        return
    known = KnownSecrets()
    known.add([CANARY])
    hidden = known.hidden_in(text)
    assert CANARY not in hidden.replace("\n", "")
    is_error(hidden)
    assert sum(line.times for line in as_read(hidden.splitlines())) <= len(hidden.splitlines())
    shown = [masked(hidden), hidden_across_lines(hidden), decisive_line(hidden), short_cause(hidden), shortened(hidden)]
    for each in shown:
        for target in (printable, markdown, html_text):
            result = target(each)
            assert not ACTIVE.search(result), "a control character"
            assert not COMMANDS.search(result), "a command to a runner"
            result.encode()


TARGET = Target("log_text", SEEDS, attempt, change=change)
