# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Last lines of containers whose own log is gone, from the store of logs: evidence of a failure, and nothing else.

The store is asked only about what has failed, and is given up once it does not answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..failure import TodoCloudError
from ..kube.api import KubeObserver

STORE = "VictoriaLogs"
SECONDS = 2.0  # for one question, whatever the store does


@dataclass(frozen=True)
class LogStore:
    """Where lines are kept: a Service, or with ``url`` an address."""

    namespace: str = "monitoring"
    service: str = "victoria-logs"
    port: int = 9428
    url: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any] | None) -> LogStore | None:
        """From a module's option; None: there is none."""
        return cls(**{key: value for key, value in raw.items() if value is not None}) if raw else None


class KeptLogs:
    """What the store has. ``trouble``: why it could not tell; empty as long as it could."""

    def __init__(self, kube: KubeObserver, store: LogStore | None) -> None:
        self._kube = kube
        self._store = store
        self.trouble = ""

    def tail(self, of: Mapping[str, Any], seconds: float, count: int) -> str:
        """The last ``count`` lines of the last ``seconds``, of a ``namespace`` and whatever is given of ``pod``,
        ``container`` and ``labels``; empty if there are none, or no store.
        """
        if self._store is None or self.trouble:
            return ""
        from .source import within  # what this needs takes time to load, and most runs do not fail

        store, wanted = self._store, {**of, "since": f"{max(1, math.ceil(seconds))}s", "limit": count}
        late = "", f"{STORE} did not answer within {SECONDS:g} s"
        text, self.trouble = within(SECONDS, lambda: self._asked(store, wanted), late)
        return text

    def _asked(self, store: LogStore, wanted: Mapping[str, Any]) -> tuple[str, str]:
        """Lines, and why there are none if it failed."""
        from .logs import lines
        from .source import Source

        place = (store.namespace, store.service, store.port, store.url)
        try:
            found = lines(Source(self._kube, STORE, "log_store", *place, seconds=SECONDS), wanted)
        except TodoCloudError as exc:
            return "", exc.failure.message
        return "\n".join(map(_text, found)), ""


def _text(line: Mapping[str, str]) -> str:
    """As a program would write it: what tells a cause looks for levels."""
    if not line["level"]:
        return line["message"]
    return f"level={line['level']} msg={json.dumps(line['message'], ensure_ascii=False)}"
