"""``tf.saved_model`` and ``tf.lite``: the formats of TensorFlow, refused with what there is instead."""

from __future__ import annotations

from typing import Any

_INSTEAD = (
    "model.save('model.keras') writes a file that Keras reads, model.export('model.onnx') one for deployment "
    "(kcompile_runtime, or onnxruntime in any language)."
)


def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> None:
    """Not here: NotImplementedError says what is."""
    raise NotImplementedError(f"SavedModel is TensorFlow's own format, which is not written here. {_INSTEAD}")


def load(export_dir: Any, tags: Any = None, options: Any = None) -> Any:
    """Not here: NotImplementedError says what is."""
    raise NotImplementedError(
        f"{export_dir}: SavedModel is TensorFlow's own format, which is not read here. Save the model as "
        ".keras, .h5 or .onnx where TensorFlow is; keras.models.load_model reads those."
    )


def contains_saved_model(export_dir: Any) -> bool:
    """Whether a folder is a SavedModel."""
    from os.path import exists, join

    return exists(join(str(export_dir), "saved_model.pb"))


class _Options:
    """Settings of what is not here; accepted."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass


SaveOptions = LoadOptions = _Options


class _Lite:
    """TensorFlow Lite: NotImplementedError says what is here."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise NotImplementedError(f"TensorFlow Lite is not here. {_INSTEAD}")

    from_keras_model = from_saved_model = from_concrete_functions = classmethod(
        lambda cls, *arguments, **options: cls()
    )


class TFLiteConverter(_Lite):
    """Not here: NotImplementedError says what is."""


class Interpreter(_Lite):
    """Not here: NotImplementedError says what is."""


class Optimize:
    """What a converter would optimize for."""

    DEFAULT = OPTIMIZE_FOR_SIZE = OPTIMIZE_FOR_LATENCY = "DEFAULT"


class OpsSet:
    """What operators a converter would use."""

    TFLITE_BUILTINS, SELECT_TF_OPS, TFLITE_BUILTINS_INT8 = (
        "TFLITE_BUILTINS",
        "SELECT_TF_OPS",
        "TFLITE_BUILTINS_INT8",
    )


SAVED_MODEL = ["LoadOptions", "SaveOptions", "contains_saved_model", "load", "save"]
LITE = ["Interpreter", "OpsSet", "Optimize", "TFLiteConverter"]
