"""The path of Keras 2 to the parts of fit; the code is in ``training.training_utils``."""

from ..legacy.old_names import answer_old_names
from ..training.training_utils import (
    batch_shuffle,
    check_array_length_consistency,
    check_generator_arguments,
    check_loss_and_target_compatibility,
    check_num_samples,
    get_input_shape_and_dtype,
    get_loss_function,
    get_static_batch_size,
    is_generator_or_sequence,
    is_sequence,
    iter_sequence_infinite,
    make_batches,
    prepare_loss_functions,
    prepare_loss_weights,
    should_run_validation,
    standardize_class_weights,
    standardize_input_data,
    standardize_sample_or_class_weights,
    standardize_sample_weights,
    standardize_single_array,
    standardize_weights,
    weighted_masked_objective,
)

__all__ = [
    "batch_shuffle",
    "check_array_length_consistency",
    "check_generator_arguments",
    "check_loss_and_target_compatibility",
    "check_num_samples",
    "get_input_shape_and_dtype",
    "get_loss_function",
    "get_static_batch_size",
    "is_generator_or_sequence",
    "is_sequence",
    "iter_sequence_infinite",
    "make_batches",
    "prepare_loss_functions",
    "prepare_loss_weights",
    "should_run_validation",
    "standardize_class_weights",
    "standardize_input_data",
    "standardize_sample_or_class_weights",
    "standardize_sample_weights",
    "standardize_single_array",
    "standardize_weights",
    "weighted_masked_objective",
]

answer_old_names(__name__, code="training.training_utils")
