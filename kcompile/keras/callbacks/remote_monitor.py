"""A callback that sends what training does to a web server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

import numpy as np

from .. import registry
from .base import Callback


class RemoteMonitor(Callback):
    """Posts each epoch's metrics to a web server.

    Args:
        root: URL of the server.
        path: path posted to.
        field: form field that holds the JSON text (when not ``send_as_json``).
        headers: dict of HTTP headers, optional.
        send_as_json: post the JSON itself, as application/json.

    A server that cannot be reached is a warning; training goes on.
    """

    timeout = 10.0  # seconds

    _writes = True

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        event = {"epoch": epoch}
        for name, value in (logs or {}).items():
            event[name] = value.item() if isinstance(value, (np.ndarray, np.generic)) else value
        text = json.dumps(event)
        if self.send_as_json:
            body, content_type = text, "application/json"
        else:
            body, content_type = (
                urllib.parse.urlencode({self.field: text}),
                "application/x-www-form-urlencoded",
            )
        headers = {"Content-Type": content_type, **(self.headers or {})}
        try:
            request = urllib.request.Request(self.root + self.path, body.encode("utf-8"), headers)  # noqa: S310
            urllib.request.urlopen(request, timeout=self.timeout).close()  # noqa: S310  the user's address
        except urllib.error.HTTPError as error:
            error.close()  # the server was reached; what it answers is its own affair
        except (OSError, ValueError) as error:
            warnings.warn(
                f"Warning: could not reach RemoteMonitor root server at {self.root}: {error}", stacklevel=2
            )


registry.register(globals())
