"""Names that modules of Keras 2.0 to 2.3 brought along from their own imports.

Few of them listed what ``from keras.layers import *`` takes, so that it took all that they had imported:
``K``, ``np``, ``initializers``. Programs came to depend on it, and on
``from keras.layers import activations``.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ..keras import rules

_KERAS = rules.__name__.rpartition(".")[0]
#: Modules of Keras by the names that its own modules gave them, and what is in them after a colon.
_OF_KERAS = {
    "K": "backend",
    "Merge": "legacy.merge:Merge",
    "activations": "activations",
    "conv_utils": "utils.conv_utils",
    "constraints": "constraints",
    "initializers": "initializers",
    "interfaces": "legacy.interfaces",
    "layer_utils": "utils.layer_utils",
    "layers": "layers",
    "legacy_layers": "legacy.layers",
    "losses": "losses",
    "merge": "legacy.merge:merge",
    "optimizers": "optimizers",
    "recurrent": "layers.recurrent",
    "regularizers": "regularizers",
    "topology": "engine.topology",
}
#: Modules of Python and others, and what is in them after a colon.
_OF_OTHERS = {
    "Iterable": "collections.abc:Iterable",
    "OrderedDict": "collections:OrderedDict",
    "copy": "copy",
    "csv": "csv",
    "deque": "collections:deque",
    "h5py": "h5py",
    "inspect": "inspect",
    "io": "io",
    "json": "json",
    "multiprocessing": "multiprocessing",
    "namedtuple": "collections:namedtuple",
    "np": "numpy",
    "os": "os",
    "partial": "functools:partial",
    "python_types": "types",
    "random": "random",
    "re": "re",
    "string": "string",
    "sys": "sys",
    "threading": "threading",
    "time": "time",
    "types": "types",
    "warnings": "warnings",
}
#: What the backend brought of TensorFlow, and private functions of it that programs call.
OF_BACKEND = (
    "_EPSILON _get_available_gpus _to_tensor context control_flow_ops device_lib functional_ops image_ops "
    "math_ops moving_averages np tensor_array_ops tf tf_image_ops tf_keras_backend tf_ops variable_scope"
)
_LAYER = "InputSpec K Layer activations constraints initializers interfaces np regularizers"
_FUNCTIONS = "deserialize_keras_object func_dump func_load has_arg"
_NETWORKS = (
    "Activation AveragePooling2D BatchNormalization Conv2D Dense Dropout Flatten GlobalAveragePooling2D "
    "GlobalMaxPooling2D Input K MaxPooling2D Model get_file get_source_inputs layer_utils layers warnings"
)
_ENGINE = (
    "K conv_utils copy get_source_inputs has_arg initializers interfaces json np os "
    "print_layer_summary re warnings"
)
#: A module of Keras below ``keras`` -> the names, in Keras 2.0.8, 2.2.4 or 2.3.1.
_BROUGHT = {
    "activations": "K Layer deserialize_keras_object warnings",
    **{
        f"applications.{name}": _NETWORKS
        for name in "inception_v3 mobilenet resnet50 vgg16 vgg19 xception".split()
    },
    "backend": OF_BACKEND,
    "backend.tensorflow_backend": OF_BACKEND,
    "callbacks": "Iterable K OrderedDict Progbar csv deque io json np os standardize_input_data sys time "
    "warnings",
    "constraints": "K deserialize_keras_object serialize_keras_object",
    "engine": "merge Merge",
    "engine.base_layer": f"{_ENGINE} count_params is_all_none object_list_uid to_list unpack_singleton",
    "engine.topology": f"{_ENGINE} merge Merge h5py load_weights_from_hdf5_group "
    "load_weights_from_hdf5_group_by_name preprocess_weights_for_loading save_weights_to_hdf5_group",
    "initializers": "K np deserialize_keras_object serialize_keras_object",
    "layers": f"{_LAYER} {_FUNCTIONS} AtrousConv1D AtrousConv2D Merge conv_utils copy merge namedtuple "
    "object_list_uid python_types recurrent to_list transpose_shape warnings",
    "layers.advanced_activations": f"{_LAYER} to_list",
    "layers.convolutional": f"{_LAYER} conv_utils transpose_shape",
    "layers.convolutional_recurrent": f"{_LAYER} conv_utils warnings",
    "layers.core": f"{_LAYER} {_FUNCTIONS} conv_utils copy python_types warnings",
    "layers.embeddings": f"{_LAYER} to_list",
    "layers.local": f"{_LAYER} conv_utils",
    "layers.merge": "K Layer",
    "layers.noise": "K Layer interfaces np",
    "layers.normalization": _LAYER,
    "layers.pooling": "InputSpec K Layer conv_utils interfaces",
    "layers.recurrent": f"{_LAYER} Recurrent has_arg to_list warnings",
    "layers.wrappers": "InputSpec K Layer copy has_arg object_list_uid recurrent",
    "losses": "K deserialize_keras_object serialize_keras_object",
    "metrics": "K Layer deserialize_keras_object np serialize_keras_object",
    "models": "K Layer copy h5py has_arg interfaces json legacy_layers np optimizers os to_list topology "
    "warnings",
    "objectives": "K deserialize_keras_object serialize_keras_object",
    "optimizers": "K copy deserialize_keras_object interfaces np serialize_keras_object",
    "preprocessing.image": "K inspect multiprocessing np os partial re threading warnings",
    "preprocessing.sequence": "np random",
    "preprocessing.text": "OrderedDict np string sys warnings",
    "regularizers": "K deserialize_keras_object serialize_keras_object",
    "utils.generic_utils": "np python_types sys time",
}


def give(path: str, module: ModuleType) -> None:
    """Gives a module what Keras 2.0 to 2.3 had by its path there, where this process follows these rules.

    Args:
        path: of the module below ``keras``.
    """
    if rules.of_process() is not rules.KERAS_2 or path not in _BROUGHT:
        return
    if path == "backend":  # which imported this part of it by itself
        part = f"{path}.tensorflow_backend"
        give(part, importlib.import_module(f"{_KERAS}.{part}"))
    names = _BROUGHT[path].split()
    own = vars(module).get("__getattr__")
    for name in names:
        if not any(name in table for table in (_OF_KERAS, _OF_OTHERS, OF_BACKEND.split())):
            module.__dict__[name] = getattr(module, name)

    def answer(name: str) -> Any:
        if name in names:
            return module.__dict__.setdefault(name, _value(name))
        if own is None:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        return own(name)

    module.__dict__["__getattr__"] = answer
    if hasattr(module, "__all__"):
        module.__dict__["__all__"] = [*dict.fromkeys([*module.__all__, *(n for n in names if n[0] != "_")])]


def _value(name: str) -> Any:
    """What a name of the tables stands for; others are known to the modules, by their old names."""
    if name in OF_BACKEND.split() and name not in _OF_OTHERS:
        return importlib.import_module("kcompile.tf_keras.backend_imports").imported(name)
    path = f"{_KERAS}.{_OF_KERAS[name]}" if name in _OF_KERAS else _OF_OTHERS[name]
    home, _, member = path.partition(":")
    found = importlib.import_module(home)
    return getattr(found, member) if member else found
