"""One JSON object a line on standard output."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from todo_common import trace
from todo_common.settings import Settings


class JsonFormatter(logging.Formatter):
    """Adds who speaks (service, version, pod) and the trace id; extra fields come by `extra={"fields": {...}}`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._who = {"service": settings.service, "version": settings.version, "pod": settings.pod}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **self._who,
            "trace_id": trace.current(),
            "logger": record.name,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["stack"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def setup(settings: Settings) -> None:
    """Send all logging, uvicorn's too, to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(settings))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "psycopg.pool", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
