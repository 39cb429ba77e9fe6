"""Names that programs import from where Keras 2.0 to 2.3 happened to have them, and not from their homes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_KERAS = __name__.rpartition(".")[0].rpartition(".")[0]

#: The module of Keras that a name is defined in, by name.
_HOMES = {
    "Container": "engine.topology",
    "Input": "core.input_layer",
    "Layer": "core.layer",
    "Node": "core.node",
    "InputSpec": "core.input_spec",
    "InputLayer": "core.input_layer",
    "Network": "core.network",
    "Model": "models",
    "Sequential": "models",
    "clone_model": "models",
    "RNN": "layers",
    "Wrapper": "layers",
    "AtrousConv1D": "layers.convolutional",
    "AtrousConv2D": "layers.convolutional",
    "Recurrent": "legacy.layers",
    "ConvRecurrent2D": "legacy.layers",
    "Merge": "legacy.merge",
    "merge": "legacy.merge",
    "disable_tracking": "core.weighted_layer",
    "Progbar": "utils.generic_utils",
    "deserialize_keras_object": "utils.generic_utils",
    "serialize_keras_object": "utils.generic_utils",
    "func_dump": "utils.generic_utils",
    "func_load": "utils.generic_utils",
    "getargspec": "utils.generic_utils",
    "has_arg": "utils.generic_utils",
    "is_all_none": "utils.generic_utils",
    "object_list_uid": "utils.generic_utils",
    "slice_arrays": "utils.generic_utils",
    "to_list": "utils.generic_utils",
    "transpose_shape": "utils.generic_utils",
    "unpack_singleton": "utils.generic_utils",
    "Sequence": "utils.data_utils",
    "GeneratorEnqueuer": "utils.data_utils",
    "OrderedEnqueuer": "utils.data_utils",
    "get_file": "utils.data_utils",
    "count_params": "utils.layer_utils",
    "get_source_inputs": "utils.layer_utils",
    "print_layer_summary": "utils.layer_utils",
    "ask_to_proceed_with_overwrite": "utils.io_utils",
    "H5Dict": "utils.io_utils",
    "HDF5_OBJECT_HEADER_LIMIT": "utils.io_utils",
    "load_from_binary_h5py": "utils.io_utils",
    "save_to_binary_h5py": "utils.io_utils",
    "multi_gpu_model": "utils.multi_gpu_utils",
    "utils": "",
    "normalize_data_format": "backend",
    "load_weights_from_hdf5_group": "saving.hdf5_groups",
    "load_weights_from_hdf5_group_by_name": "saving.hdf5_groups",
    "preprocess_weights_for_loading": "saving.hdf5_groups",
    "save_weights_to_hdf5_group": "saving.hdf5_groups",
    "keras_modules_injection": "applications",
    "_object_list_uid": "utils.generic_utils",
    "_generate_dropout_mask": "layers.recurrent.cells",
    "_standardize_args": "layers.recurrent.arguments",
    "_obtain_input_shape": "applications.imagenet_utils",
    **dict.fromkeys(
        (
            "batch_shuffle check_array_length_consistency check_generator_arguments check_num_samples "
            "check_loss_and_target_compatibility get_static_batch_size is_generator_or_sequence is_sequence "
            "iter_sequence_infinite make_batches should_run_validation standardize_class_weights "
            "standardize_input_data standardize_sample_weights standardize_weights weighted_masked_objective"
        ).split(),
        "training.training_utils",
    ),
}
#: Names under which their homes do not know them.
_THERE = {
    "print_layer_summary": "print_summary",
    "_standardize_args": "standardize_arguments",
    "_object_list_uid": "object_list_uid",
}


class _Path(ModuleType):
    """A module path of Keras 2 without code: what is put in the place of a name there, as mocks are, is put
    there in the module that has the code."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        code = importlib.import_module(f"{_KERAS}.{self.__dict__['_code']}")
        if name in vars(code) and not name.startswith("__"):
            setattr(code, name, value)


def answer_old_names(module: str, others: Sequence[str] = (), code: str | None = None) -> None:
    """Lets a module give the names of this table, when they are asked for.

    Args:
        module: its ``__name__``.
        others: modules of Keras of which it gives all public names.
        code: the module of Keras that has the code, of one that is a path alone; one that lists no names has
            all that it imports.
    """

    before = vars(sys.modules[module]).get("__getattr__")

    def answer(name: str) -> Any:
        if before is not None and name in vars(sys.modules[module]).get("_on_demand", ()):
            return before(name)
        if name in _HOMES:
            return getattr(
                importlib.import_module(f"{_KERAS}.{_HOMES[name]}".rstrip(".")), _THERE.get(name, name)
            )
        if not name.startswith("_"):
            for other in others:
                home = importlib.import_module(f"{_KERAS}.{other}")
                if name in getattr(home, "__all__", ()):
                    return getattr(home, name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    # set here rather than by a def in each module, where type checkers would take any name for granted
    sys.modules[module].__dict__["__getattr__"] = answer
    if code is not None:
        sys.modules[module].__dict__["_code"] = code
        names = {name for name in vars(sys.modules[module]) if not name.startswith("_")}
        sys.modules[module].__dict__.setdefault("__all__", sorted(names - {"answer_old_names"}))
        sys.modules[module].__class__ = _Path
