"""Attention."""

from __future__ import annotations

from ..layer_call import KERAS, Call, Template


def _attention(call: Call) -> None:
    layer = call.layer
    config = layer.get_config()
    if call.torch_class != "nn.MultiheadAttention":
        call.fail(
            "nn.MultiheadAttention takes queries, keys and values of as many features as key_dim * num_heads"
        )
    if any(tensor.mask is not None for tensor in call.inputs) or call.inputs[0].rank != 3:
        call.fail("masks, and inputs of other than 3 axes, have no entry")
    query, value, key = (call.x(KERAS, min(i, len(call.inputs) - 1)) for i in range(3))
    module = call.torch_module(
        call.inputs[0].shape[-1],
        config["num_heads"],
        batch_first=True,
        bias=bool(config["use_bias"]),
        dropout=config["dropout"],
    )
    call.give(f"{module}({query}, {key}, {value}, need_weights=False)[0]")


TEMPLATES: dict[str, Template] = {
    "MultiHeadAttention": Template(_attention, "num_heads key_dim value_dim use_bias dropout"),
}
