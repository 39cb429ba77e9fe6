"""Layers of one tensor and no window: dense ones, tables, shapes, dropout."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..layer_call import FIRST, KERAS, Call, Template, Tensor, elementwise, of_ranks


def _dense(call: Call) -> None:
    layer = call.layer
    features = call.inputs[0].shape[-1]
    module = call.torch_module(features, layer.units, bias=bool(layer.use_bias))
    call.give(call.activated(f"{module}({call.features()[0]})", KERAS))


def _embedding(call: Call) -> None:
    layer = call.layer
    x = call.x()
    module = call.torch_module(layer.input_dim, layer.output_dim)
    if layer.input_length is not None and call.inputs[0].rank > 2:
        x = f"{x}.flatten(1)" if len(call.output_shapes[0]) == 3 else x
    mask = call.let(f"{x} != 0", f"{call.hint}_mask") if layer.mask_zero else None
    call.give(f"{module}({x}.long())", mask=mask)


def _flatten(call: Call) -> None:
    first = call.layer.data_format == "channels_first" and call.inputs[0].rank > 2
    if not first and _flattened_first(call):
        return
    x = call.x()
    if first:
        order = ", ".join(map(str, [0, *range(2, call.inputs[0].rank), 1]))
        x = f"{x}.permute({order})"
    call.give(f"{x}.flatten(1)" if call.inputs[0].rank > 1 else f"{x}.unsqueeze(1)")


def _flattened_first(call: Call) -> bool:
    """Whether an image with its channels in front is flattened as it is, as PyTorch does."""
    tensor = call.inputs[0]
    sizes = [size for size in tensor.shape[1:] if isinstance(size, int)]
    if tensor.rank < 3 or tensor.native != FIRST or len(sizes) < tensor.rank - 1:
        return False
    call.give(f"{call.x(FIRST)}.flatten(1)", FIRST, image=(sizes[-1], *sizes[:-1]))
    return True


def _reshape(call: Call) -> None:
    if len(call.layer.target_shape) == 1 and _flattened_first(call):
        return
    x = call.x()
    target = ", ".join(map(str, call.layer.target_shape))
    call.give(f"{x}.reshape({x}.shape[0], {target})")


def _permute(call: Call) -> None:
    call.give(f"{call.x()}.permute(0, {', '.join(map(str, call.layer.dims))})")


def _repeat_vector(call: Call) -> None:
    call.give(f"{call.x()}.unsqueeze(1).repeat(1, {call.layer.n}, 1)")


def _masking(call: Call) -> None:
    x = call.x()
    mask = call.let(f"({x} != {call.layer.mask_value!r}).any(-1)", f"{call.hint}_mask")
    call.give(f"{x} * {mask}.unsqueeze(-1)", mask=mask)


def _dropout(call: Call, x: str, layout: str) -> str:
    module = call.module(f"nn.Dropout({call.layer.rate!r})")
    if call.layer.noise_shape is None:
        return f"{module}({x})"
    sizes_of = {call.axis(i, layout): size for i, size in enumerate(call.layer.noise_shape)}
    shape = [f"{x}.shape[{i}]" if sizes_of[i] is None else str(int(sizes_of[i])) for i in sorted(sizes_of)]
    return f"{x} * {module}({x}.new_ones({', '.join(shape)}))"


def _spatial_dropout(call: Call) -> None:
    x, layout = call.spatial()
    rank = call.inputs[0].rank - 2
    call.give(f"{call.module(f'nn.Dropout{rank}d({call.layer.rate!r})')}({x})", layout)


def _nothing(call: Call, x: str, layout: str) -> str:
    return x


def _gaussian_noise(call: Call, x: str, layout: str) -> str:
    return f"{x} + {call.layer.stddev!r} * torch.randn_like({x}) if self.training else {x}"


def _gaussian_dropout(call: Call, x: str, layout: str) -> str:
    deviation = (call.layer.rate / (1 - call.layer.rate)) ** 0.5
    return f"{x} * (1 + {deviation!r} * torch.randn_like({x})) if self.training else {x}"


def _alpha_dropout(call: Call, x: str, layout: str) -> str:
    if call.layer.noise_shape is not None:
        call.fail("nn.AlphaDropout takes no noise_shape")
    return f"{call.module(f'nn.AlphaDropout({call.layer.rate!r})')}({x})"


def _time_distributed(call: Call) -> None:
    x = call.x()
    shape = call.inputs[0].shape
    steps = call.let(f"{x}.flatten(0, 1)", f"{call.hint}_steps")
    inside = Tensor((None, *shape[2:]), {KERAS: steps})
    inner_shape = (None, *call.output_shapes[0][2:])
    inner = replace(call, layer=call.layer.layer, inputs=[inside], output_shapes=[inner_shape], results=[])
    made = replace(call, inputs=call.writer.emit(inner), results=[])
    call.give(f"{made.x()}.unflatten(0, {x}.shape[:2])")


TEMPLATES: dict[str, Template] = {
    "Dense": Template(_dense, "units activation use_bias"),
    "Embedding": Template(_embedding, "input_dim output_dim mask_zero input_length"),
    "Flatten": Template(_flatten, "data_format"),
    "Reshape": Template(_reshape, "target_shape"),
    "Permute": Template(_permute, "dims"),
    "RepeatVector": Template(_repeat_vector, "n"),
    "Masking": Template(_masking, "mask_value"),
    "Dropout": Template(partial(elementwise, _dropout), "rate noise_shape"),
    **of_ranks("SpatialDropout*D", _spatial_dropout, "rate data_format"),
    "ActivityRegularization": Template(partial(elementwise, _nothing), "l1 l2"),
    "GaussianNoise": Template(partial(elementwise, _gaussian_noise), "stddev"),
    "GaussianDropout": Template(partial(elementwise, _gaussian_dropout), "rate"),
    "AlphaDropout": Template(partial(elementwise, _alpha_dropout), "rate noise_shape"),
    "TimeDistributed": Template(_time_distributed, "layer"),
}
