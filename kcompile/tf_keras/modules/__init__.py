"""TensorFlow's modules, a file each: functions and classes by their names and parameters there.

Functions of tensors that are operations are in the tables of ``keras/operations``; here is the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from ...keras.data.dtypes import DTYPES, DType, as_dtype
from ...keras.data.files import TFRecordWriter
from . import (
    audio,
    candidate_sampling,
    config,
    control_flow,
    ctc,
    debugging,
    distribute,
    errors,
    gfile,
    images,
    io,
    linalg,
    lookup,
    nest,
    numpy_functions,
    own_gradients,
    programs,
    ragged,
    random_numbers,
    records,
    saved_models,
    shapes,
    sparse,
    strings,
    summary,
    tensor_arrays,
    testing,
    train,
    v1,
    v1_losses,
    v1_metrics,
    v1_train,
)


def _of(module: ModuleType, names: Iterable[str] | None = None) -> dict[str, Any]:
    """The names of a module as programs say them: ``range_`` is ``range``."""
    listed = module.__all__ if names is None else names
    return {name.rstrip("_"): getattr(module, name) for name in listed}


_DECODERS = [name for name in io.__all__ if name.startswith(("decode_", "encode_", "is_jpeg", "extract_"))]
_IMAGE = [
    name for name in _DECODERS if name not in ("decode_base64", "encode_base64", "decode_raw", "decode_csv")
]
_ASSERTIONS = "Assert assert_equal assert_greater assert_less assert_rank".split()

#: A module of TensorFlow -> what is in it, beside the functions of the tables; "" is ``tf`` itself.
MODULES: dict[str, dict[str, Any]] = {
    "": {
        **_of(control_flow),
        **_of(tensor_arrays),
        **_of(programs, programs.ROOT),
        **_of(own_gradients),
        **_of(shapes),
        **_of(debugging, _ASSERTIONS),
        "RaggedTensor": ragged.RaggedTensor,
        "SparseTensor": sparse.SparseTensor,
        "as_string": strings.as_string,
    },
    "audio": _of(audio),
    "config": _of(config),
    "config.experimental": _of(config, config.EXPERIMENTAL),
    "debugging": _of(debugging),
    "distribute": _of(distribute),
    "dtypes": {**DTYPES, "DType": DType, "as_dtype": as_dtype},
    "errors": _of(errors),
    "experimental.numpy": numpy_functions.NUMPY,
    "image": {**_of(io, _IMAGE), **_of(images)},
    "io": {**_of(io), **_of(records, records.IO), "TFRecordWriter": TFRecordWriter},
    "io.gfile": _of(gfile),
    "linalg": _of(linalg),
    "lite": _of(saved_models, saved_models.LITE),
    "lookup": _of(lookup),
    "nest": _of(nest),
    "nn": _of(ctc),
    "ragged": _of(ragged),
    "random": {**_of(random_numbers), **_of(candidate_sampling)},
    "saved_model": _of(saved_models, saved_models.SAVED_MODEL),
    "sparse": _of(sparse),
    "strings": _of(strings),
    "summary": _of(summary),
    "test": _of(testing),
    "train": {**_of(train), **_of(records, records.TRAIN)},
    "compat": programs.COMPAT,
    "compat.v1": {**_of(v1), "Summary": summary.Summary},
    "compat.v1.losses": _of(v1_losses),
    "compat.v1.math": {"in_top_k": v1.in_top_k},
    "compat.v1.metrics": _of(v1_metrics),
    "compat.v1.summary": _of(summary, summary.V1),
    "compat.v1.train": {**_of(v1_train), "Optimizer": v1_train.OPTIMIZER},
    "compat.v1.nn": {
        **_of(v1, v1.NN),
        "ctc_beam_search_decoder": ctc.ctc_beam_search_decoder_of_v1,
        "ctc_loss": ctc.ctc_loss_of_v1,
    },
}
