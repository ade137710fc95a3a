"""What Ansible evaluates in playbooks and roles: conditions, and what stands in braces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_CONDITIONS = {"when", "that", "until", "failed_when", "changed_when"}


def strings(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All strings of a YAML document with the key that they stand under."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from strings(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value, key)
    elif isinstance(node, str):
        yield key, node


def expressions(node: Any) -> Iterator[str]:
    """All expressions of a YAML document."""
    for key, text in strings(node):
        yield from [text] if key in _CONDITIONS else re.findall(r"{[{%].*?[%}]}", text, re.DOTALL)
