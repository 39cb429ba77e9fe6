"""RemoteMonitor: what a web server is sent."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

from kcompile.keras import callbacks as cbks


class Posts(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.posts.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def monitor(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    server = http.server.HTTPServer(("127.0.0.1", 0), Posts)
    server.posts, server.status = [], 200
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


LOGS = {"loss": np.float32(0.5), "acc": np.array([0.25]), "lr": 0.1}


EVENT = {"epoch": 3, "loss": 0.5, "acc": 0.25, "lr": 0.1}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("status", [200, 500])
def test_remote_monitor_posts_the_epoch(monitor, as_json, status):
    monitor.status = status
    root = f"http://127.0.0.1:{monitor.server_port}"
    callback = cbks.RemoteMonitor(root, "/up", "payload", {"X-Run": "7"}, send_as_json=as_json)
    callback.on_epoch_end(3, dict(LOGS))
    ((path, headers, body),) = monitor.posts
    assert path == "/up" and headers["X-Run"] == "7"
    if as_json:
        assert headers["Content-Type"] == "application/json"
    else:
        body = urllib.parse.parse_qs(body)["payload"][0]
    assert json.loads(body) == EVENT


@pytest.mark.parametrize("root", ["http://127.0.0.1:9", "nonsense"])
def test_remote_monitor_that_is_not_there_is_a_warning(root, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.warns(UserWarning, match=f"could not reach RemoteMonitor root server at {root}"):
        cbks.RemoteMonitor(root).on_epoch_end(0, {"loss": 1.0})
