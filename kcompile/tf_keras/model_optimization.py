"""What programs use of TensorFlow Model Optimization 0.8, by its names: ``import
tensorflow_model_optimization as tfmot``.

They are the functions and classes of ``kcompile.keras.sparsity``, ``clustering`` and ``quantization``. Any
other name is an AttributeError that says why it is not here, or what there is.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..keras import clustering as _clustering
from ..keras import quantization as _quantization
from ..keras import sparsity as _sparsity
from ..keras.quantization import quantizers as _quantizers

__version__ = "0.8.0"
__path__: list[str] = []  # so that imports may name what is below

_FOR_TFLITE = "it chooses what TensorFlow Lite has kernels for; files here are ONNX"
_OF_SCHEMES = (
    "how layers are rounded is said by quantize_annotate_layer with a QuantizeConfig, or by prepare(keep=...)"
)
_KEPT_IN_WRAPPERS = (
    "quantize the model as it is, in the wrappers of pruning or clustering, "
    "which keep zeros and shared values"
)
_RANGES = (
    "what a model reads and gives is rounded by ranges that are found on samples: prepare(model, samples)"
)

#: A module -> the names in it.
NAMES: dict[str, dict[str, Any]] = {
    "clustering.keras": {
        name: getattr(_clustering, name)
        for name in (
            "CentroidInitialization", "ClusterableLayer", "cluster_scope", "cluster_weights",
            "strip_clustering",
        )
    },
    "clustering.keras.clusterable_layer": {"ClusterableLayer": _clustering.ClusterableLayer},
    "clustering.keras.experimental": {"cluster_weights": _clustering.cluster_weights},
    "quantization.keras": {
        "QuantizeWrapper": _quantization.QuantizeWrapper,
        **{
            name: getattr(_quantization, name)
            for name in (
                "QuantizeConfig", "QuantizeWrapperV2", "quantize_annotate_layer", "quantize_annotate_model",
                "quantize_apply", "quantize_model", "quantize_scope",
            )
        },
    },
    "quantization.keras.quantizers": {name: getattr(_quantizers, name) for name in _quantizers.__all__},
    "sparsity.keras": {
        name: getattr(_sparsity, name)
        for name in (
            "ConstantSparsity", "PolynomialDecay", "PrunableLayer", "PruningPolicy", "PruningSchedule",
            "PruningSummaries", "UpdatePruningStep", "prune_low_magnitude", "prune_scope", "strip_pruning",
        )
    },
}  # fmt: skip
#: A module -> why a name of it is not here.
NOT_HERE: dict[str, dict[str, str]] = {
    "": {"experimental": _KEPT_IN_WRAPPERS},
    "clustering.keras": {
        "ClusteringAlgorithm": "weights become the nearest value by one rule; there is no other",
        "ClusteringSummaries": "keras.callbacks.TensorBoard(histogram_freq=1) writes histograms of weights",
    },
    "quantization.keras": {
        "QuantizeLayoutTransform": _OF_SCHEMES,
        "QuantizeRegistry": _OF_SCHEMES,
        "QuantizeScheme": _OF_SCHEMES,
        "collab_opts": _KEPT_IN_WRAPPERS,
        "default_8bit": _OF_SCHEMES,
        "experimental": "of other numbers of bits than 8 there are quantizers, for a QuantizeConfig",
        "fix_input_output_range": _RANGES,
        "graph_transformations": _OF_SCHEMES,
        "remove_input_range": _RANGES,
    },
    "sparsity.keras": {"PruneForLatencyOnXNNPack": _FOR_TFLITE},
}
#: Private modules that older programs import -> the public one that has their names.
_PRIVATE = {
    "clustering.keras": ("cluster", "cluster_config", "cluster_wrapper", "clusterable_layer"),
    "quantization.keras": ("quantize", "quantize_annotate", "quantize_config", "quantize_wrapper"),
    "sparsity.keras": (
        "prunable_layer", "prune", "pruning_callbacks", "pruning_policy", "pruning_schedule",
        "pruning_wrapper",
    ),
}  # fmt: skip
_OF_PRIVATE: dict[str, dict[str, Any]] = {
    "clustering.keras": {"ClusterWeights": _clustering.ClusterWeights},
    "quantization.keras": {"QuantizeAnnotate": _quantization.QuantizeAnnotate},
    "sparsity.keras": {"PruneLowMagnitude": _sparsity.PruneLowMagnitude},
}


class Namespace(ModuleType):
    """One of the modules.

    Args:
        path: below ``tensorflow_model_optimization``.
        names: what is in it.
        missing: why other names are not here.
    """

    def __init__(self, path: str, names: dict[str, Any], missing: dict[str, str]) -> None:
        super().__init__(f"tensorflow_model_optimization.{path}")
        self.__dict__.update(names, __all__=sorted(names), _path=path, _missing=missing)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _unknown(self.__dict__["_path"], name, self.__dict__["_missing"], self.__dict__["__all__"])


def _unknown(path: str, name: str, missing: dict[str, str], known: list[str]) -> AttributeError:
    full = ".".join(part for part in ("tfmot", path, name) if part)
    if name in missing:
        return AttributeError(f"{full} is not here: {missing[name]}.")
    return AttributeError(f"{full} is not here; there are {', '.join(known)}.")


def _made(path: str) -> Namespace:
    """A module with those below it."""
    below = {p[len(path) + 1 :].partition(".")[0] for p in NAMES if p.startswith(f"{path}.")}
    modules = {name: _made(f"{path}.{name}") for name in sorted(below)}
    return Namespace(path, {**NAMES.get(path, {}), **modules}, NOT_HERE.get(path, {}))


def _private(path: str) -> Namespace:
    """A module below ``python.core``, with the names of the public one in each of its private ones."""
    names = {**NAMES[f"{path}.keras"], **_OF_PRIVATE[f"{path}.keras"]}
    missing, base = NOT_HERE[f"{path}.keras"], f"python.core.{path}.keras"
    modules = {name: Namespace(f"{base}.{name}", names, missing) for name in _PRIVATE[f"{path}.keras"]}
    if path == "quantization":
        modules["quantizers"] = Namespace(f"{base}.quantizers", NAMES["quantization.keras.quantizers"], {})
    return Namespace(f"python.core.{path}", {"keras": Namespace(base, modules, missing)}, {})


clustering, quantization, sparsity = (_made(path) for path in ("clustering", "quantization", "sparsity"))
python = Namespace(
    "python",
    {
        "core": Namespace(
            "python.core", {p: _private(p) for p in ("clustering", "quantization", "sparsity")}, {}
        )
    },
    {},
)
__all__ = ["clustering", "quantization", "sparsity"]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise _unknown("", name, NOT_HERE[""], __all__)
