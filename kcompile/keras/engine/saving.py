"""The path of Keras 2 to saving; the code is in ``keras.saving``."""

from ..legacy.old_names import answer_old_names
from ..saving.archives import model_from_config as model_from_config
from ..saving.archives import model_from_json as model_from_json
from ..saving.archives import model_from_yaml as model_from_yaml
from ..saving.hdf5_groups import load_attributes_from_hdf5_group as load_attributes_from_hdf5_group
from ..saving.hdf5_groups import load_weights_from_hdf5_group as load_weights_from_hdf5_group
from ..saving.hdf5_groups import load_weights_from_hdf5_group_by_name as load_weights_from_hdf5_group_by_name
from ..saving.hdf5_groups import preprocess_weights_for_loading as preprocess_weights_for_loading
from ..saving.hdf5_groups import save_attributes_to_hdf5_group as save_attributes_to_hdf5_group
from ..saving.hdf5_groups import save_weights_to_hdf5_group as save_weights_to_hdf5_group
from ..saving.saving_api import ask_to_proceed_with_overwrite as ask_to_proceed_with_overwrite
from ..saving.saving_api import load_model as load_model
from ..saving.saving_api import pickle_model as pickle_model
from ..saving.saving_api import save_model as save_model
from ..saving.saving_api import unpickle_model as unpickle_model

answer_old_names(__name__, code="saving.saving_api")
