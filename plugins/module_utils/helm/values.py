# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values on their way to Helm: as YAML that its parser takes, and large integers so that they stay integers.

Helm reads values files into floating-point numbers, so that a template writes 12345678 as ``1.2345678e+07`` and loses
digits beyond 2**53; ``--set`` keeps integers (helm/helm#1707, pkg/strvals).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from ..failure import Code, error
from ..files import content_of, named_file
from ..parsing import quoted
from ..yaml_reader import YamlError, read_documents
from ..yaml_scalars import json_for_yaml

Path: TypeAlias = "tuple[str | int, ...]"

_EXPONENT_FROM = 10**6  # strconv.FormatFloat, which templates use, writes an exponent from here on
_INT64 = 2**63
_MOST_OPTIONS = 10_000  # far from the longest command line of Linux
_DEEPEST = 30  # pkg/strvals: MaxNestedNameLevel
_SET_SYNTAX = re.compile(r"([\\=\[\],.])")
_SECRET = re.compile(r"(?:password|passwd|passphrase|secret|token|(?:api|access|private)_?key)$", re.IGNORECASE)


def check_values(values: Mapping[str, Any]) -> None:
    """Raises invalid_input for values that Helm could not be given."""
    values_text(values)
    integer_options(values)


def values_text(values: Mapping[str, Any]) -> bytes:
    """The values as one line of YAML. Raises invalid_input, with the path, for what YAML or JSON does not have."""
    try:
        return f"{one_line_of_yaml(values)}\n".encode()  # Helm may lose a last line without an end (helm/helm#32506)
    except (ValueError, TypeError) as exc:
        raise error(Code.INVALID_INPUT, f"The values cannot be given to Helm: {_odd(values)}.") from exc


def one_line_of_yaml(data: Any, *, sort_keys: bool = False) -> str:
    """JSON that YAML's parsers read as the same data. Raises ValueError, TypeError."""
    return json_for_yaml(json.dumps(data, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys))


def integer_options(values: Mapping[str, Any]) -> list[str]:
    """``--set`` options for the integers that Helm would otherwise write with an exponent.

    They show on the command line, so a number that is named like a secret is refused: as text it needs no option.
    """
    options: list[str] = []
    for path, value in _leaves(values):
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not _EXPONENT_FROM <= abs(value) < _INT64
            or len(path) > _DEEPEST
        ):
            continue
        names = [part for part in path if isinstance(part, str)]
        if _SECRET.search(names[-1]):
            raise error(
                Code.INVALID_INPUT,
                f"The value {_described(path)} is a number, which Helm would write with an exponent: put it in quotes.",
            )
        if all(names):
            options += ["--set", f"{_set_path(path)}={value}"]
    return options[: 2 * _MOST_OPTIONS]


def with_files(values: Mapping[str, Any], files: Sequence[str]) -> dict[str, Any]:
    """The values over those of values files (paths on this machine), the last one first. Raises invalid_input."""
    below: dict[str, Any] = {}
    for file in files:
        path = FilePath(file).expanduser().absolute()
        try:
            text = content_of(named_file(path))
        except OSError as exc:
            raise error(Code.INVALID_INPUT, f"The values file {path} cannot be read: {exc.strerror}.") from exc
        below = merged(below, read_values(file, text))
    return merged(below, values)


def read_values(file: str, text: bytes) -> dict[str, Any]:
    """A values file as ``helm -f`` reads it: documents merged, large integers as floating-point numbers.

    Raises invalid_input.
    """
    values: dict[str, Any] = {}
    try:
        for document in read_documents(text):
            if document is not None and not isinstance(document, dict):
                raise error(Code.INVALID_INPUT, f"The values file {quoted(file)} holds no dictionary.")
            values = merged(values, document or {})
    except YamlError as exc:
        raise error(Code.INVALID_INPUT, f"The values file {quoted(file)} is not valid YAML: {exc}.") from exc
    found: dict[str, Any] = _as_floats(values)
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Dictionaries are merged, everything else is replaced, as Helm merges values files."""
    found = dict(below)
    for key, value in above.items():
        was = found.get(key)
        both = isinstance(was, Mapping) and isinstance(value, Mapping)
        found[key] = merged(was, value) if both else value  # type: ignore[arg-type]  # both are dictionaries
    return found


def _as_floats(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _as_floats(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_as_floats(value) for value in node]
    is_int = isinstance(node, int) and not isinstance(node, bool)
    return float(node) if is_int and abs(node) >= _EXPONENT_FROM else node


def _leaves(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, (*path, str(key)))
    elif isinstance(node, Sequence) and not isinstance(node, (str, bytes)):
        for index, value in enumerate(node):
            yield from _leaves(value, (*path, index))
    else:
        yield path, node


def _set_path(path: Path) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else "." + _SET_SYNTAX.sub(r"\\\1", part) for part in path)
    return "".join(parts).removeprefix(".")


def _described(path: Path) -> str:
    return quoted(_set_path(path))


def _odd(values: Mapping[str, Any]) -> str:
    """What of the values has no place in JSON."""
    for path, value in _leaves(values):
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, TypeError):
            what = "a number without a value" if isinstance(value, float) else "neither text, number nor boolean"
            return f"{_described(path)} is {'text that is not Unicode' if isinstance(value, str) else what}"
    return "a key is not text, or not Unicode"
