"""``from_keras``: a live model of Keras as a model of kcompile; ``push_weights``: its weights back."""

from __future__ import annotations

import sys
from typing import Any
from weakref import WeakKeyDictionary

from ..keras.training.model import Model
from .compiling import compile_as
from .translation import Translation
from .weights import Links

#: Programs whose models are read, by module: name, and versions from this one on, to before that one.
PROGRAMS = {"keras": ("Keras", (3, 15), (3, 17)), "tf_keras": ("tf_keras", (2, 16), (2, 22))}

_links: WeakKeyDictionary[Model, Links] = WeakKeyDictionary()
_MADE = "_kcompile_model"  # attribute of a live model: what was made of it, and of which variables


def from_keras(model: Any, inputs: Any = None, compile: bool = True) -> Model:
    """A model of kcompile that computes what a live model of stock Keras 3 or tf_keras does.

    Weights are shared where memory allows: tensors of PyTorch on the CPU that lie in the order of their axes
    (all but kernels of convolutions) and NumPy's arrays. All others are copied; ``push_weights`` writes them
    back.

    Args:
        model: a built model of Keras 3, of any backend, or of tf_keras.
        inputs: for a model whose structure is code, what it is called on: an array or ``keras.InputSpec``, or
            a list or dict of them (default: of the shapes that it was called on first).
        compile: whether to compile it as the live model is, with the state of its optimizer. What is of the
            user's own there (a loss, a metric) leaves it uncompiled, with a warning.

    Raises:
        TypeError: for what is no model of Keras.
        ValueError: for a version of Keras that is not known, a model that is not built, or code that does
            what cannot be recorded; the message names the layer and the line.
    """
    name = _module_of(model)
    if name is None:
        kind = type(model)
        raise TypeError(
            "A live model of stock Keras 3 or tf_keras was expected, found "
            f"{kind.__module__}.{kind.__qualname__}."
        )
    _check_version(str(sys.modules[name].__version__), *PROGRAMS[name])  # type: ignore[attr-defined]
    translation = _translation(name, model)
    made = translation.translated(model, inputs)
    _links[made] = translation.links
    if compile:
        compile_as(model, made, translation)
    return made


def push_weights(model: Model) -> None:
    """Writes the weights of a model that ``from_keras`` made into the live model it was made of.

    Raises:
        ValueError: for a model that was made otherwise.
    """
    if model not in _links:
        raise ValueError(
            f"The model {model.name!r} was not made by from_keras: there is no live model to write to."
        )
    _links[model].push()


def export(model: Any, filepath: Any, **options: Any) -> Any:
    """Writes a model as an ONNX file that numpy and onnxruntime run.

    Args:
        model: a live model of stock Keras, or a model of kcompile.
        filepath: where to write.
        options: those of ``Model.export`` (opset, verify, tolerance, external_data).

    Raises:
        TypeError, ValueError: as ``from_keras``.
        kcompile.onnx_io.ExportError: as ``Model.export``.
    """
    return _own(model).export(filepath, **options)


def predict(model: Any, x: Any, **options: Any) -> Any:
    """Outputs for samples, computed by onnxruntime.

    Args:
        model: a live model of stock Keras, or a model of kcompile. What is made of a live model is kept with
            it, and made again when it has other variables.
        x: what ``Model.predict`` takes.
        options: those of ``Model.predict`` (batch_size, verbose, steps).

    Raises:
        TypeError, ValueError: as ``from_keras``.
    """
    return _own(model).predict(x, **options)


def _own(model: Any) -> Model:
    """The model itself, or what stands for a live one with its weights as they are now."""
    if isinstance(model, Model):
        return model
    variables = [id(variable) for variable in getattr(model, "weights", ())]
    kept = getattr(model, _MADE, None)
    if kept is not None and kept[1] == variables:
        _links[kept[0]].pull()
        return kept[0]
    made = from_keras(model, compile=False)
    vars(model)[_MADE] = (made, variables)
    return made


def is_model(found: Any) -> bool:
    """Whether something is a model of kcompile, or a live one that ``from_keras`` takes."""
    return isinstance(found, Model) or _module_of(found) is not None


def _module_of(model: Any) -> str | None:
    """The module of PROGRAMS whose model it is."""
    loaded = {name: sys.modules.get(name) for name in PROGRAMS}
    return next((n for n, module in loaded.items() if isinstance(model, getattr(module, "Model", ()))), None)


def _translation(name: str, model: Any) -> Translation:
    if name == "keras":
        from .keras_3.translation import Keras3Translation

        return Keras3Translation(model)
    from .tf_keras.translation import TfKerasTranslation

    return TfKerasTranslation(model)


def _check_version(version: str, program: str, first: tuple[int, int], last: tuple[int, int]) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if not first <= numbers < last:
        raise ValueError(
            f"{program} {version} is not known here: models of {_said(first)} to before {_said(last)} are "
            "read. Install one of these, or save the model with it to a .keras file and load that."
        )


def _said(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
