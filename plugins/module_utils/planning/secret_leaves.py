# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds the values of a release that feed its Secrets, by rendering its chart with other values; pure but for that.

A value is secret if another one in its place changes what a rendered Secret holds, encoded or hashed. Few renders do:

1. as it is: a chart without a Secret has no secret values;
2. all leaves replaced by marks: those whose mark is in a Secret are found at once (a chart that can't be rendered so
   is tried by halves, down to the values that it accepts only as they are);
3. all others replaced: if no Secret changes, that was all. Otherwise the others are halved until it is known which
   they are. What was not decided after 48 renders counts as secret.

What a chart draws at random changes by itself: it counts only if a mark is in it, or Helm's words for a text that it
can't hash (bcrypt takes 72 bytes, marks are longer).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..failure import TodoCloudError
from ..helm.manifest import objects_of
from ..records.secret_values import Path, leaves, value_at, with_values
from .credentials import is_credential

Render = Callable[[Mapping[str, Any]], str]  # values -> manifest; raises TodoCloudError when it can't be rendered
Contents = list[dict[str, str]]  # of each Secret in the order of the manifest: key -> decoded value

_RENDERS = 48
_ROUNDS = 3
_MARK = re.compile(r"zq(\d+)qz", re.IGNORECASE)
_MARK_LENGTH = 80  # more than the 72 bytes that bcrypt takes
_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_PEM = re.compile(r"-----BEGIN .*?-----END [A-Z ]*-----", re.DOTALL)  # a certificate names many things
_DEPTH = 3
_TOO_LONG = "failed to encrypt string with bcrypt"  # github.com/Masterminds/sprig, crypto.go


def secret_leaves(values: Mapping[str, Any], render: Render) -> tuple[Path, ...]:
    """Paths of the values that a rendered Secret depends on, sorted as they stand. Raises what ``render`` raises for
    the values as they are.
    """
    paths = list(leaves(values))
    if not paths:
        return ()
    before = contents_of(render(values))
    if not before:
        return ()
    found = _Search(values, render, before).run(paths)
    return tuple(path for path in paths if path in found)


def contents_of(manifest: str) -> Contents:
    """What the Secrets of a manifest hold."""
    return [_content(item) for item in objects_of(manifest) if item.get("kind") == "Secret"]


def _content(secret: Mapping[str, Any]) -> dict[str, str]:
    data, plain = secret.get("data"), secret.get("stringData")
    found = {str(key): _decoded(value) for key, value in data.items()} if isinstance(data, Mapping) else {}
    return found | ({str(key): str(value) for key, value in plain.items()} if isinstance(plain, Mapping) else {})


def _decoded(value: Any) -> str:
    try:
        return base64.b64decode(str(value), validate=True).decode("utf-8", "backslashreplace")
    except (binascii.Error, ValueError):
        return str(value)


