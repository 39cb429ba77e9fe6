"""The few places where Keras 3 names its backends, and what is put there for kcompile.

Each anchor must be in the module's source exactly once (``activation`` looks before anything is imported).
A version of Keras that finds its backends by name needs fewer: an entry goes when its place does.
"""

from __future__ import annotations

from typing import NamedTuple


class Patch(NamedTuple):
    """One place in the source of a module."""

    anchor: str
    replacement: str


def _before(anchor: str, added: str) -> Patch:
    return Patch(anchor, added + anchor)


_ELSE = "else:\n    raise "
_IN_GRAPH = (
    "        from keras.src.backend.kcompile import preprocessing as own\n\n"
    "        if (found := own.in_graph(self, inputs)) is not None:\n"
    "            return found\n"
)


def _called_in_graph(first_line: str) -> Patch:
    """A layer whose ``call`` begins so is another one for symbolic tensors."""
    head = "    def call(self, inputs):\n"
    return Patch(head + first_line, head + _IN_GRAPH + first_line)


PATCHES: dict[str, tuple[Patch, ...]] = {
    "keras.src.backend": (
        _before(
            f'{_ELSE}ValueError(f"Unable to import backend : {{backend()}}")',
            'elif backend() == "kcompile":\n'
            "    from keras.src.backend.kcompile import *  # noqa: F403\n"
            "    from keras.src.backend.kcompile.core import Variable as BackendVariable\n\n"
            "    distribution_lib = None\n",
        ),
    ),
    # Scripts set the variable themselves, often to TensorFlow or JAX; who runs them here has chosen.
    "keras.src.backend.config": (
        Patch('    _backend = os.environ["KERAS_BACKEND"]\n', '    _backend = "kcompile"\n'),
    ),
    "keras.src.layers.layer": (
        _before(
            f"{_ELSE}RuntimeError(\n        f\"Backend '{{backend.backend()}}' must implement a layer",
            'elif backend.backend() == "kcompile":\n'
            "    from keras.src.backend.kcompile.layer import KCompileLayer as BackendLayer\n",
        ),
    ),
    "keras.src.models.model": (
        _before(
            f"{_ELSE}RuntimeError(\n        f\"Backend '{{backend.backend()}}' must implement the Trainer",
            'elif backend.backend() == "kcompile":\n'
            "    from keras.src.backend.kcompile.trainer import KCompileTrainer as Trainer\n",
        ),
        _before(
            "        if format not in available_formats:\n",
            '        if backend.backend() == "kcompile" and str(filepath).endswith(".onnx"):\n'
            '            format = "onnx"\n',
        ),
    ),
    "keras.src.optimizers.optimizer": (
        _before(
            'elif backend.backend() == "jax":\n',
            'elif backend.backend() == "kcompile":\n'
            "    from keras.src.backend.kcompile.optimizer import KCompileOptimizer as BackendOptimizer\n",
        ),
    ),
    "keras.src.export.saved_model": (
        _before(
            f"{_ELSE}RuntimeError(\n        f\"Backend '{{backend.backend()}}' must implement ExportArchive",
            'elif backend.backend() == "kcompile":\n'
            "    from keras.src.backend.kcompile.export_archive import (\n"
            "        KCompileExportArchive as BackendSavedModelExportArchive,\n    )\n",
        ),
    ),
    "keras.src.export.onnx": (
        Patch(  # whose inputs are known need not have been called
            "if not input_signature or not model._called:",
            'if not input_signature or not (model._called or backend.backend() == "kcompile"):',
        ),
        _before(
            '    elif backend.backend() == "jax":\n        _export_onnx_jax(',
            '    elif backend.backend() == "kcompile":\n'
            "        from keras.src.backend.kcompile.export import export_onnx_file\n\n"
            "        export_onnx_file(model, filepath, input_signature, opset_version, **kwargs)\n\n",
        ),
    ),
    "keras.src.ops.nn": (
        _before(
            '    elif backend.config.backend() == "torch" and is_continuous_axis(axis):',
            '    elif backend.config.backend() == "kcompile":\n'
            "        outputs = backend.nn.layer_normalization(x, gamma, beta, axis, epsilon)\n",
        ),
    ),
    # Datasets of the small tensorflow, which stands in for TensorFlow where that is not installed.
    "keras.src.trainers.data_adapters": (
        _before(
            '            if parent.__name__ in (\n                "DatasetV2",',
            '            if parent.__module__ == "kcompile.keras.data.dataset":\n'
            "                return True\n",
        ),
    ),
    # Generators may give what layers computed: tensors of PyTorch that know their gradient, and of bfloat16,
    # which NumPy does not know.
    "keras.src.trainers.data_adapters.data_adapter_utils": (
        Patch("                    x = x.cpu()\n", "                    x = backend.convert_to_numpy(x)\n"),
    ),
    # Text has numpy's type for objects, or for characters.
    "keras.src.backend.common.variables": (
        Patch(
            '    if hasattr(dtype, "name"):\n        dtype = dtype.name\n',
            '    if hasattr(dtype, "name"):\n'
            '        is_text = dtype.name.startswith(("object", "str", "bytes"))\n'
            '        dtype = "string" if is_text else dtype.name\n',
        ),
    ),
    # Text is TensorFlow's: its own functions give it another shape.
    "keras.src.layers.preprocessing.text_vectorization": (
        _called_in_graph("        inputs = self._preprocess(inputs)\n"),
    ),
    "keras.src.layers.preprocessing.string_lookup": (
        _called_in_graph('        is_torch_backend = backend.backend() == "torch"\n'),
    ),
    "keras.src.layers.preprocessing.integer_lookup": (
        _called_in_graph("        if not isinstance(\n            inputs, (tf.Tensor, tf.RaggedTensor,"),
    ),
    "keras.src.layers.preprocessing.hashing": (
        _called_in_graph("        from keras.src.backend import tensorflow as tf_backend\n"),
        Patch("tf_backend.numpy.squeeze(inputs, axis=-1)", "tf.squeeze(inputs, axis=-1)"),
        Patch("if values.dtype.is_floating:", "if tf.as_dtype(values.dtype).is_floating:"),
    ),
    "keras.src.layers.preprocessing.hashed_crossing": (
        _called_in_graph("        from keras.src.backend import tensorflow as tf_backend\n"),
        Patch(
            "if rank < 2:\n                inputs = [tf_backend.numpy.expand_dims",
            "if rank < 2:\n                inputs = [tf.expand_dims",
        ),
        Patch(
            "if rank < 1:\n                inputs = [tf_backend.numpy.expand_dims",
            "if rank < 1:\n                inputs = [tf.expand_dims",
        ),
    ),
    # Rows of text have different numbers of words; -1 is of no class.
    "keras.src.utils.numerical_utils": (
        _before(
            "    rank_of_inputs = len(backend_module.shape(inputs))\n",
            '    if type(inputs).__module__ == "kcompile.tf_keras.modules.ragged":\n'
            "        inputs = inputs.to_tensor(default_value=-1)\n",
        ),
    ),
    "keras.src.utils.rng_utils": (
        Patch('    if backend.backend() == "torch":', '    if backend.backend() in ("torch", "kcompile"):'),
    ),
    "keras.src.utils.backend_utils": (
        Patch(
            'if backend not in ("tensorflow", "jax", "torch", "numpy", "openvino"):',
            'if backend not in ("kcompile", "tensorflow", "jax", "torch", "numpy", "openvino"):',
        ),
        _before(
            '        if self._backend == "tensorflow":\n            module = importlib',
            '        if self._backend == "kcompile":\n            return getattr(backend_module, name)\n',
        ),
    ),
}
