"""The path of Keras 2 to saving; the code is in ``keras.saving``."""

from ..legacy.old_names import answer_old_names
from ..saving.archives import model_from_config, model_from_json, model_from_yaml
from ..saving.hdf5_groups import (
    load_attributes_from_hdf5_group,
    load_weights_from_hdf5_group,
    load_weights_from_hdf5_group_by_name,
    preprocess_weights_for_loading,
    save_attributes_to_hdf5_group,
    save_weights_to_hdf5_group,
)
from ..saving.saving_api import ask_to_proceed_with_overwrite as ask_to_proceed_with_overwrite
from ..saving.saving_api import load_model, pickle_model, save_model, unpickle_model

__all__ = [
    "load_attributes_from_hdf5_group",
    "load_model",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "pickle_model",
    "preprocess_weights_for_loading",
    "save_attributes_to_hdf5_group",
    "save_model",
    "save_weights_to_hdf5_group",
    "unpickle_model",
]

answer_old_names(__name__, code="saving.saving_api")
