"""Log lines: plain text, or an object of JSON each."""

from __future__ import annotations

import json
import logging
import time

from ..text import harmless

FORMATS = ("text", "json")


def start_logging(level: str, form: str) -> None:
    """Sends the logs of this process to stderr.

    Args:
        level: "debug", "info", "warning" or "error".
        form: of ``FORMATS``. Records may carry ``fields``, which are entries of their object in JSON.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines(form == "json"))
    logging.basicConfig(level=getattr(logging, level.upper()), handlers=[handler])


class _Lines(logging.Formatter):
    """Names and texts of clients are shown harmlessly, so that none forges a line."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        stamp += f".{int(record.msecs):03d}Z"
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        if not self._as_json:
            return f"{stamp} {record.levelname} {harmless(text, lines=bool(record.exc_info))}"
        fields = getattr(record, "fields", {})
        return json.dumps({"time": stamp, "level": record.levelname, "message": text, **fields})
