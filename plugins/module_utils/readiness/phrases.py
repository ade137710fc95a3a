# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JMESPath that the rules for custom resources are made of."""

from __future__ import annotations


def has(kind: str, status: str = "True") -> str:
    """A condition of this type has this status."""
    boolean = status.lower()  # seen where a controller does not write its own API's type
    return f"status.conditions[?type=='{kind}' && (status=='{status}' || status==`{boolean}`)]"


def word(path: str, *words: str) -> str:
    """A text field is one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return f"contains([{listed}], {path})"


def all_true(*kinds: str) -> str:
    """Conditions of all these types are true."""
    return " && ".join(has(kind) for kind in kinds)


READY = has("Ready")
NO_STATUS = "it writes no status, or only where a feature is switched on"
