# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes one more entry into a file with ``services:``; the other lines, comments and their order stay as they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from .layers import layered, merged
from .problems import entry_problems, problems

_NO_ROLES: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
_NULL = "tag:yaml.org,2002:null"
_STEP = 2  # columns, where the file has no entry to take them from


class NotWritten(ValueError):
    """Why an entry cannot be written, in one sentence."""


def with_entry(text: str, name: str, entry: Mapping[str, Any], others: Collection[str] = ()) -> str:
    """The text of a file with one more entry, the last one.

    :param others: names that services and hosts of the inventory have already, in either spelling
    :raises NotWritten: the name or the entry has a mistake or is there already, or the file is another one
    """
    found = entry_problems(name, entry)
    if found:
        raise NotWritten(" ".join(found))
    node = _services(text)
    there = {key.value for key, _value in node.value} if _is_mapping(node) else set()
    if name.replace("-", "_") in {str(other).replace("-", "_") for other in (*there, *others)}:
        raise NotWritten(f"services.{name} is there already; change its entry, or take another name.")
    newline = "\r\n" if "\r\n" in text else "\n"
    made = _inserted(text, node, name, entry, newline)
    if not _is_one_more(text, made, name, entry):
        lines = " ".join(_lines(name, entry, 0))
        raise NotWritten(f"services is written in a form that is not changed here; write this into it: {lines}")
    return made


def misfits(
    text: str,
    name: str,
    here: Mapping[str, Any],
    others: Collection[str] = (),
    roles: Mapping[str, Mapping[str, Any]] = _NO_ROLES,
) -> list[str]:
    """What stands between a new entry and the others, once the file says it.

    :param text: the file with the entry
    :param here: variables of the environment, whose ``app`` and ``services`` go over those of the file
    :param others: releases of the inventory that are no entries
    """
    said = _content(text)
    app = merged(said.get("app") or {}, here.get("app") or {})
    entries, found = layered(said.get("services"), here.get("services"))
    own = tuple(f"services.{name}{mark}" for mark in ".: ")
    return [one for one in found or problems(app, entries, others, roles) if one.startswith((*own, "services: "))]


def has_services(text: str) -> bool:
    """Whether a file says ``services``. Raises NotWritten for what is no dictionary in YAML."""
    return _services(text) is not None


def _services(text: str) -> Any:
    """The node of ``services``; None: the file does not say it."""
    import yaml

    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NotWritten(f"it cannot be read as YAML{f' (line {mark.line + 1})' if mark else ''}.") from None
    if root is None or root.tag == _NULL:
        return None
    if not _is_mapping(root):
        raise NotWritten("it is not a dictionary of variables.")
    return next((value for key, value in root.value if key.value == "services"), None)


def _is_mapping(node: Any) -> bool:
    return getattr(node, "id", "") == "mapping"


def _inserted(text: str, node: Any, name: str, entry: Mapping[str, Any], newline: str) -> str:
    if node is None:
        before = text.rstrip()
        lines = ["services:", *_lines(name, entry, _STEP)]
        return (before + newline if before else "") + newline.join(["", *lines] if before else lines) + newline
    if not _is_mapping(node) or not node.value:
        if node.value and node.tag != _NULL:
            raise NotWritten("services is not a dictionary; it takes names of services, each with its keys.")
        start, end = node.start_mark.index, node.end_mark.index
        lines = ["", *_lines(name, entry, _STEP)]
        return text[:start].rstrip(" ") + newline.join(lines) + text[end:]
    if node.flow_style:
        end = node.value[-1][1].end_mark.index
        return f"{text[:end]}, {_flow(name, entry)}{text[end:]}"
    column = node.value[0][0].start_mark.column
    place = _end_of_lines(text, _end(node), column)
    before = text[:place] if text[:place].endswith("\n") else text[:place] + newline
    return before + newline.join(_lines(name, entry, column)) + newline + text[place:]


def _end(node: Any) -> int:
    """Where the last value in a node ends: the node itself ends behind the comments after it only."""
    while node.id != "scalar" and not node.flow_style and node.value:
        last = node.value[-1]
        key, value = last if isinstance(last, tuple) else (node, last)
        if value.start_mark.index < key.start_mark.index:  # an alias; its node is that of the anchor
            return int(key.end_mark.index)
        node = value
    return int(node.end_mark.index)


def _end_of_lines(text: str, end: int, column: int) -> int:
    """The end of the line that a value ends on, and of comments right below that are as far to the right."""
    place = _next_line(text, len(text[:end].rstrip()))
    while True:
        line = text[place : _next_line(text, place)]
        bare = line.lstrip(" ")
        if not bare.startswith("#") or len(line) - len(bare) < column:
            return place
        place += len(line)


def _next_line(text: str, place: int) -> int:
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1


def _lines(name: str, entry: Mapping[str, Any], column: int) -> list[str]:
    import yaml

    said: dict[str, Any] = {name: _plain(entry)}
    dumped = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=10**6, indent=_STEP)
    for key, value in said[name].items():  # lists and dictionaries on the line of their key
        if isinstance(value, (dict, list)):
            long = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=10**6, indent=_STEP)
            block = "".join(f"  {line}\n" for line in long.splitlines())
            dumped = dumped.replace(block, f"  {_flow(key, value)}\n")
    return [" " * column + line for line in dumped.splitlines()]


def _flow(name: str, value: Any) -> str:
    import yaml

    text = yaml.safe_dump({name: _plain(value)}, sort_keys=False, allow_unicode=True, width=10**6,
                          default_flow_style=True)  # fmt: skip
    return text.strip()[1:-1]


def _plain(value: Any) -> Any:
    """Without Ansible's marks on values."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    kind = next((kind for kind in (bool, str, int, float) if isinstance(value, kind)), None)
    return kind(value) if kind else None


def _is_one_more(before: str, after: str, name: str, entry: Mapping[str, Any]) -> bool:
    """Whether a file says what it said, and the entry."""
    old, new = _content(before), _content(after)
    services = {**(old.get("services") or {}), name: _plain(entry)}
    return bool(new == {**old, "services": services})


def _content(text: str) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Tags of others (``!vault``) are told apart by their text."""

    Loader.add_multi_constructor("!", lambda loader, _suffix, node: (node.tag, str(node.value)))
    return dict(yaml.load(text, Loader) or {})
