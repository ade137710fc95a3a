# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads YAML as Kubernetes, kubectl and Helm read it (sigs.k8s.io/yaml). The result is plain JSON data.

PyYAML parses the text; yaml_scalars.py says what a scalar means. Rules: decode.go of go.yaml.in/yaml/v2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .yaml_scalars import json_value, key_text, plain, tagged

_MOST_FROM_ALIASES = 400_000  # values of one document that may come from aliases (decode.go: alias_ratio_range_low)
_MOST = 1_000_000  # values of one text, those of aliases included: many times what the largest charts render
_MERGE = "tag:yaml.org,2002:merge"
_SLASH = re.compile(r"(?:[^\\]|\\[^/])*\\/", re.DOTALL)


class YamlError(ValueError):
    """The text is not YAML that Kubernetes reads. The message names line and reason, nothing of the text."""


def read_documents(text: str | bytes) -> tuple[Any, ...]:
    """All documents of a text. Raises YamlError."""
    return tuple(found for found, _twice in _documents(text))


def read_with_repeats(text: str | bytes) -> tuple[tuple[Any, tuple[str, ...]], ...]:
    """The same, with the keys that each document has more than once in one mapping, where the last one counts."""
    return tuple(_documents(text))


def read_document(text: str | bytes) -> Any:
    """The first document of a text; None when there is none. Raises YamlError."""
    return next((found for found, _twice in _documents(text)), None)


def _documents(text: str | bytes) -> Iterator[tuple[Any, tuple[str, ...]]]:
    import yaml

    parser = None
    read = 0  # values of the documents so far
    try:
        # Its events, not its nodes: libyaml's composer overflows the stack at a nesting that any text may have.
        parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        while not parser.check_event(yaml.StreamEndEvent):
            if isinstance(parser.get_event(), yaml.DocumentStartEvent):
                document = _Document(parser, yaml, text, read)
                found = document.value()
                read = document.read
                parser.get_event()  # its end, which has to be one
                yield found, tuple(dict.fromkeys(document.repeats))
    except yaml.YAMLError as exc:
        raise YamlError(_sentence(exc)) from exc
    except RecursionError as exc:
        raise YamlError("it is nested too deeply") from exc
    except UnicodeEncodeError as exc:
        raise YamlError("it contains text that is not Unicode") from exc
    finally:
        if parser is not None:
            parser.dispose()


def _sentence(exc: Any) -> str:
    mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
    problem = getattr(exc, "problem", None) or getattr(exc, "reason", None) or "it cannot be read"
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)


def _at(event: Any, problem: object) -> YamlError:
    return YamlError(f"line {event.start_mark.line + 1}: {problem}")


class _Document:
    """One document of a parser's events."""

    def __init__(self, parser: Any, yaml: Any, text: str | bytes, read: int = 0) -> None:
        self._next = parser.get_event
        self._scalar_event, self._alias_event = yaml.ScalarEvent, yaml.AliasEvent
        self._sequence_event, self._ends = yaml.SequenceStartEvent, (yaml.SequenceEndEvent, yaml.MappingEndEvent)
        self._anchors: dict[str, tuple[Any, int]] = {}  # value, and how many values it consists of
        self._open: set[str] = set()  # anchors of collections that are not complete
        self.repeats: list[str] = []
        self.read = read  # values of all documents
        self._from_aliases = 0
        written = text.decode(errors="replace") if isinstance(text, bytes) else text
        self._written = written if "\\/" in written else ""

    def value(self) -> Any:
        """What it holds."""
        return self._json(self._next())

    def _json(self, event: Any) -> Any:
        try:
            return json_value(self._value(event))
        except YamlError:
            raise
        except ValueError as exc:
            raise _at(event, exc) from None

    def _value(self, event: Any) -> Any:
        """Collections are complete; a float is left as it is, since it may be a key."""
        kind, before = type(event), self.read
        if kind is self._alias_event:
            return self._alias(event)
        self.read += 1
        if self.read > _MOST:
            raise _at(event, f"there are more than {_MOST} values")
        if kind is self._scalar_event:
            found = self._scalar(event)
        else:
            self._open.add(event.anchor)
            found = self._sequence() if kind is self._sequence_event else self._mapping()
            self._open.discard(event.anchor)
        if event.anchor:
            self._anchors[event.anchor] = found, self.read - before
        return found

    def _scalar(self, event: Any) -> Any:
        if self._written and event.style == '"':
            written = self._written[event.start_mark.index : event.end_mark.index]
            if _SLASH.match(written):  # YAML 1.2 has this escape, Go's parser has not
                raise _at(event, "found unknown escape character")
        if event.tag == "!" or not (event.tag or event.implicit[0]):
            return event.value
        return tagged(event.tag, event.value) if event.tag else plain(event.value)

    def _sequence(self) -> list[Any]:
        found = []
        while not isinstance(event := self._next(), self._ends):
            found.append(self._json(event))
        return found

    def _mapping(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: frozenset[str] = frozenset()  # what << brought, which may be replaced
        while not isinstance(event := self._next(), self._ends):
            if (
                isinstance(event, self._scalar_event)
                and event.value == "<<"
                and (event.implicit[0] or event.tag == _MERGE)
            ):
                self._merge(found)
                merged = frozenset(found)
                continue
            try:
                key = key_text(self._value(event))
            except YamlError:
                raise
            except ValueError as exc:
                raise _at(event, exc) from None
            if key in found and key not in merged:
                self.repeats.append(key)
            found[key] = self._json(self._next())
        return found

    def _merge(self, into: dict[str, Any]) -> None:
        """``<<``: its keys replace those before it; of a list the first ones count."""
        event = self._next()
        found = self._value(event)
        maps = list(reversed(found)) if isinstance(event, self._sequence_event) else [found]
        if not all(isinstance(each, dict) for each in maps):
            raise _at(event, "map merge requires map or sequence of maps as the value")
        for each in maps:
            into.update(each)

    def _alias(self, event: Any) -> Any:
        if event.anchor in self._open:
            raise _at(event, "an anchor's value contains itself")
        if event.anchor not in self._anchors:
            raise _at(event, "unknown anchor referenced")
        found, size = self._anchors[event.anchor]
        self.read += size
        self._from_aliases += size
        if self._from_aliases > _MOST_FROM_ALIASES:
            raise _at(event, "document contains excessive aliasing")
        return found
