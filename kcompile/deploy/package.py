"""A folder that makes a container with a model and its server, and brings it to a cluster."""

from __future__ import annotations

import os
import re
import sys
from importlib import metadata
from pathlib import Path

from kcompile_runtime import TensorInfo
from kcompile_runtime.text import harmless

from ..atomic import new_folder
from . import manifests
from .models import CheckedModel, check_model, check_name, name_of
from .wheel import DISTRIBUTION, write_runtime_wheel

_EXTRA = re.compile(r"""^([\w.-]+)[^;]*;.*\bextra == ['"]serve['"]""")


def write_package(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    name: str | None = None,
    image: str | None = None,
    replace: bool = False,
) -> str:
    """Writes the folder: model, requirements, Dockerfile, manifests for Compose, Kubernetes and KServe.

    Args:
        model: an ONNX file.
        folder: to make.
        name: of the model, its service and its image; by default after its file.
        image: reference of the image to build; by default NAME:1.
        replace: whether a folder of an earlier call may be replaced.

    Returns:
        the name.

    Raises:
        FileExistsError: the folder is there.
        ModelFileError: the file is no model that may be loaded.
        ValueError: the name or the image's reference is none.
    """
    checked = check_model(model)
    name = name_of(model) if name is None else check_name(name)
    image = f"{name}:1" if image is None else _check_image(image)
    texts = {
        "requirements.txt": requirements(),
        "Dockerfile": manifests.dockerfile(f"{sys.version_info[0]}.{sys.version_info[1]}"),
        ".dockerignore": manifests.dockerignore(),
        "docker-compose.yml": manifests.compose(name, image),
        "kubernetes.yaml": manifests.kubernetes(name, image, one_replica=bool(checked.states)),
        "kserve.yaml": manifests.inference_service(name, image, one_replica=bool(checked.states)),
        "README.md": _readme(checked, name, image),
    }
    with new_folder(folder, replace) as made:
        checked.copy_to(Path(made, "models", name, "1"))
        for file, text in texts.items():
            Path(made, file).write_text(text, encoding="utf-8")
        Path(made, "wheels").mkdir()
        write_runtime_wheel(Path(made, "wheels"))
    return name


def requirements() -> str:
    """The runtime, onnxruntime, numpy and what the server stands on, pinned to what is installed.

    What is not installed here is left to the range that the runtime declares. The image is of a CPU: it has
    onnxruntime, also where onnxruntime-gpu is installed.

    Raises:
        ModuleNotFoundError: the runtime or onnxruntime is not installed.
    """
    runtime = metadata.distribution(DISTRIBUTION)
    pinned = {"numpy": metadata.version("numpy"), "onnxruntime": _onnxruntime_version()}
    for requirement in runtime.requires or ():
        if (found := _EXTRA.match(requirement)) and (version := _installed(found[1])):
            pinned[found[1]] = version
    lines = [f"{package}=={version}" for package, version in sorted(pinned.items())]
    return "\n".join([f"{DISTRIBUTION}[serve]=={runtime.version}", *lines, ""])


def _onnxruntime_version() -> str:
    return _installed("onnxruntime") or metadata.version("onnxruntime-gpu")


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


#: registry.example:5000/team/name:tag@sha256:...; Compose and YAML take it as it stands.
_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9.-]+(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)


def _check_image(image: str) -> str:
    if len(image) > 400 or not _IMAGE.fullmatch(image):
        raise ValueError(f"expected a reference of an image as REGISTRY/NAME:TAG, found {image!r}")
    return image


def _readme(model: CheckedModel, name: str, image: str) -> str:
    tensors = [f"    {kind:6} {harmless(tensor)}" for kind, tensor in _tensors(model)]
    state = (
        "\nThe model carries state: name a `sequence_id` in each request, `sequence_start` in the first\n"
        "and `sequence_end` in the last. The manifests start one replica, since all requests of a sequence\n"
        "must reach the same one.\n"
    )
    return f"""# {name}

{chr(10).join(tensors)}
{state if model.states else ""}
On this machine, without a container:

    python -m venv .venv
    .venv/bin/pip install --find-links wheels -r requirements.txt
    .venv/bin/kcompile-serve models

In a container, on http://127.0.0.1:{manifests.HTTP_PORT} (gRPC: {manifests.GRPC_PORT}):

    docker compose up --build

In a cluster, after the image `{image}` is where the cluster gets images from:

    docker build -t {image} .
    kubectl apply -f kubernetes.yaml        # or, with KServe: kubectl apply -f kserve.yaml
    kubectl rollout status deployment/{name}
    kubectl port-forward service/{name} {manifests.HTTP_PORT}

Ask it, by the Open Inference Protocol:

    curl http://127.0.0.1:{manifests.HTTP_PORT}/v2/models/{name}

Nobody is asked for a key and nothing is encrypted: put it behind what does both, or give `kcompile-serve` the
options `--api-keys`, `--tls-cert` and `--tls-key`.
"""


def _tensors(model: CheckedModel) -> list[tuple[str, TensorInfo]]:
    return [("input", tensor) for tensor in model.inputs] + [("output", tensor) for tensor in model.outputs]
