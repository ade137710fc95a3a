# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Types of values in ``services:``. One description of each gives the check, the page and the JSON schema.

A value with a template (``{{ … }}``) fits everywhere: it is checked again once Ansible has filled it in.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

_SOME = 10  # keys that a refusal names
_LONGEST = 4096  # characters of a text with a pattern
_TEMPLATE = re.compile(r"\{[{%#]")


class Type(Protocol):
    """What values of a key look like."""

    def title(self) -> str:
        """In a few words, for the page and for refusals."""

    def schema(self) -> dict[str, Any]:
        """As JSON schema."""

    def takes(self, value: Any) -> bool:
        """Whether a value has this form; its content may still be wrong."""

    def problems(self, value: Any, where: str) -> Iterator[str]:
        """What is wrong with the content of a value that has this form; ``where``: its path."""


@dataclass(frozen=True)
class Text:
    """A string; numbers are none.

    :ivar secret: whether people may write a secret here, so that it is not shown
    """

    name: str = "text"
    pattern: str = ""
    secret: bool = False

    def title(self) -> str:
        return self.name

    def schema(self) -> dict[str, Any]:
        return {"type": "string", **({"pattern": f"{self.pattern}|{_TEMPLATE.pattern}"} if self.pattern else {})}

    def takes(self, value: Any) -> bool:
        return isinstance(value, str)

    def problems(self, value: Any, where: str) -> Iterator[str]:
        if self.pattern and (len(value) > _LONGEST or value.endswith("\n") or not re.search(self.pattern, value)):
            yield f"{where} is {'text' if self.secret else repr(str(value))}, which is not {self.name}."


@dataclass(frozen=True)
class Number:
    """A whole number within limits."""

    minimum: int
    maximum: int
    name: str = "number"

    def title(self) -> str:
        return f"{self.name}, {self.minimum} to {self.maximum}"

    def schema(self) -> dict[str, Any]:
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        return {"type": ["integer", "string"], **limits, "pattern": _TEMPLATE.pattern}

    def takes(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def problems(self, value: Any, where: str) -> Iterator[str]:
        if not self.minimum <= value <= self.maximum:
            yield f"{where} is {value}, which is not a {self.title()}."


@dataclass(frozen=True)
class Switch:
    """true or false."""

    def title(self) -> str:
        return "true or false"

    def schema(self) -> dict[str, Any]:
        return {"type": ["boolean", "string"], "pattern": _TEMPLATE.pattern}

    def takes(self, value: Any) -> bool:
        return isinstance(value, bool)

    def problems(self, value: Any, where: str) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True)
class Word:
    """One of some words."""

    words: tuple[str, ...]

    def title(self) -> str:
        return " or ".join(f"`{word}`" for word in self.words)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}

    def takes(self, value: Any) -> bool:
        return isinstance(value, str) and (value in self.words or len(self.words) > 1)

    def problems(self, value: Any, where: str) -> Iterator[str]:
        if value not in self.words:
            yield sentence(f"{where} is {str(value)!r}; it takes {self.title()}{nearest(value, self.words)}")


@dataclass(frozen=True)
class Plain:
    """Text, a number, or true and false: what becomes an environment variable."""

    def title(self) -> str:
        return "text, number, true or false"

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean"]}

    def takes(self, value: Any) -> bool:
        return isinstance(value, (str, int, float))

    def problems(self, value: Any, where: str) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True)
class Free:
    """Any dictionary, not looked into."""

    def title(self) -> str:
        return "dictionary"

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}

    def takes(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def problems(self, value: Any, where: str) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True)
class ListOf:
    """A list of values of one type."""

    item: Type
    of: str = ""

    def title(self) -> str:
        return f"list of {self.of or self.item.title()}"

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema()}

    def takes(self, value: Any) -> bool:
        return isinstance(value, (list, tuple))

    def problems(self, value: Any, where: str) -> Iterator[str]:
        for index, item in enumerate(value):
            yield from check(self.item, item, f"{where}[{index}]")


