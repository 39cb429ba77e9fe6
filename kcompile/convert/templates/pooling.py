"""Pooling over windows and over everything."""

from __future__ import annotations

from functools import partial

from ..layer_call import FIRST, KERAS, Call, Template, full, of_ranks, sizes


def _pooling(mode: str, call: Call) -> None:
    layer = call.layer
    x, layout = call.spatial()
    rank = len(layer.pool_size)
    window, stride = full(layer.pool_size), full(layer.strides)
    if layer.padding == "same" and mode == "avg":
        call.give(f"average_pool_same({x}, {window}, {stride})", layout)
        return
    if layer.padding == "same":
        x = f"same_padding({x}, {window}, {stride}, value=float('-inf'))"
    call.give(f"F.{mode}_pool{rank}d({x}, {sizes(layer.pool_size)}, {sizes(layer.strides)})", layout)


def _global_pooling(mode: str, call: Call) -> None:
    layer = call.layer
    mask = call.mask() if type(layer).__name__ == "GlobalAveragePooling1D" else None
    if mask is not None:
        if layer.data_format == "channels_first" or layer.keepdims:
            call.fail("a mask together with channels_first or keepdims has no entry")
        x = call.x()
        weights = call.let(f"{mask}.to({x}.dtype).unsqueeze(-1)", f"{call.hint}_weights")
        call.give(f"({x} * {weights}).sum(1) / {weights}.sum(1)")
        return
    first = layer.data_format == "channels_first"
    tensor = call.inputs[0]
    layout = KERAS if first or tensor.native == KERAS else FIRST
    start = 2 if first or layout == FIRST else 1
    dims = ", ".join(str(start + i) for i in range(tensor.rank - 2))
    keep = ", keepdim=True" if getattr(layer, "keepdims", False) else ""
    call.give(f"{call.x(layout)}.{mode}(({dims},){keep})", layout)


_WINDOW = "pool_size strides padding data_format"
TEMPLATES: dict[str, Template] = {
    **of_ranks("MaxPooling*D", partial(_pooling, "max"), _WINDOW),
    **of_ranks("AveragePooling*D", partial(_pooling, "avg"), _WINDOW),
    **of_ranks("GlobalMaxPooling*D", partial(_global_pooling, "amax"), "data_format keepdims"),
    **of_ranks("GlobalAveragePooling*D", partial(_global_pooling, "mean"), "data_format keepdims"),
}
