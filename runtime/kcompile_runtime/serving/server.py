"""Both servers over one repository, from start to drain."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import ExecutorError
from .limits import Settings
from .metrics import Metrics
from .protocol.rest import RestServer
from .repository import Repository

log = logging.getLogger("kcompile.serving")
DRAIN_S = 30


@dataclass(frozen=True)
class Options:
    """Where and how a server listens.

    Attributes:
        models: an .onnx file, or a folder of models.
        host: address; this machine alone by default.
        http_port, grpc_port: 0 for any free one; ``grpc_port`` None for no gRPC.
        keys: of which clients must name one; None for anybody.
        certificate, private_key: files in PEM for TLS; None for none.
        may_load: whether clients may load and unload models.
        poll_s: seconds between looks at the folder; 0 for none after the first.
        settings: how models are run.
    """

    models: str
    host: str = "127.0.0.1"
    http_port: int = 8000
    grpc_port: int | None = 8001
    keys: list[str] | None = None
    certificate: str | None = None
    private_key: str | None = None
    may_load: bool = False
    poll_s: float = 2.0
    settings: Settings = field(default_factory=Settings)


class Server:
    """A server that is to run; its ports are taken when it is made.

    Raises:
        FileNotFoundError: there are no such models.
        OSError: a port is in use.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._grpc_service: Any = None
        if options.grpc_port is not None:  # imported here, so that what is missing is said before all else
            from .protocol.grpc_server import GrpcService

            self._grpc_service = GrpcService
        self.repository = Repository(options.models, options.settings)
        self.metrics = Metrics(self.repository)
        self._shared = (
            self.repository,
            self.metrics,
            options.settings.limits,
            options.keys,
            options.may_load,
        )
        self._family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        self._socket = socket.create_server((options.host, options.http_port), family=self._family)
        self.http_port: int = self._socket.getsockname()[1]
        self.grpc_port: int | None = None
        self.failure: str | None = None

    def run(self) -> None:
        """Serves until SIGTERM or Ctrl-C; then answers what waits."""
        import uvicorn

        from .protocol.connection import Connection

        options = self.options
        app = RestServer(*self._shared, lifespan=self._lifespan)
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=DRAIN_S,
            ssl_certfile=options.certificate,
            ssl_keyfile=options.private_key,
        )
        self._uvicorn = uvicorn.Server(config)
        self._alone = threading.current_thread() is threading.main_thread()
        if self._alone:
            # uvicorn raises the signal that ended it once more, when all is done: that is no failure
            signal.signal(signal.SIGTERM, lambda *_: None)
        with contextlib.suppress(KeyboardInterrupt):
            self._uvicorn.run(sockets=[self._socket])

    def stop(self) -> None:
        """As SIGTERM does; from any thread."""
        self._uvicorn.should_exit = True

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        try:
            grpc_server = await self._start_grpc()
        except (OSError, RuntimeError) as error:
            self.failure = f"gRPC on port {self.options.grpc_port}: {error}"
            self.stop()
            yield
            return
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            if grpc_server is not None:
                await grpc_server.stop(DRAIN_S)
            await self.repository.close()

    async def _watch(self) -> None:
        """Loads the models, and from then on what changes."""
        if self._alone:
            # the modules stay, and looking through them for garbage keeps requests waiting for tens of ms
            gc.freeze()
        await self._refresh()
        if os.path.isfile(self.options.models) and not self.repository.batchers():
            self.failure = "; ".join(row["reason"] for row in self.repository.index())
            self.stop()
            return
        if self.options.keys is None and not _is_loopback(self.options.host):
            log.warning("anybody who reaches %s may ask: --api-keys FILE asks for a key", self.options.host)
        names = ", ".join(f"{b.model.name} ({b.model.version})" for b in self.repository.batchers())
        scheme = "https" if self.options.certificate else "http"
        grpc_port = f", gRPC on port {self.grpc_port}" if self.grpc_port is not None else ""
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        print(f"{scheme}://{host}:{self.http_port}{grpc_port}: {names or 'no models'}", flush=True)
        while self.options.poll_s:
            await asyncio.sleep(self.options.poll_s)
            await self._refresh()

    async def _refresh(self) -> None:
        try:
            await self.repository.refresh()
        except (ExecutorError, OSError) as error:
            log.warning("the models could not be looked at: %s", error)

    async def _start_grpc(self) -> Any:
        if self._grpc_service is None:
            return None
        from .protocol.grpc_connection import GrpcServer, tls_context

        options = self.options
        tls = None
        if options.certificate is not None and options.private_key is not None:
            tls = tls_context(options.certificate, options.private_key)
        listening = socket.create_server((options.host, options.grpc_port or 0), family=self._family)
        self.grpc_port = listening.getsockname()[1]
        limits = options.settings.limits
        answer = self._grpc_service(*self._shared).answer
        server = GrpcServer(answer, limits.body_bytes, limits.body_seconds)
        await server.start(listening, tls)
        return server


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
