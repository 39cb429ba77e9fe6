"""Arguments of tf.keras 2.15 that are called otherwise than in Keras 2.3, and positional ones that come in
another order, or are more.

Data only: ``rules`` says when they hold. Keys are the part of the front end and the name, as in
``layers.GRU``. What Keras 2.3 has in this place stays there for all others.
"""

from __future__ import annotations

from collections.abc import Mapping

Orders = Mapping[str, tuple[str, ...]]
Names = Mapping[str, Mapping[str, str]]

_OF_EVERY_OPTIMIZER = (
    "clipnorm clipvalue global_clipnorm use_ema ema_momentum ema_overwrite_frequency jit_compile name"
)
_OF_LATER_OPTIMIZERS = f"weight_decay {_OF_EVERY_OPTIMIZER}"
_OF_KERNELS = (
    "use_bias kernel_initializer bias_initializer kernel_regularizer bias_regularizer activity_regularizer "
    "kernel_constraint bias_constraint"
)
_CONVOLUTION = (
    f"filters kernel_size strides padding data_format dilation_rate groups activation {_OF_KERNELS}"
)
_CELL = (
    "units activation recurrent_activation use_bias kernel_initializer recurrent_initializer bias_initializer"
)
_OF_RECURRENT_LAYERS = (
    "kernel_regularizer recurrent_regularizer bias_regularizer activity_regularizer kernel_constraint "
    "recurrent_constraint bias_constraint dropout recurrent_dropout return_sequences return_state "
    "go_backwards stateful"
)
_CONVOLUTIONAL_LSTM = (
    "filters kernel_size strides padding data_format dilation_rate activation recurrent_activation use_bias "
    "kernel_initializer recurrent_initializer bias_initializer unit_forget_bias kernel_regularizer "
    "recurrent_regularizer bias_regularizer activity_regularizer kernel_constraint recurrent_constraint "
    "bias_constraint return_sequences return_state go_backwards stateful dropout recurrent_dropout"
)
_CONVNEXTS = ("ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtSmall", "ConvNeXtTiny", "ConvNeXtXLarge")
_CONVNEXT = (
    "name include_top include_preprocessing weights input_tensor input_shape pooling classes "
    "classifier_activation"
)


def _orders(**rows: str) -> Orders:
    return {key.replace("__", "."): tuple(row.split()) for key, row in rows.items()}