@dataclass(frozen=True)
class MapOf:
    """A dictionary whose keys are names that the user chooses."""

    item: Type
    key: Text = Text()
    of: str = ""

    def title(self) -> str:
        return f"dictionary of {self.of or self.item.title()}"

    def schema(self) -> dict[str, Any]:
        rules = {self.key.pattern: self.item.schema()} if self.key.pattern else {}
        rest = False if self.key.pattern else self.item.schema()
        return {"type": "object", "patternProperties": rules, "additionalProperties": rest}

    def takes(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def problems(self, value: Any, where: str) -> Iterator[str]:
        for key, item in value.items():
            # Ansible fills in no key.
            yield from check(self.key, key, f"{where}: the key {str(key)[:_LONGEST]}", templates=False)
            yield from check(self.item, item, f"{where}.{key}")


@dataclass(frozen=True)
class Key:
    """A key of a dictionary.

    :ivar doc: one sentence for the page
    :ivar default: what holds without it, for the page
    :ivar later: why it is refused, until what it stands for is built
    """

    name: str
    type: Type
    doc: str
    default: str = ""
    example: str = ""
    later: str = ""
    required: bool = False


@dataclass(frozen=True)
class Struct:
    """A dictionary with these keys and no others."""

    keys: tuple[Key, ...]

    def title(self) -> str:
        names = ", ".join(f"`{key.name}`" for key in self.keys[:_SOME])
        return f"dictionary of {names}{' and so on' if len(self.keys) > _SOME else ''}"

    def schema(self) -> dict[str, Any]:
        known = [key for key in self.keys if not key.later]
        needed = [key.name for key in known if key.required]
        return {
            "type": "object",
            "properties": {key.name: {"description": key.doc, **key.type.schema()} for key in known},
            "additionalProperties": False,
            **({"required": needed} if needed else {}),
        }

    def takes(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def problems(self, value: Any, where: str) -> Iterator[str]:
        known = {key.name: key for key in self.keys}
        for name in value:
            key = known.get(name)
            if key is None:
                yield sentence(f"{where} has no key {str(name)!r}{nearest(name, known)}")
            elif key.later:
                yield f"{where}.{name}: {key.later}"
            else:
                yield from check(key.type, value[name], f"{where}.{name}")
        for key in self.keys:
            if key.required and key.name not in value:
                yield f"{where}.{key.name} is missing."


@dataclass(frozen=True)
class Either:
    """One of several forms: a short one for what is usual, a dictionary for what is not."""

    forms: tuple[Type, ...]

    def title(self) -> str:
        return ", or ".join(form.title() for form in self.forms)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [form.schema() for form in self.forms]}

    def takes(self, value: Any) -> bool:
        return any(form.takes(value) for form in self.forms)

    def problems(self, value: Any, where: str) -> Iterator[str]:
        found = [list(form.problems(value, where)) for form in self.forms if form.takes(value)]
        yield from min(found, key=bool, default=[])  # one form that fits is enough; else the first one counts


def check(kind: Type, value: Any, where: str, *, templates: bool = True) -> Iterator[str]:
    """What is wrong with a value, a sentence each; ``where``: its path, such as ``services.search.port``."""
    if templates and is_template(value):
        return
    if not kind.takes(value):
        quoted = isinstance(value, str) and len(value) < 20 and value.isdecimal() and kind.takes(int(value))
        wanted = "write the number without quotes" if quoted else f"it takes {kind.title()}"
        yield f"{where} is {_said(value)}; {wanted}."
        return
    yield from kind.problems(value, where)


def is_template(value: Any) -> bool:
    """Whether Ansible is still to fill in a value."""
    return isinstance(value, str) and _TEMPLATE.search(value) is not None


def sentence(text: str) -> str:
    """With its full stop, unless it ends in a question."""
    return text if text.endswith("?") else f"{text}."


def nearest(name: object, known: Iterable[str]) -> str:
    """``; did you mean "…"?`` with the nearest of the known names, or nothing."""
    found = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def _said(value: Any) -> str:
    """What a value is, without its content: that may be a secret in the wrong place."""
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    return "text" if isinstance(value, str) else "a number" if isinstance(value, (int, float)) else "something else"
