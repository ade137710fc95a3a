# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JMESPath as a status: ``ready_when`` and ``failed_when`` over any object."""

from __future__ import annotations

from typing import Any

from ..failure import Code, error
from .fields import Object
from .status import State, Status


class Expression:
    """One compiled JMESPath expression. Errors: ``invalid_input`` if it does not parse, ``missing_library``."""

    def __init__(self, text: str) -> None:
        self._compiled = _compiled(text)

    def search(self, obj: Object) -> Any:
        """Its value over an object; None where a function got a type that it does not accept (an absent field)."""
        import jmespath

        try:
            return self._compiled.search(obj)
        except jmespath.exceptions.JMESPathError:
            return None

    def holds(self, obj: Object) -> bool:
        """Whether it is true, by JMESPath's rules: empty, null and false are false."""
        return self.search(obj) not in (None, False, "", [], {})


class Expressions:
    """Compiled once per target. A result counts as true by JMESPath's rules (empty, null and false are false).

    Errors: ``invalid_input`` for an expression that does not parse, ``missing_library`` without jmespath.
    """

    def __init__(self, ready_when: str, failed_when: str = "") -> None:
        self._ready, self._failed = Expression(ready_when), Expression(failed_when) if failed_when else None
        self._ready_text, self._failed_text = ready_when, failed_when

    def status_of(self, obj: Object) -> Status:
        """Failed when ``failed_when`` holds, Current when ``ready_when`` holds, else InProgress."""
        if self._failed is not None and self._failed.holds(obj):
            return Status(State.FAILED, f"failed_when holds: {self._failed_text}")
        if self._ready.holds(obj):
            return Status(State.CURRENT, "ready_when holds")
        return Status(State.IN_PROGRESS, f"ready_when does not hold yet: {self._ready_text}")


def _compiled(expression: str) -> Any:
    try:
        import jmespath
    except ImportError as exc:
        message = "The Python library 'jmespath' is missing: install it where this module runs."
        raise error(Code.MISSING_LIBRARY, message) from exc
    try:
        return jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as exc:
        message = f"{expression!r} is not a valid JMESPath expression: {str(exc).splitlines()[0]}"
        raise error(Code.INVALID_INPUT, message, expression=expression) from exc
