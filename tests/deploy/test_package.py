"""``kcompile package``: what is in the folder, what is refused, and that what it holds serves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

import kcompile.deploy.package as package_module
from kcompile.cli import main
from kcompile.deploy.models import check_name, name_of
from kcompile.deploy.package import requirements, write_package
from kcompile_runtime import Executor, ModelFileError

FILES = {
    ".dockerignore",
    "Dockerfile",
    "README.md",
    "docker-compose.yml",
    "kserve.yaml",
    "kubernetes.yaml",
    "models/my-model/1/model.onnx",
    "requirements.txt",
}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from kcompile.keras.layers import Dense
    from kcompile.keras.models import Sequential

    folder = tmp_path_factory.mktemp("model")
    network = Sequential([Dense(3, input_shape=(4,), name="scores")])
    network.save(folder / "My_Model.h5")
    network.export(folder / "My_Model.onnx")
    return folder / "My_Model.onnx"


@pytest.fixture(scope="module")
def folder(model):
    made = model.parent / "package"
    write_package(model, made)
    return made


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def documents(path: Path) -> list[dict]:
    return list(yaml.safe_load_all(path.read_text()))


def test_the_folder_holds_what_is_deployed(folder, model):
    wheels = {name for name in files_of(folder) if name.startswith("wheels/")}
    assert files_of(folder) == FILES | wheels and len(wheels) == 1
    assert (folder / "models/my-model/1/model.onnx").read_bytes() == model.read_bytes()


def test_a_keras_file_is_exported_first(model, tmp_path, capsys):
    assert main(["package", str(model.with_suffix(".h5")), "-o", str(tmp_path / "d"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "my-model"
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    packed = Executor(tmp_path / "d/models/my-model/1/model.onnx").predict(x)
    assert np.array_equal(packed, Executor(model).predict(x))


def test_every_requirement_is_pinned_and_is_what_the_server_declares(folder):
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.\[\]-]+==[\w.!+]+", line) for line in lines)
    declared = (ROOT / "runtime/pyproject.toml").read_text().partition("serve = [")[2].partition("]")[0]
    names = set(re.findall(r'"([\w-]+)[>=]', declared)) - {"uvloop"}  # which Windows has not
    assert names | {"numpy", "onnxruntime", "kcompile-runtime[serve]"} <= {
        line.partition("==")[0] for line in lines
    }


def test_what_is_not_installed_is_left_to_the_range_of_the_runtime(monkeypatch):
    real = package_module._installed
    monkeypatch.setattr(package_module, "_installed", lambda name: None if name == "hpack" else real(name))
    assert "hpack" not in requirements() and "starlette==" in requirements()


def test_the_wheel_installs_and_its_server_answers_for_the_model(folder, tmp_path):
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", tmp_path]
    subprocess.run([*pip, *folder.glob("wheels/*.whl")], check=True)
    assert (tmp_path / "bin/kcompile-serve").exists()
    command = "import sys; from kcompile_runtime.serving.__main__ import main; sys.exit(main(sys.argv[1:]))"
    entry = docker(folder)["ENTRYPOINT"]
    options = ["--port", "0", "--no-grpc"]  # the ports of the file may be taken here
    server = subprocess.Popen(
        [sys.executable, "-c", command, *json.loads(entry)[1:2], *options],
        cwd=folder,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = server.stdout.readline().split()[0].rstrip(":")
        for path in ("/v2/health/ready", "/v2/health/live", "/v2/models/my-model/ready"):
            with urllib.request.urlopen(address + path, timeout=30) as response:
                assert response.status == 200
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()


# Dockerfile


def docker(folder: Path) -> dict[str, str]:
    """The last of each instruction."""
    text = (folder / "Dockerfile").read_text().replace("\\\n", " ")
    return dict(line.split(" ", 1) for line in text.splitlines() if line)


def test_the_image_runs_as_nobody_special_in_exec_form_and_says_whether_it_is_well(folder):
    found = docker(folder)
    assert re.fullmatch(r"python:3\.\d+-slim", found["FROM"])
    assert all(int(part) > 0 for part in found["USER"].split(":"))
    assert found["USER"].partition(":")[0] in found["RUN"]
    command = json.loads(found["ENTRYPOINT"])
    assert command[0] == "kcompile-serve"
    check = json.loads(found["HEALTHCHECK"].partition("CMD")[2])
    assert check[:2] == ["python", "-c"] and "/v2/health/ready" in check[2]
    compile(check[2], "healthcheck", "exec")


def test_the_server_takes_the_options_of_the_entrypoint(folder):
    from kcompile_runtime.serving.__main__ import parser

    parsed = parser("kcompile-serve").parse_args(json.loads(docker(folder)["ENTRYPOINT"])[1:])
    exposed = [int(port) for port in docker(folder)["EXPOSE"].split()]
    assert [parsed.port, parsed.grpc_port] == exposed and parsed.host == "0.0.0.0"


def test_all_that_is_copied_is_there_and_not_ignored(folder):
    copied = re.findall(r"^COPY (\S+) ", (folder / "Dockerfile").read_text(), re.MULTILINE)
    ignored = (folder / ".dockerignore").read_text().split()
    assert copied and all((folder / name).exists() and f"!{name}" in ignored for name in copied)
    assert ignored[0] == "*"


# Manifests


def test_the_kinds_and_versions_are_those_of_the_api(folder):
    kinds = [(d["apiVersion"], d["kind"]) for d in documents(folder / "kubernetes.yaml")]
    assert kinds == [("apps/v1", "Deployment"), ("v1", "Service")]
    kserve = [(d["apiVersion"], d["kind"]) for d in documents(folder / "kserve.yaml")]
    assert kserve == [("serving.kserve.io/v1beta1", "InferenceService")]


def test_selectors_find_the_pods_and_ports_lead_to_them(folder):
    deployment, service = documents(folder / "kubernetes.yaml")
    template = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    assert service["spec"]["selector"] == template["metadata"]["labels"]
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"]: port["port"] for port in service["spec"]["ports"]} == ports
    assert list(ports.values()) == [int(port) for port in docker(folder)["EXPOSE"].split()]


def pods(folder: Path) -> list[dict]:
    deployment, _ = documents(folder / "kubernetes.yaml")
    (kserve,) = documents(folder / "kserve.yaml")
    return [deployment["spec"]["template"]["spec"], kserve["spec"]["predictor"]]


@pytest.mark.parametrize("which", [0, 1], ids=["Deployment", "InferenceService"])
def test_containers_are_probed_limited_and_confined(which, folder):
    pod = pods(folder)[which]
    (container,) = pod["containers"]
    known = [port.get("name", port["containerPort"]) for port in container["ports"]]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["port"] in known and asked["path"].startswith("/v2/health/")
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"]["memory"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    user = int(docker(folder)["USER"].partition(":")[0])
    assert pod["securityContext"]["runAsUser"] == user
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}


def test_compose_builds_the_image_for_this_machine_alone(folder):
    (found,) = documents(folder / "docker-compose.yml")
    service = found["services"]["my-model"]
    assert service["build"] == "." and service["image"] == "my-model:1" and service["read_only"] is True
    assert service["ports"] == [f"127.0.0.1:{p}:{p}" for p in docker(folder)["EXPOSE"].split()]


def test_one_image_is_named_everywhere(model, tmp_path):
    image = "registry.example:5000/team/net:v1.2"
    write_package(model, tmp_path / "d", "net", image)
    images = [pod["containers"][0]["image"] for pod in pods(tmp_path / "d")]
    (composed,) = documents(tmp_path / "d/docker-compose.yml")
    assert {*images, composed["services"]["net"]["image"]} == {image}


@pytest.mark.parametrize("states, replicas", [(False, 2), (True, 1)], ids=["stateless", "stateful"])
def test_a_model_with_states_has_one_replica_and_says_why(states, replicas, tmp_path):
    from kcompile.keras.layers import SimpleRNN
    from kcompile.keras.models import Sequential

    layer = SimpleRNN(2, stateful=states, batch_input_shape=(1, None, 3))
    Sequential([layer]).export(tmp_path / "m.onnx")
    write_package(tmp_path / "m.onnx", tmp_path / "d")
    deployment, _ = documents(tmp_path / "d/kubernetes.yaml")
    (kserve,) = documents(tmp_path / "d/kserve.yaml")
    assert deployment["spec"]["replicas"] == replicas
    assert kserve["spec"]["predictor"].get("maxReplicas") == (1 if states else None)
    assert ("sequence_id" in (tmp_path / "d/README.md").read_text()) is states


# Names and files


@pytest.mark.parametrize(
    "file, name",
    [
        ("a.onnx", "a"),
        ("My_Model.v2.onnx", "my-model-v2"),
        ("a  b.onnx", "a-b"),
        ("x" * 70 + ".onnx", "x" * 63),
    ],
)
def test_a_name_is_made_of_the_files(file, name):
    assert name_of(f"/somewhere/{file}") == name


@pytest.mark.parametrize(
    "name", ["", "A", "a_b", "-a", "a-", "1a", "a" * 64, "a/b", "..", "a\n", "a: b", "\u0430", "a b"]
)
def test_what_is_no_dns_label_is_no_name(name, model, tmp_path):
    with pytest.raises(ValueError, match="expected a name of at most 63 characters"):
        check_name(name)
    with pytest.raises(ValueError, match="--name"):
        write_package(model, tmp_path / "d", name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file", ["1.onnx", "---.onnx", "\u043c.onnx"])
def test_a_file_whose_name_gives_none_asks_for_one(file):
    with pytest.raises(ValueError, match="give one by --name"):
        name_of(file)


@pytest.mark.parametrize(
    "image", ["", "a b", "a\n- x", "A:1", "a:", "http://a/b", "a@sha256:12", "-a", "a" * 401]
)
def test_what_is_no_reference_of_an_image_is_refused(image, model, tmp_path):
    with pytest.raises(ValueError, match="expected a reference of an image"):
        write_package(model, tmp_path / "d", "a", image)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_refused_unless_told(model, folder, tmp_path, capsys):
    target = tmp_path / "d"
    arguments = ["package", str(model), "-o", str(target)]
    assert main(arguments) == 0
    (target / "README.md").write_text("changed")
    assert main(arguments) == 2 and "found one of that name" in capsys.readouterr().err
    assert (target / "README.md").read_text() == "changed"
    assert main([*arguments, "--replace"]) == 0
    assert files_of(target) == files_of(folder)
    assert (target / "README.md").read_text() == (folder / "README.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_folder_with_files_of_others_is_never_replaced(model, tmp_path, capsys):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/thesis.tex").write_text("mine")
    assert main(["package", str(model), "-o", str(tmp_path / "d"), "--replace"]) == 2
    assert "'thesis.tex'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["d", "thesis.tex"]


def test_nothing_half_written_stays_where_writing_fails(model, tmp_path, monkeypatch):
    def fail(folder):
        raise OSError("no more")

    monkeypatch.setattr(package_module, "write_runtime_wheel", fail)
    with pytest.raises(OSError, match="no more"):
        write_package(model, tmp_path / "d")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x02pickle"])
def test_what_is_no_model_is_refused_before_anything_is_written(content, tmp_path):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelFileError):
        write_package(tmp_path / "m.onnx", tmp_path / "d")
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def with_weights_in(folder: Path, location: str) -> Path:
    weight = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    (folder / Path(location).name).write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(proto, folder / "m.onnx")
    return folder / "m.onnx"


@pytest.mark.parametrize("location", ["m.onnx.data", "m.onnx.9392916c8eb36cdc.data", "m.onnx_data", "m.bin"])
def test_weights_beside_the_model_come_along(location, tmp_path):
    write_package(with_weights_in(tmp_path, location), tmp_path / "d")
    packed = Executor(tmp_path / "d/models/m/1/model.onnx")
    assert np.array_equal(packed.predict(np.ones((1, 4), np.float32)), np.full((1, 3), 4.0))


@pytest.mark.parametrize(
    "location", ["other.data", "../m.onnx.data", "./m.onnx.data", "model.onnx", "/etc/hostname"]
)
def test_no_file_that_is_not_called_after_the_model_is_taken(location, tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(ValueError, match=r"expected its weights in m\.onnx\.data"):
        write_package(with_weights_in(tmp_path / "in", location), tmp_path / "d")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
