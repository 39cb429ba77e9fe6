"""``kcompile-serve MODELS``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import ExecutorError
from ..text import harmless
from .logs import FORMATS, start_logging

if TYPE_CHECKING:
    from .server import Options

GRPC_PORT = 8001
_INSTALL = "serving needs {name}, which is not installed: pip install 'kcompile-runtime[serve]'"


def main(argv: Sequence[str] | None = None, prog: str = "kcompile-serve") -> int:
    """Serves until SIGTERM or Ctrl-C.

    Returns:
        0, or 2 where it cannot start: no such models, a model alone that does not load, a port in use.
    """
    return serve(parser(prog).parse_args(argv), prog)


def serve(arguments: argparse.Namespace, prog: str) -> int:
    """Does what the arguments of `parser` say; returns as `main` does."""
    return report(prog, arguments, lambda: _serve(options_of(arguments)))


def report(prog: str, arguments: argparse.Namespace, work: Callable[[], None]) -> int:
    """Does the work of a server with its log going; what is the user's error is one line and 2."""
    start_logging(arguments.log_level, arguments.log_format)
    try:
        work()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        return _failed(prog, _INSTALL.format(name=error.name))
    except (ExecutorError, OSError, ValueError, RuntimeError) as error:
        return _failed(prog, str(error))
    return 0


_PACKAGES = ("starlette", "uvicorn", "httptools", "hpack", "google", "prometheus_client")


def _failed(prog: str, why: str) -> int:
    print(harmless(f"{prog}: {why}", lines=True), file=sys.stderr)
    return 2


def _serve(options: Options) -> None:
    from .server import Server

    server = Server(options)
    server.run()
    if server.failure is not None:
        raise ValueError(server.failure)


def options_of(arguments: argparse.Namespace) -> Options:
    """Where and how to listen.

    Raises:
        OSError, ValueError: files of keys or TLS that are none.
    """
    from .limits import Limits, Settings
    from .server import Options

    if (arguments.tls_cert is None) != (arguments.tls_key is None):
        raise ValueError("--tls-cert and --tls-key: expected both or none")
    limits = Limits(
        body_bytes=arguments.max_body,
        queue=arguments.queue,
        queue_seconds=arguments.queue_seconds,
        session_bytes=arguments.session_mb << 20,
        session_seconds=arguments.session_seconds,
    )
    settings = Settings(
        arguments.max_batch or Settings.max_batch,
        arguments.delay_ms / 1e3,
        arguments.instances,
        arguments.threads,
        limits,
        refuses_nan=arguments.refuse_nan,
        batch_is_open=arguments.max_batch is None,
    )
    return Options(
        arguments.models,
        arguments.host,
        arguments.port,
        None if arguments.no_grpc else GRPC_PORT if arguments.grpc_port is None else arguments.grpc_port,
        None if arguments.api_keys is None else _read_keys(arguments.api_keys),
        arguments.tls_cert,
        arguments.tls_key,
        arguments.allow_load,
        arguments.poll,
        settings,
    )


def _read_keys(path: str) -> list[str]:
    with open(path, encoding="utf-8") as stream:
        keys = [line.strip() for line in stream if line.strip() and not line.startswith("#")]
    if not keys:
        raise ValueError(f"{path}: expected an API key on each line, found none")
    return keys


def _from(least: int) -> type[int]:
    def whole(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"expected at least {least}, found {value}")
        return value

    whole.__name__ = "int"
    return whole  # type: ignore[return-value]


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"expected 0 or more, found {text}")
    return value


def parser(prog: str) -> argparse.ArgumentParser:
    """The arguments of the command."""
    parser = argparse.ArgumentParser(
        prog, description="Serve ONNX models by the Open Inference Protocol (REST and gRPC)."
    )
    add = parser.add_argument
    add("models", help="an .onnx file, or a folder of NAME/VERSION/model.onnx")
    add("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    add("--port", type=_from(0), default=8000, help="of HTTP; 0 for any free one (default: 8000)")
    add("--grpc-port", type=_from(0), help=f"of gRPC (default: {GRPC_PORT})")
    add("--no-grpc", action="store_true", help="serve HTTP alone")
    add("--max-batch", type=_from(1), help="samples of one run (default: as tuned, else 32)")
    add("--delay-ms", type=_seconds, default=0.0, help="how long a run waits for more requests (default: 0)")
    add("--instances", type=_from(1), default=1, help="runs of one model at a time (default: 1)")
    add("--threads", type=_from(1), help="of one run (default: as tuned, else the cores, by the instances)")
    add("--refuse-nan", action="store_true", help="refuse inputs with a NaN in them")
    add("--queue", type=_from(1), default=1024, help="requests that wait for one model (default: 1024)")
    add("--queue-seconds", type=_seconds, default=10.0, help="requests that would wait longer are refused")
    add("--max-body", type=_from(1), default=64 << 20, help="bytes of one request (default: 64 MiB)")
    add("--session-mb", type=_from(1), default=256, help="states of all sequences of a model, in MiB")
    add("--session-seconds", type=_seconds, default=600.0, help="after which an idle sequence is forgotten")
    add("--poll", type=_seconds, default=2.0, help="seconds between looks for new versions; 0 for none")
    add("--allow-load", action="store_true", help="let clients load and unload models of the folder")
    add("--api-keys", metavar="FILE", help="keys, one a line, of which clients must name one")
    add("--tls-cert", metavar="FILE", help="certificate chain in PEM")
    add("--tls-key", metavar="FILE", help="private key in PEM")
    add("--log-level", choices=["debug", "info", "warning", "error"], default="warning")
    add("--log-format", choices=FORMATS, default="text", help="json: an object a line, with request ids")
    return parser


if __name__ == "__main__":
    sys.exit(main())
