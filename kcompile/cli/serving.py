"""``kcompile serve``: what ``kcompile-serve`` does, and the same on a Ray cluster."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from kcompile_runtime.serving.__main__ import options_of, parser, report, serve

PROGRAM = "kcompile serve"


def serve_models(argv: Sequence[str]) -> int:
    """Serves until SIGTERM or Ctrl-C.

    Args:
        argv: what ``kcompile-serve`` takes, and ``--ray``, ``--replicas``, ``--ray-address``.

    Returns:
        0, or 2 where it cannot start.
    """
    arguments = _parse(argv)
    if not arguments.ray:
        return serve(arguments, PROGRAM)

    def work() -> None:
        from ..deploy.ray_serving import Replicas, serve_on_ray

        replicas = None if arguments.replicas is None else Replicas.parse(arguments.replicas)
        serve_on_ray(options_of(arguments), replicas, arguments.ray_address)

    return report(PROGRAM, arguments, work)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    made = parser(PROGRAM)
    group = made.add_argument_group("on a cluster of several machines (REST alone)")
    group.add_argument("--ray", action="store_true", help="by Ray Serve: pip install 'kcompile[ray]'")
    group.add_argument("--replicas", metavar="LEAST:MOST", help="processes; or a number (default: 1:8)")
    group.add_argument("--ray-address", metavar="ADDRESS", help="default: RAY_ADDRESS, or a new cluster here")
    arguments = made.parse_args(argv)
    if not arguments.ray and (arguments.replicas or arguments.ray_address):
        made.error("--replicas and --ray-address go with --ray")
    if arguments.ray and arguments.grpc_port is not None:
        made.error("--grpc-port: a cluster answers over HTTP alone; without --ray there is gRPC, too")
    return arguments