_LAYERS = _orders(
    core__Input="shape batch_size name dtype sparse tensor ragged type_spec",
    core__InputLayer="input_shape batch_size dtype input_tensor sparse name ragged type_spec",
    layers__CategoryEncoding="num_tokens output_mode sparse",
    layers__Conv1D=_CONVOLUTION,
    layers__Conv2D=_CONVOLUTION,
    layers__Conv3D=_CONVOLUTION,
    layers__Conv3DTranspose=(
        "filters kernel_size strides padding output_padding data_format dilation_rate activation "
        + _OF_KERNELS
    ),
    layers__ConvLSTM1D=_CONVOLUTIONAL_LSTM,
    layers__ConvLSTM2D=_CONVOLUTIONAL_LSTM,
    layers__ConvLSTM3D=_CONVOLUTIONAL_LSTM,
    layers__Discretization="bin_boundaries num_bins epsilon output_mode sparse",
    layers__GRU=f"{_CELL} {_OF_RECURRENT_LAYERS} unroll time_major reset_after",
    layers__GRUCell=(
        f"{_CELL} kernel_regularizer recurrent_regularizer bias_regularizer kernel_constraint "
        "recurrent_constraint bias_constraint dropout recurrent_dropout reset_after"
    ),
    layers__GaussianDropout="rate seed",
    layers__GaussianNoise="stddev seed",
    layers__IntegerLookup=(
        "max_tokens num_oov_indices mask_token oov_token vocabulary vocabulary_dtype idf_weights invert "
        "output_mode sparse pad_to_max_tokens"
    ),
    layers__LSTM=f"{_CELL} unit_forget_bias {_OF_RECURRENT_LAYERS} time_major unroll",
    layers__MultiHeadAttention=(
        f"num_heads key_dim value_dim dropout use_bias output_shape attention_axes "
        f"{_OF_KERNELS.removeprefix('use_bias ')}"
    ),
    layers__RNN="cell return_sequences return_state go_backwards stateful unroll time_major",
    layers__RandomContrast="factor seed",
    layers__StringLookup=(
        "max_tokens num_oov_indices mask_token oov_token vocabulary idf_weights encoding invert output_mode "
        "sparse pad_to_max_tokens"
    ),
    layers__TextVectorization=(
        "max_tokens standardize split ngrams output_mode output_sequence_length pad_to_max_tokens vocabulary "
        "idf_weights sparse ragged encoding"
    ),
)
_OTHERS = _orders(
    **{f"applications__{name}": _CONVNEXT for name in _CONVNEXTS},
    callbacks__CallbackList="callbacks add_history add_progbar model",
    callbacks__TensorBoard=(
        "log_dir histogram_freq write_graph write_images write_steps_per_second update_freq profile_batch "
        "embeddings_freq embeddings_metadata"
    ),
    callbacks__ModelCheckpoint=(
        "filepath monitor verbose save_best_only save_weights_only mode save_freq options "
        "initial_value_threshold"
    ),
    losses__BinaryCrossentropy="from_logits label_smoothing axis reduction name",
    losses__CategoricalCrossentropy="from_logits label_smoothing axis reduction name",
    losses__SparseCategoricalCrossentropy="from_logits ignore_class reduction name",
    preprocessing__DataFrameIterator=(
        "dataframe directory image_data_generator x_col y_col weight_col target_size color_mode classes "
        "class_mode batch_size shuffle seed data_format save_to_dir save_prefix save_format subset "
        "interpolation keep_aspect_ratio dtype validate_filenames"
    ),
    preprocessing__DirectoryIterator=(
        "directory image_data_generator target_size color_mode classes class_mode batch_size shuffle seed "
        "data_format save_to_dir save_prefix save_format follow_links subset interpolation keep_aspect_ratio "
        "dtype"
    ),
    preprocessing__NumpyArrayIterator=(
        "x y image_data_generator batch_size shuffle sample_weight seed data_format save_to_dir save_prefix "
        "save_format subset ignore_class_split dtype"
    ),
    preprocessing__Tokenizer="num_words filters lower split char_level oov_token analyzer",
    preprocessing__apply_brightness_shift="x brightness scale",
    metrics__PrecisionAtRecall="recall num_thresholds class_id name dtype",
    metrics__RecallAtPrecision="precision num_thresholds class_id name dtype",
    metrics__SensitivityAtSpecificity="specificity num_thresholds class_id name dtype",
    metrics__SparseCategoricalCrossentropy="name dtype from_logits ignore_class axis",
    metrics__SpecificityAtSensitivity="sensitivity num_thresholds class_id name dtype",
    utils__GeneratorEnqueuer="sequence use_multiprocessing random_seed",
    utils__model_to_dot=(
        "model show_shapes show_dtype show_layer_names rankdir expand_nested dpi subgraph layer_range "
        "show_layer_activations show_trainable"
    ),
    utils__plot_model=(
        "model to_file show_shapes show_dtype show_layer_names rankdir expand_nested dpi layer_range "
        "show_layer_activations show_trainable"
    ),
)
_OPTIMIZERS = _orders(
    optimizers__Adadelta=f"learning_rate rho epsilon {_OF_LATER_OPTIMIZERS}",
    optimizers__Adafactor=(
        "learning_rate beta_2_decay epsilon_1 epsilon_2 clip_threshold relative_step " + _OF_LATER_OPTIMIZERS
    ),
    optimizers__Adagrad=f"learning_rate initial_accumulator_value epsilon {_OF_LATER_OPTIMIZERS}",
    optimizers__Adam=f"learning_rate beta_1 beta_2 epsilon amsgrad {_OF_LATER_OPTIMIZERS}",
    optimizers__AdamW=(f"learning_rate weight_decay beta_1 beta_2 epsilon amsgrad {_OF_EVERY_OPTIMIZER}"),
    optimizers__Adamax=f"learning_rate beta_1 beta_2 epsilon {_OF_LATER_OPTIMIZERS}",
    optimizers__Ftrl=(
        "learning_rate learning_rate_power initial_accumulator_value l1_regularization_strength "
        f"l2_regularization_strength l2_shrinkage_regularization_strength beta {_OF_LATER_OPTIMIZERS}"
    ),
    optimizers__Lion=f"learning_rate beta_1 beta_2 {_OF_LATER_OPTIMIZERS}",
    optimizers__Nadam=f"learning_rate beta_1 beta_2 epsilon {_OF_LATER_OPTIMIZERS}",
    optimizers__RMSprop=f"learning_rate rho momentum epsilon centered {_OF_LATER_OPTIMIZERS}",
    optimizers__SGD=f"learning_rate momentum nesterov {_OF_LATER_OPTIMIZERS}",
)

TF_KERAS: Orders = {**_LAYERS, **_OTHERS, **_OPTIMIZERS}
TF_KERAS_LEGACY: Orders = {
    **_LAYERS,
    **_OTHERS,
    **_orders(
        optimizers__Adadelta="learning_rate rho epsilon name",
        optimizers__Adagrad="learning_rate initial_accumulator_value epsilon name",
        optimizers__Adam="learning_rate beta_1 beta_2 epsilon amsgrad name",
        optimizers__Adamax="learning_rate beta_1 beta_2 epsilon name",
        optimizers__Ftrl=(
            "learning_rate learning_rate_power initial_accumulator_value l1_regularization_strength "
            "l2_regularization_strength name l2_shrinkage_regularization_strength beta"
        ),
        optimizers__Nadam="learning_rate beta_1 beta_2 epsilon name",
        optimizers__RMSprop="learning_rate rho momentum epsilon centered name",
        optimizers__SGD="learning_rate momentum nesterov name",
    ),
}
"""``tf.keras.optimizers.legacy``."""

#: Class or function -> name there -> name here.
TF_KERAS_NAMES: Names = {
    **{f"applications.{name}": {"model_name": "name"} for name in _CONVNEXTS},
    "backend.batch_get_value": {"tensors": "ops"},
    "backend.set_epsilon": {"value": "e"},
    "backend.set_floatx": {"value": "floatx"},
    "preprocessing.one_hot": {"input_text": "text"},
    "preprocessing.text_to_word_sequence": {"input_text": "text"},
    "utils.GeneratorEnqueuer": {"generator": "sequence"},
    "utils.deserialize_keras_object": {"config": "identifier"},
    "utils.serialize_keras_object": {"obj": "instance"},
}
