# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secret values of a release set: they stand in a Secret of the record's name, the record holds only their paths.

The record's digest covers them by a salted digest, so that neither can be exchanged nor a password be tried.
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Union

from ..digest import digest_of
from ..failure import Code, error
from ..parsing import Malformed, load_json, parse_as, unpack_base64

Path = tuple[Union[str, int], ...]  # noqa: UP007 pylint of ansible-test takes | for arithmetic  # keys, and indices of lists
_SALT_BYTES = 32


def path_text(path: Path) -> str:
    """A path for people, as in ``auth.users[0].password``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def leaves(values: Any, path: Path = ()) -> Iterator[Path]:
    """Texts and numbers that may be secret. A boolean has only one bit, and an empty text hides nothing."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    elif isinstance(values, (list, tuple)):
        for index, value in enumerate(values):
            yield from leaves(value, (*path, index))
    elif isinstance(values, (str, int, float)) and not isinstance(values, bool) and values != "":
        yield path


def value_at(values: Any, path: Path) -> Any:
    """Raises KeyError, IndexError or TypeError when there is nothing."""
    for part in path:
        values = values[part]
    return values


def with_values(values: Mapping[str, Any], at: Iterable[tuple[Path, Any]]) -> dict[str, Any]:
    """The same values with others at some paths, which must be there. Raises KeyError, IndexError or TypeError."""
    changed = copy.deepcopy(dict(values))
    for path, value in at:
        parent = value_at(changed, path[:-1])
        parent[path[-1]]  # it must be there
        parent[path[-1]] = value
    return changed


def without(values: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """The values with null in place of the secret ones."""
    return with_values(values, ((path, None) for path in paths))


Split = dict[str, list[tuple[Path, Any]]]  # member -> its secret values


def pack_secret(name: str, labels: Mapping[str, str], found: Split) -> dict[str, Any]:
    """The Secret beside a record, immutable as that one is."""
    content = json.dumps({member: [[list(path), value] for path, value in each] for member, each in found.items()})
    data = {"values.json": content.encode(), "salt": secrets.token_bytes(_SALT_BYTES)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": {"name": name, "labels": dict(labels)},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def digest_of_secret(item: Mapping[str, Any]) -> str:
    """What the record says about its Secret."""
    data = item.get("data") or {}
    return digest_of(*(str(data.get(key) or "").encode("utf-8", "replace") for key in ("salt", "values.json")))


def unpack_secret(name: str, item: Mapping[str, Any], digest: str) -> Split:
    """Raises set_damaged when it is not the one that the record was written with."""
    damaged = error(Code.SET_DAMAGED, f"The Secret {name} does not hold what {name} was written with.", set=name)
    if digest_of_secret(item) != digest:
        raise damaged
    try:
        raw = load_json(unpack_base64(item["data"]["values.json"]))
        return {
            member: list(found) for member, found in parse_as(Mapping[str, tuple[tuple[Path, Any], ...]], raw).items()
        }
    except Malformed:
        raise damaged from None
