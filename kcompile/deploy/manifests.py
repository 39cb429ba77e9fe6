"""What container engines and clusters are told: nothing but checked names and the numbers here."""

from __future__ import annotations

import json
from typing import Any

import yaml

HTTP_PORT = 8000
GRPC_PORT = 8001
USER = 10001
_MEMORY = {"requests": "256Mi", "limits": "2Gi"}
_COMMAND = [
    "kcompile-serve", "models", "--host", "0.0.0.0",  # noqa: S104 - within the container
    "--port", str(HTTP_PORT), "--grpc-port", str(GRPC_PORT),
]  # fmt: skip
READY = "/v2/health/ready"
LIVE = "/v2/health/live"


def dockerfile(python: str) -> str:
    """The recipe of an image.

    Args:
        python: version of the base image, "3.11".
    """
    ask = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{HTTP_PORT}{READY}', timeout=2)"
    return f"""FROM python:{python}-slim

ENV PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONUNBUFFERED=1

WORKDIR /srv
COPY requirements.txt ./
COPY wheels ./wheels
RUN pip install --no-cache-dir --find-links wheels -r requirements.txt \\
    && useradd --uid {USER} --user-group --no-create-home --shell /usr/sbin/nologin server
COPY models ./models

USER {USER}:{USER}
EXPOSE {HTTP_PORT} {GRPC_PORT}
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \\
    CMD {json.dumps(["python", "-c", ask])}
ENTRYPOINT {json.dumps(_COMMAND)}
"""


def dockerignore() -> str:
    """All that an image is not made of: what is not named stays outside."""
    return "*\n!requirements.txt\n!wheels\n!models\n"


def compose(name: str, image: str) -> str:
    """docker-compose.yml: the server on this machine alone."""
    service = {
        "build": ".",
        "image": image,
        "ports": [f"127.0.0.1:{port}:{port}" for port in (HTTP_PORT, GRPC_PORT)],
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - a file system of the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
        "stop_grace_period": "30s",
    }
    return _yaml({"name": name, "services": {name: service}})


def kubernetes(name: str, image: str, one_replica: bool) -> str:
    """A Deployment of two replicas, or one, and the Service before it."""
    labels = {"app.kubernetes.io/name": name}
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": _pod_security(),
        "terminationGracePeriodSeconds": 30,
        "containers": [{"name": "server", **_container(image)}],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 1 if one_replica else 2,
            # an update ends what serves after what follows is ready; states live in one process alone
            "strategy": {"type": "Recreate" if one_replica else "RollingUpdate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": labels,
            "ports": [
                {"name": "http", "port": HTTP_PORT, "targetPort": "http"},
                {"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc"},
            ],
        },
    }
    return _yaml(deployment, service)


def inference_service(name: str, image: str, one_replica: bool) -> str:
    """KServe's InferenceService, of REST: a custom predictor has one port."""
    container = {"name": "kserve-container", **_container(image)}
    container["ports"] = [{"containerPort": HTTP_PORT, "protocol": "TCP"}]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        container[probe]["httpGet"]["port"] = HTTP_PORT
    predictor = {
        "securityContext": _pod_security(),
        "minReplicas": 1,
        **({"maxReplicas": 1} if one_replica else {}),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return _yaml(
        {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": name},
            "spec": {"predictor": predictor},
        }
    )


def _container(image: str) -> dict[str, Any]:
    return {
        "image": image,
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
        ],
        # a large model takes its time to load, and is not killed for it
        "startupProbe": {**_probe(READY), "periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": {**_probe(READY), "periodSeconds": 5},
        "livenessProbe": {**_probe(LIVE), "periodSeconds": 10, "failureThreshold": 6},
        "resources": {
            "requests": {"cpu": "500m", "memory": _MEMORY["requests"]},
            "limits": {"memory": _MEMORY["limits"]},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a volume of the pod
    }


def _probe(path: str) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 3}


def _pod_security() -> dict[str, Any]:
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


class _Plain(yaml.SafeDumper):
    """Labels that stand in several places are written out in each: people read no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(*documents: dict[str, Any]) -> str:
    return yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=100)
