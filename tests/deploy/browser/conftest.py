"""Headless Chromium, and pages served on this machine; what is missing is said by the skip."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kcompile.deploy import onnxruntime_web

# the first three keep it from asking for what is elsewhere; the last give WebGPU without a graphics card
FLAGS = [
    "--disable-background-networking", "--disable-component-update", "--no-first-run",
    "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright: run `make browser-tests`")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("KCOMPILE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("Chromium is not installed (Debian's package: chromium)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=path, args=FLAGS, chromium_sandbox=os.geteuid() != 0
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def runtime() -> Path:
    """npm's archive of onnxruntime-web."""
    path = onnxruntime_web.cached()
    if not path.exists():
        pytest.skip("onnxruntime-web is not downloaded: run `make browser-tests`")
    return path


class _Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="session")
def address_of() -> Iterator[Callable[[Path], str]]:
    """Serves a folder; returns its address."""
    servers = []

    def serve(folder: Path) -> str:
        handler = functools.partial(_Files, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class Visits:
    """Pages in browsers of their own, and what went wrong in any: failed scripts, missing files."""

    def __init__(self, browser: Any) -> None:
        self.wrong: list[str] = []
        self._browser = browser
        self._contexts: list[Any] = []

    def open(self, address: str, **options: Any) -> Any:
        """A page at an address; the options are those of the browser's context."""
        context = self._browser.new_context(**options)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", self._listen)
        page.on("dialog", lambda dialog: self.wrong.append(f"a dialog: {dialog.message}"))
        page.on("request", self._look_at)
        page.on("response", self._check)
        page.goto(address)
        return page

    def _listen(self, line: Any) -> None:
        if line.type == "error" and not line.text.startswith("Failed to load resource"):
            self.wrong.append(line.text)

    def _check(self, response: Any) -> None:
        if response.status >= 400 and not response.url.endswith(("/infer", "/favicon.ico")):
            self.wrong.append(f"{response.status} for {response.url}")

    def _look_at(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.wrong.append(f"asked for {request.url}")

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        assert not self.wrong


@pytest.fixture(scope="module")
def kept(chromium: Any) -> Iterator[Visits]:
    """For pages that several tests use."""
    visits = Visits(chromium)
    yield visits
    visits.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page for one test."""
    visits = Visits(chromium)
    yield visits.open
    visits.close()
