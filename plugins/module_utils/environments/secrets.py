# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Secrets shall hold: from the inventory, else from the cluster, else randomly generated; pure."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Iterable, Mapping
from typing import Any

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 48


def secret_contents(
    values: Mapping[str, Mapping[str, Any] | None],
    generated: Mapping[str, Iterable[str] | None] | None = None,
    found: Iterable[Mapping[str, Any]] = (),
) -> dict[str, dict[str, Any]]:
    """Contents by name of the Secret: ``data``, ``open`` and ``missing``; see the filter of the same name."""
    present = {each["metadata"]["name"]: each.get("data") or {} for each in found}
    made = generated or {}
    return {
        name: _contents(values.get(name) or {}, list(made.get(name) or ()), present.get(name, {}))
        for name in sorted({*values, *made})
    }


def _contents(values: Mapping[str, Any], generated: list[str], present: Mapping[str, str]) -> dict[str, Any]:
    data = {key: base64.b64encode(str(v).encode()).decode() for key, v in values.items() if v is not None and v != ""}
    unset = [key for key in dict.fromkeys([*values, *generated]) if key not in data]
    missing = []
    for key in unset:
        if key in present:
            data[key] = present[key]
        elif key in generated:
            text = "".join(secrets.choice(_LETTERS) for place in range(_LENGTH))
            data[key] = base64.b64encode(text.encode()).decode()
        else:
            missing.append(key)
    return {"data": data, "open": unset, "missing": missing}
