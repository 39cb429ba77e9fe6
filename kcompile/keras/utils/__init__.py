"""Utilities: custom objects, arrays, data readers, summaries and plots of models.

The modules are on several floors of the front end, so this package imports none before it is asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompile_runtime.lazy_packages import attach

if TYPE_CHECKING:
    from ..preprocessing.directories import audio_dataset_from_directory as audio_dataset_from_directory
    from ..preprocessing.directories import image_dataset_from_directory as image_dataset_from_directory
    from ..preprocessing.directories import text_dataset_from_directory as text_dataset_from_directory
    from ..preprocessing.image import array_to_img as array_to_img
    from ..preprocessing.image import img_to_array as img_to_array
    from ..preprocessing.image import load_img as load_img
    from ..preprocessing.image import save_img as save_img
    from ..preprocessing.sequence import pad_sequences as pad_sequences
    from ..preprocessing.splitting import split_dataset as split_dataset
    from ..preprocessing.timeseries import timeseries_dataset_from_array as timeseries_dataset_from_array
    from . import conv_utils as conv_utils
    from . import data_utils as data_utils
    from . import generic_utils as generic_utils
    from . import io_utils as io_utils
    from . import layer_utils as layer_utils
    from . import legacy as legacy
    from . import losses_utils as losses_utils
    from . import metrics_utils as metrics_utils
    from . import multi_gpu_utils as multi_gpu_utils
    from . import np_utils as np_utils
    from . import rng_utils as rng_utils
    from . import training_utils as training_utils
    from . import vis_utils as vis_utils
    from .data_utils import GeneratorEnqueuer as GeneratorEnqueuer
    from .data_utils import OrderedEnqueuer as OrderedEnqueuer
    from .data_utils import PyDataset as PyDataset
    from .data_utils import Sequence as Sequence
    from .data_utils import SequenceEnqueuer as SequenceEnqueuer
    from .data_utils import get_file as get_file
    from .data_utils import pack_x_y_sample_weight as pack_x_y_sample_weight
    from .data_utils import unpack_x_y_sample_weight as unpack_x_y_sample_weight
    from .embeddings import warmstart_embedding_matrix as warmstart_embedding_matrix
    from .feature_space import FeatureSpace as FeatureSpace
    from .generic_utils import CustomObjectScope as CustomObjectScope
    from .generic_utils import Progbar as Progbar
    from .generic_utils import custom_object_scope as custom_object_scope
    from .generic_utils import deserialize_keras_object as deserialize_keras_object
    from .generic_utils import get_custom_objects as get_custom_objects
    from .generic_utils import register_keras_serializable as register_keras_serializable
    from .generic_utils import serialize_keras_object as serialize_keras_object
    from .interactive import disable_interactive_logging as disable_interactive_logging
    from .interactive import enable_interactive_logging as enable_interactive_logging
    from .interactive import is_interactive_logging_enabled as is_interactive_logging_enabled
    from .io_utils import H5Dict as H5Dict
    from .io_utils import HDF5Matrix as HDF5Matrix
    from .layer_utils import convert_all_kernels_in_model as convert_all_kernels_in_model
    from .layer_utils import get_source_inputs as get_source_inputs
    from .layer_utils import print_summary as print_summary
    from .multi_gpu_utils import multi_gpu_model as multi_gpu_model
    from .np_utils import normalize as normalize
    from .np_utils import to_categorical as to_categorical
    from .np_utils import to_ordinal as to_ordinal
    from .objects import get_registered_name as get_registered_name
    from .objects import get_registered_object as get_registered_object
    from .rng_utils import set_random_seed as set_random_seed
    from .timed_threads import TimedThread as TimedThread
    from .vis_utils import model_to_dot as model_to_dot
    from .vis_utils import plot_model as plot_model

_NAMES = {
    "conv_utils": (),
    "data_utils": (
        "GeneratorEnqueuer",
        "OrderedEnqueuer",
        "PyDataset",
        "Sequence",
        "SequenceEnqueuer",
        "get_file",
        "pack_x_y_sample_weight",
        "unpack_x_y_sample_weight",
    ),
    "embeddings": ("warmstart_embedding_matrix",),
    "feature_space": ("FeatureSpace",),
    "generic_utils": (
        "CustomObjectScope",
        "Progbar",
        "custom_object_scope",
        "deserialize_keras_object",
        "get_custom_objects",
        "register_keras_serializable",
        "serialize_keras_object",
    ),
    "interactive": (
        "disable_interactive_logging",
        "enable_interactive_logging",
        "is_interactive_logging_enabled",
    ),
    "io_utils": ("H5Dict", "HDF5Matrix"),
    "layer_utils": ("convert_all_kernels_in_model", "get_source_inputs", "print_summary"),
    "legacy": (),
    "losses_utils": (),
    "metrics_utils": (),
    "multi_gpu_utils": ("multi_gpu_model",),
    "np_utils": ("normalize", "to_categorical", "to_ordinal"),
    "objects": ("get_registered_name", "get_registered_object"),
    "rng_utils": ("set_random_seed",),
    "timed_threads": ("TimedThread",),
    "training_utils": (),
    "vis_utils": ("model_to_dot", "plot_model"),
}
#: Names of other packages that later versions show here, too.
_ELSEWHERE = {
    "preprocessing.directories": (
        "audio_dataset_from_directory",
        "image_dataset_from_directory",
        "text_dataset_from_directory",
    ),
    "preprocessing.image": ("array_to_img", "img_to_array", "load_img", "save_img"),
    "preprocessing.sequence": ("pad_sequences",),
    "preprocessing.splitting": ("split_dataset",),
    "preprocessing.timeseries": ("timeseries_dataset_from_array",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}
_HOMES |= {name: f".{module}" for module, names in _ELSEWHERE.items() for name in names}
# what `from keras.utils import *` gives: modules of Keras 2.3 too, but for those that hold names of others
_NOT_ALL = {
    "embeddings",
    "feature_space",
    "interactive",
    "layer_utils",
    "legacy",
    "objects",
    "rng_utils",
    "timed_threads",
    "training_utils",
    "vis_utils",
}
attach(globals(), _HOMES, _NAMES, unlisted=_NOT_ALL)
