"""Why names and arguments of tf.keras are not here: one sentence for each, written by hand."""

from __future__ import annotations

from collections.abc import Mapping

_SAVED_MODEL = "a SavedModel, and what goes with it, is a program of TensorFlow; `model.export` writes ONNX"
_FEATURE_COLUMNS = (
    "feature columns have left TensorFlow with 2.16; `FeatureSpace` and preprocessing layers do the same"
)
_SIDECAR = (
    "a second process that evaluates TensorFlow's checkpoints; `model.load_weights` and `evaluate` in a loop "
    "do that for files"
)
_TABLES = "a vocabulary that changes in training is a table of TensorFlow's; `adapt` makes one before"

#: Modules of tf.keras.
MODULES: Mapping[str, str] = {
    "dtensor": "layouts over TensorFlow's meshes of devices; `tf.distribute` and `torchrun` share work here",
    "estimator": "estimators have left TensorFlow with 2.16; models train by `fit`",
    "export": _SAVED_MODEL,
    "metrics.experimental": "`PyMetric` runs Python in a graph; a callback does",
    "models.experimental": (
        "`SharpnessAwareMinimization` trains by two gradients per step, as a `train_step` of one's own can"
    ),
    "protobuf": _SAVED_MODEL,
    "src": "private; the import system finds public names under `keras.src`, under `kcompile run`",
    "utils.experimental": "`DatasetCreator` is for parameter servers, of which there are none here",
}

#: Dotted names, several of one reason with spaces between them.
NAMES: Mapping[str, str] = {
    "callbacks.SidecarEvaluatorModelExport utils.SidecarEvaluator experimental.SidecarEvaluator": _SIDECAR,
    "experimental.SequenceFeatures": _FEATURE_COLUMNS,
    "utils.StepsPerExecutionTuner": (
        'it changes the number of steps while a model trains; `steps_per_execution="auto"` is 16 here'
    ),
    "layers.experimental.DynamicEmbedding layers.experimental.DynamicLookup": _TABLES,
    "layers.experimental.preprocessing.PreprocessingLayer": (
        "each layer adapts in its own way here; a layer of one's own has an `adapt` of its own"
    ),
}

#: Names and the arguments of theirs that are not here.
ARGUMENTS: Mapping[tuple[str, str], str] = {
    ("layers.DenseFeatures", "feature_columns trainable name"): _FEATURE_COLUMNS,
    ("layers.InputSpec", "optional"): "inputs of layers are tensors, never None",
    ("optimizers.Adam optimizers.experimental.Adam", "adaptive_epsilon"): (
        "came after 2.15, of which this dialect is"
    ),
    ("optimizers.legacy.Optimizer", "gradient_aggregator gradient_transformers"): (
        "gradients are changed between `tape.gradient` and `apply_gradients`; those that clip are here"
    ),
    ("Model.compile Sequential.compile", "pss_evaluation_shards"): (
        "there are no parameter servers to share an evaluation"
    ),
}


#: Arguments that are taken at one value alone.
AT_DEFAULT: Mapping[str, str] = {
    "implementation": "there is one way to compute it, and its numbers are those of all",
    "ragged": "rows of unequal lengths are not in graphs",
    "robust_masking": "came after 2.15",
    "sparse": "sparse tensors are not in graphs; the vectors are dense",
    "time_major": "samples come first; `tf.transpose`, or `K.rnn(time_major=True)`, takes the other order",
}


def reasons_of_names() -> dict[str, str]:
    """Dotted name -> reason."""
    return {name: why for names, why in NAMES.items() for name in names.split()}


def reasons_of_arguments() -> dict[tuple[str, str], str]:
    """Dotted name and argument -> reason."""
    return {
        (name, argument): why
        for (names, arguments), why in ARGUMENTS.items()
        for name in names.split()
        for argument in arguments.split()
    }
