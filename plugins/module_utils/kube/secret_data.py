# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Secret holds, as text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any


def texts_of(secret: Mapping[str, Any] | None) -> dict[str, str]:
    """Its data by key; what is not text in base64 is left out. Empty without a Secret."""
    data = (secret or {}).get("data")
    found: dict[str, str] = {}
    for key, value in data.items() if isinstance(data, Mapping) else ():
        try:
            found[str(key)] = base64.b64decode(value, validate=True).decode()
        except (ValueError, TypeError):  # binascii.Error and UnicodeDecodeError among them
            continue
    return found
