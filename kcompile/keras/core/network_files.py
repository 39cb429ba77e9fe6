"""The methods of networks that write and read files; what does the work stands above, in ``saving``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import backend as K
from .. import registry
from ..version import __version__
from .layer import Layer


class NetworkFiles(Layer):
    """What Keras puts on models for files: saving, loading, texts, ONNX."""

    def save(
        self: Any,
        filepath: Any,
        overwrite: bool = True,
        include_optimizer: bool = True,
        save_format: str | None = None,
    ) -> None:
        """Writes architecture, weights, and training configuration with optimizer state to one file.

        Args:
            filepath: path, open h5py.File or h5py.Group, or binary file object.
            overwrite: False asks before replacing an existing file.
            include_optimizer: whether to write the optimizer's state.
            save_format: "h5" or "keras", whatever the path ends in (default: what it ends in, else HDF5).

        Raises:
            ValueError: for "tf", and in the dialect of tf.keras for a path without an ending: a SavedModel
                is not written.
        """
        from ..saving.saving_api import save_model

        save_model(self, filepath, overwrite, include_optimizer, save_format)

    def save_weights(
        self: Any,
        filepath: Any,
        overwrite: bool = True,
        save_format: str | None = None,
        options: Any = None,
    ) -> None:
        """Writes the weights alone, in the format that the extension names.

        ``.weights.h5`` has the layout of Keras 3, ``.safetensors`` the weights' names, ``.pt`` and ``.pth``
        PyTorch's names and layouts; any other file is HDF5 of Keras 2. ``load_weights`` reads all of them.
        By the rules of tf.keras what would be a checkpoint of TensorFlow has the layout of Keras 3.

        Args:
            filepath: path, open h5py.File or h5py.Group, or binary file object.
            overwrite: False asks before replacing an existing file.
            save_format, options: of tf.keras; they change nothing. A checkpoint of TensorFlow is not
                written: what it would be called is one file of HDF5.
        """
        from ..saving.saving_api import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(
        self: Any,
        filepath: Any,
        by_name: bool = False,
        skip_mismatch: bool = False,
        reshape: bool = False,
        mapping: Any = None,
        options: Any = None,
    ) -> None:
        """Reads weights from a file that ``save_weights`` or ``save`` wrote, or PyTorch's (.pt, .pth,
        .safetensors).

        Args:
            filepath: path, open h5py.File or h5py.Group, or binary file object.
            by_name: match layers by name instead of by order, and leave the others as they are.
            skip_mismatch: with by_name, leave layers alone whose weights differ in number or shape.
            reshape: reshape weights whose number of elements agrees.
            mapping: for PyTorch's files, dict or JSON file of Keras weight -> name in the file; see
                ``kcompile.keras.state_dict.match``. There, skip_mismatch loads what matches.
            options: of tf.keras; it changes nothing.

        Raises:
            ValueError: if layers, their weights or shapes do not match; then nothing is changed.
        """
        from ..saving.saving_api import load_weights

        load_weights(self, filepath, by_name, skip_mismatch, reshape, mapping)

    @classmethod
    def _upgraded_to(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None) -> Mapping[str, Any]:
        """The entry that Keras 3's configuration of a network becomes here."""
        from ..saving.archives import entry_of_keras_3

        return entry_of_keras_3(config, custom_objects)

    def _updated_config(self: Any) -> dict[str, Any]:
        """The architecture with the class and the versions that belong to it."""
        from ..saving.archives import model_config

        return {**model_config(self), "keras_version": __version__, "backend": K.backend()}

    def to_json(self: Any, **kwargs: Any) -> str:
        """The architecture as JSON; keyword arguments go to ``json.dumps``."""
        from ..saving.archives import model_to_json

        return model_to_json(self, **kwargs)

    def to_yaml(self: Any, **kwargs: Any) -> str:
        """The architecture as YAML; keyword arguments go to ``yaml.safe_dump``."""
        from ..saving.archives import model_to_yaml

        return model_to_yaml(self, **kwargs)

    def get_compile_config(self: Any) -> dict[str, Any] | None:
        """compile()'s arguments as plain data, as ``.keras`` files have them; None for what is not compiled.

        A subclass whose compile() takes other arguments overrides this method and ``compile_from_config``:
        files then hold what it returns, with objects that have a configuration turned into plain data.
        """
        from ..saving.compile_configs import compile_config

        return compile_config(self) if self._is_compiled else None

    def compile_from_config(self: Any, config: Mapping[str, Any]) -> None:
        """Compiles the model with what ``get_compile_config`` returned, also of tf.keras or Keras 3.

        A subclass with other arguments of compile() overrides this, too.

        Raises:
            ValueError: if the optimizer is none, or a name is not known.
        """
        from ..saving.compile_configs import compile_from_config

        compile_from_config(self, config)

    def export(
        self: Any, filepath: Any, opset: int = 21, verify: bool = True, format: str = "onnx", **kwargs: Any
    ) -> bool:
        """Writes an ONNX file; see ``kcompile.keras.saving.exporting.export_model``.

        Args:
            format: as Keras 3 has it; "onnx" is what there is.

        Raises:
            ValueError: for another format.
        """
        from ..saving.exporting import export_model

        if format != "onnx":
            raise ValueError(f"A model is exported as ONNX, format='onnx'; format={format!r} is not here.")

        return export_model(self, filepath, opset=opset, verify=verify, **kwargs)

    def quantize(self: Any, filepath: Any, method: Any = None, **options: Any) -> Any:
        """Writes an ONNX file with fewer bits; see ``kcompile.optimize.quantize``. The model itself stays as
        it is.

        Args:
            filepath: where to write, atomically. Where a drop of a metric was not to be exceeded and is,
                nothing is written.
            method: "static", "dynamic", "weights8", "weights4", "float16" or "bfloat16"; by default "static"
                with samples to calibrate on, else "dynamic".
            options: ``calibrate=x_train[:200]`` and the others of ``kcompile.optimize.quantize``.

        Returns:
            a ``kcompile.optimize.Quantized``, which says what it cost.

        Raises:
            ValueError: for a mode of Keras 3, whose quantize() changes the model in place; for a model or
                samples that cannot be used.
        """
        from ...optimize import quantize

        if filepath in ("int8", "int4", "float8", "gptq", "awq"):
            raise ValueError(
                f"quantize({filepath!r}) of Keras 3 changes the model in place, which is not done here; "
                "quantize('model.onnx', calibrate=x) writes a file with fewer bits."
            )
        result = quantize(self, method, **options)
        if result.held:
            result.save(filepath)
        return result


registry.register(globals())