@dataclass
class _Search:
    values: Mapping[str, Any]
    render: Render
    before: Contents
    renders: int = 1
    random: set[tuple[int, str]] = field(default_factory=set)  # places in Secrets that differ from render to render
    again: bool = False  # whether it was rendered once more as it is, to learn these places

    def run(self, paths: Sequence[Path]) -> set[Path]:
        found, fixed = self._marked(paths, paths)
        rest = [path for path in paths if path not in found and path not in fixed]
        for _round in range(_ROUNDS):
            changing = self._changing(rest, paths)
            if not changing or not self._learn():  # else a clock may have gone on meanwhile
                break
        return found | changing | {path for path in fixed if self._is_secret_alone(path)}

    def _marked(self, group: Sequence[Path], paths: Sequence[Path]) -> tuple[set[Path], list[Path]]:
        """Those of a group whose mark is in a Secret, and those in whose place the chart accepts no mark."""
        rendered = self._rendered(group, paths)
        if rendered is not None:
            named = {n for each in rendered for pair in each.items() for text in pair for n in _marks(text)}
            return {path for path in group if paths.index(path) in named}, []
        if len(group) == 1:
            return set(), list(group)
        if self.renders >= _RENDERS // 2:
            return set(), []
        half = len(group) // 2
        left, right = self._marked(group[:half], paths), self._marked(group[half:], paths)
        return left[0] | right[0], left[1] + right[1]

    def _changing(self, group: Sequence[Path], paths: Sequence[Path], *, sure: bool = False) -> set[Path]:
        """Those of a group that change a Secret. ``sure``: at least one does, so a larger group need not be tried."""
        if not group:
            return set()
        if self.renders >= _RENDERS:
            return set(group)
        renderable = True
        if not sure or len(group) == 1:
            rendered = self._rendered(group, paths)
            renderable = rendered is not None
            if rendered is not None and not self._differs(rendered):
                return set()
        if len(group) == 1:
            return set(group) if renderable or self._is_secret_alone(group[0]) else set()
        half = len(group) // 2
        found = self._changing(group[:half], paths)
        return found | self._changing(group[half:], paths, sure=renderable and not found)

    def _is_secret_alone(self, path: Path) -> bool:
        """For a value in whose place the chart accepts no mark: one of the same shape, else its name decides."""
        value = value_at(self.values, path)
        rendered = self._try([(path, _alike(value))])
        return is_credential(path, self.values) if rendered is None else self._differs(rendered)

    def _differs(self, now: Contents) -> bool:
        """Do Secrets hold something else than before, random values aside?"""
        if now == self.before:
            return False
        if not self.again:
            self.again = True
            self._learn()
        if [each.keys() for each in now] != [each.keys() for each in self.before]:
            return True
        for place in _places(self.before, now):
            text = now[place[0]][place[1]]
            if place not in self.random or _marks(text) or _TOO_LONG in text:
                return True
        return False

    def _learn(self) -> bool:
        """Whether there are places that differ by themselves and that were not known yet."""
        again = self._try([])
        fresh = set(_places(self.before, again or [])) - self.random
        self.random |= fresh
        return bool(fresh)

    def _rendered(self, group: Sequence[Path], paths: Sequence[Path]) -> Contents | None:
        """With marks in place of a group's values; None when that can't be rendered."""
        number = {path: index for index, path in enumerate(paths)}
        return self._try([(path, _mark(number[path], value_at(self.values, path))) for path in group])

    def _try(self, changed: Sequence[tuple[Path, Any]]) -> Contents | None:
        self.renders += 1
        try:
            return contents_of(self.render(with_values(self.values, changed)))
        except TodoCloudError:
            return None


def _places(one: Contents, other: Contents) -> Iterator[tuple[int, str]]:
    for index, (was, now) in enumerate(zip(one, other, strict=False)):
        yield from ((index, key) for key in was.keys() | now.keys() if was.get(key) != now.get(key))


def _marks(text: str, depth: int = 0) -> set[int]:
    """The marks in a text, also where a part of it is Base64."""
    found = {int(each) for each in _MARK.findall(text)}
    for part in _BASE64.findall(_PEM.sub("", text)) if depth < _DEPTH else ():
        found |= _marks(_decoded(part), depth + 1)
    return found


def _mark(index: int, value: Any) -> Any:
    """For a number one close to it: a chart may count up to it."""
    if isinstance(value, (int, float)):
        return value + 1
    mark = f"zq{index}qz"
    return mark * (_MARK_LENGTH // len(mark) + 1)


def _alike(value: Any) -> Any:
    """Another value of the same length and with the same kinds of characters."""
    if isinstance(value, (int, float)):
        return value - 1
    return "".join(_next(character) for character in value)


def _next(character: str) -> str:
    if character.isascii() and character.isalnum() and character not in "9zZ":
        return chr(ord(character) + 1)
    return {"9": "0", "z": "a", "Z": "A"}.get(character, character)
