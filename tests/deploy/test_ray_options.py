"""Serving on a cluster: what needs none: arguments, refusals, requests to an application in the process."""

from __future__ import annotations

import asyncio

import pytest

from kcompile.cli import main

pytest.importorskip("starlette", reason="starlette: pip install 'kcompile[serve]'")

from kcompile.deploy.ray_serving import Replicas, _checked, ask
from kcompile_runtime.serving.server import Options


@pytest.mark.parametrize(("text", "expected"), [("3", (3, 3)), ("1:8", (1, 8)), ("2:2", (2, 2))])
def test_replicas_are_a_number_or_a_range(text, expected):
    found = Replicas.parse(text)
    assert (found.least, found.most) == expected


@pytest.mark.parametrize("text", ["", "0", "3:1", "a", "1:", ":2", "-1", "1:2:3", "1:99999", "²"])
def test_other_replicas_are_refused(text):
    with pytest.raises(ValueError, match="--replicas: expected"):
        Replicas.parse(text)


def test_options_of_one_machine_are_refused():
    with pytest.raises(ValueError, match="--allow-load"):
        _checked(Options("m.onnx", may_load=True))
    with pytest.raises(ValueError, match="--port"):
        _checked(Options("m.onnx", http_port=0))


def test_options_of_a_cluster_go_with_ray_alone(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", "m.onnx", "--replicas", "2"])
    assert ended.value.code == 2
    assert "--replicas and --ray-address go with --ray" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["serve", "m.onnx", "--ray", "--grpc-port", "8001"])
    assert ended.value.code == 2 and "a cluster answers over HTTP alone" in capsys.readouterr().err


def test_models_that_are_none_are_said_before_a_cluster_is_asked(tmp_path, capsys):
    assert main(["serve", str(tmp_path), "--ray"]) == 2
    assert "there are no models in it" in capsys.readouterr().err
    (tmp_path / "m.onnx").write_bytes(b"no model")
    assert main(["serve", str(tmp_path / "m.onnx"), "--ray"]) == 2
    assert "kcompile serve: " in capsys.readouterr().err


def test_an_application_is_asked_with_a_whole_request():
    async def application(scope, receive, send):
        message = await receive()
        start = {"type": "http.response.start", "status": 201, "headers": [(b"a", b"b")]}
        await send(start)
        for part in (scope["path"].encode(), message["body"]):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
        assert (await receive())["type"] == "http.disconnect"

    answer = asyncio.run(ask(application, {"type": "http", "path": "/x"}, b"body"))
    assert (answer.status, answer.headers, answer.body) == (201, [(b"a", b"b")], b"/xbody")
