"""Architectures of KerasHub, small and with random weights: each a built model and what it is called on."""

from __future__ import annotations

import keras_hub
import numpy as np

from tests.live_models.inputs import floats, tokens

MODELS = {}
_WIDTHS = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16}
_TEXT = {**_WIDTHS, "vocabulary_size": 50, "intermediate_dim": 32}


def model(make):
    """Enters a function into the table, by its name."""
    MODELS[make.__name__] = make
    return make


def _ids():
    return tokens(2, 12, below=50).astype("int32")


def _padding():
    return np.array([[1] * 12, [1] * 8 + [0] * 4], "int32")


@model
def bert():
    live = keras_hub.models.BertBackbone(**_TEXT, max_sequence_length=12)
    return live, {"token_ids": _ids(), "segment_ids": _padding() * 0, "padding_mask": _padding()}


@model
def distil_bert():
    live = keras_hub.models.DistilBertBackbone(**_TEXT, max_sequence_length=12)
    return live, {"token_ids": _ids(), "padding_mask": _padding()}


@model
def gpt_2():
    live = keras_hub.models.GPT2Backbone(**_TEXT, max_sequence_length=12)
    return live, {"token_ids": _ids(), "padding_mask": _padding()}


@model
def gpt_2_with_its_head():
    backbone = keras_hub.models.GPT2Backbone(**_TEXT, max_sequence_length=12)
    live = keras_hub.models.GPT2CausalLM(backbone=backbone, preprocessor=None)
    return live, {"token_ids": _ids(), "padding_mask": _padding()}


@model
def llama():
    widths = {k: v for k, v in _TEXT.items() if k != "num_heads"}
    live = keras_hub.models.LlamaBackbone(**widths, num_query_heads=2, num_key_value_heads=1)
    return live, {"token_ids": _ids(), "padding_mask": _padding()}


@model
def t5():
    live = keras_hub.models.T5Backbone(**_TEXT)
    return live, {
        "encoder_token_ids": _ids(),
        "encoder_padding_mask": _padding(),
        "decoder_token_ids": _ids()[::-1].copy(),
        "decoder_padding_mask": _padding(),
    }


@model
def vit():
    live = keras_hub.models.ViTBackbone(image_shape=(32, 32, 3), patch_size=8, mlp_dim=32, **_WIDTHS)
    return live, floats(2, 32, 32, 3)


@model
def whisper():
    live = keras_hub.models.WhisperBackbone(
        **_TEXT, num_mels=8, max_encoder_sequence_length=24, max_decoder_sequence_length=12
    )
    return live, {
        "encoder_features": floats(2, 24, 8),
        "decoder_token_ids": _ids(),
        "decoder_padding_mask": _padding(),
    }


@model
def resnet():
    live = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(32, 32, 3),
    )
    return live, floats(2, 32, 32, 3)
