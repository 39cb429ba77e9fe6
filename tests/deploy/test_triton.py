"""``kcompile package --triton``: config.pbtxt by Triton's own schema, as its client ships it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from kcompile.cli import main
from kcompile.deploy.models import CheckedModel, check_model
from kcompile.deploy.triton import _TYPES, triton_config, write_triton_repository
from kcompile_runtime import StateInfo, TensorInfo

pytest.importorskip("tritonclient.grpc", reason="tritonclient[grpc] brings Triton's schema")


_ONNX_NAMES = "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FLOAT16 FLOAT DOUBLE STRING BFLOAT16"


def parsed(text: str):
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    return text_format.Parse(text, model_config_pb2.ModelConfig())


def described(inputs=(), outputs=(), states=()) -> CheckedModel:
    return CheckedModel(Path("m.onnx"), list(inputs), list(outputs), list(states), {}, ())


def tensor(name="x", dtype="float32", shape=("batch", 4)) -> TensorInfo:
    return TensorInfo(name, dtype, shape)


def lstm(folder: Path, **arguments) -> Path:
    from kcompile.keras.layers import LSTM
    from kcompile.keras.models import Sequential

    Sequential([LSTM(3, stateful=True, **arguments)]).export(folder / "m.onnx")
    return folder / "m.onnx"


def test_the_repository_is_laid_out_as_triton_has_it(tmp_path, capsys):
    file = lstm(tmp_path, batch_input_shape=(1, None, 4))
    assert main(["package", str(file), "-o", str(tmp_path / "d"), "--triton", "--name", "net"]) == 0
    found = {p.relative_to(tmp_path / "d").as_posix() for p in (tmp_path / "d").rglob("*") if p.is_file()}
    assert found == {"net/config.pbtxt", "net/1/model.onnx"}
    assert parsed((tmp_path / "d/net/config.pbtxt").read_text()).name == "net"
    assert (tmp_path / "d/net/1/model.onnx").read_bytes() == file.read_bytes()


def test_the_command_takes_batch_and_delay_for_triton_alone(tmp_path, capsys):
    from kcompile.keras.layers import Dense
    from kcompile.keras.models import Sequential

    Sequential([Dense(3, input_shape=(4,))]).export(tmp_path / "m.onnx", verify=False)
    command = ["package", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "d"), "--max-batch", "8"]
    assert main([*command, "--triton", "--delay-ms", "2.5"]) == 0
    config = parsed((tmp_path / "d/m/config.pbtxt").read_text())
    assert config.max_batch_size == 8 and config.dynamic_batching.max_queue_delay_microseconds == 2500
    assert main([*command[:3], str(tmp_path / "e"), *command[4:]]) == 2
    assert "--max-batch: of --triton" in capsys.readouterr().err


def test_a_model_of_any_number_of_samples_is_batched():
    model = described([tensor(), tensor("ids", "int64", ("batch", None))], [tensor("y", shape=(None, 2))])
    config = parsed(triton_config(model, "m", max_batch=16, delay_ms=1.5))
    assert config.platform == "onnxruntime_onnx" and config.max_batch_size == 16
    assert [list(i.dims) for i in config.input] == [[4], [-1]] and list(config.output[0].dims) == [2]
    assert config.HasField("dynamic_batching")
    assert config.dynamic_batching.max_queue_delay_microseconds == 1500


@pytest.mark.parametrize(
    "inputs, outputs",
    [
        ([tensor(shape=(1, 4))], [tensor("y", shape=(1, 2))]),
        ([tensor()], [tensor("y", shape=())]),
        ([tensor(), tensor("fixed", shape=(3, 3))], [tensor("y")]),
        ([], [tensor("y")]),
    ],
    ids=["one sample", "an output of all samples", "an input of all samples", "no inputs"],
)
def test_a_model_without_a_row_for_each_sample_is_not_batched(inputs, outputs):
    config = parsed(triton_config(described(inputs, outputs), "m"))
    assert config.max_batch_size == 0 and not config.HasField("dynamic_batching")
    assert [len(i.dims) for i in config.input] == [len(i.shape) for i in inputs]


def test_tensors_without_axes_are_reshaped():
    config = parsed(triton_config(described([tensor(shape=("batch",))], [tensor("y")]), "m"))
    assert list(config.input[0].dims) == [1]
    assert config.input[0].HasField("reshape") and not config.input[0].reshape.shape


@pytest.mark.parametrize("dtype", _TYPES)
def test_every_type_is_one_of_tritons_schema_and_of_onnx(dtype):
    config = parsed(triton_config(described([tensor(dtype=dtype)], [tensor("y")]), "m"))
    name = dict(
        zip(
            _TYPES,
            _ONNX_NAMES.split(),
            strict=True,
        )
    )[dtype]
    assert TensorProto.DataType.Value(name) > 0
    assert config.input[0].data_type > 0


@pytest.mark.parametrize(
    "wrong, said",
    [
        (tensor(dtype="complex64"), "Triton has no element type complex64"),
        (tensor(shape=None), "known rank"),
    ],
)
def test_what_triton_cannot_say_is_an_error(wrong, said):
    with pytest.raises(ValueError, match=said):
        triton_config(described([wrong], [tensor("y")]), "m")


@pytest.mark.parametrize("name", ['a"b', "a\\", 'x" } output { name: "z', "a\nb", "\u00e9\u4e2d", "a\x00"])
def test_names_from_the_file_stay_names(name):
    config = parsed(triton_config(described([tensor(name)], [tensor("y")]), "m"))
    assert config.input[0].name == name and len(config.output) == 1


def test_states_are_those_of_a_sequence_and_start_where_the_executor_starts(tmp_path):
    model = check_model(lstm(tmp_path, batch_input_shape=(1, None, 4)))
    config = parsed(triton_config(model, "m"))
    assert [i.name for i in config.input] == [i.name for i in model.inputs]
    assert config.sequence_batching.max_sequence_idle_microseconds == 600_000_000
    assert [(s.input_name, s.output_name, list(s.dims)) for s in config.sequence_batching.state] == [
        (s.input, s.output, [1, 3]) for s in model.states
    ]
    for state in config.sequence_batching.state:
        assert state.initial_state[0].zero_data and state.initial_state[0].dims == state.dims


def test_states_of_any_number_of_samples_are_batched_over_sequences():
    state = StateInfo("s", "s/next", "float32", (None, 3))
    config = parsed(triton_config(described([tensor()], [tensor("y")], [state]), "m", max_batch=8))
    assert config.max_batch_size == 8 and config.WhichOneof("scheduling_choice") == "sequence_batching"
    assert list(config.sequence_batching.state[0].dims) == [3]


def test_a_first_value_that_is_not_zero_lies_in_a_file_whose_name_is_ours(tmp_path, monkeypatch):
    first = np.array([1, 2, 3], np.float32)
    state = StateInfo("../../s", "s/next", "float32", (None, 3), first)
    file = lstm(tmp_path, batch_input_shape=(1, None, 4))
    model = described([tensor()], [tensor("y")], [state])
    object.__setattr__(model, "path", file)
    monkeypatch.setattr("kcompile.deploy.triton.check_model", lambda path: model)
    write_triton_repository(file, tmp_path / "d")
    config = parsed((tmp_path / "d/m/config.pbtxt").read_text())
    assert config.sequence_batching.state[0].initial_state[0].data_file == "state_0"
    assert np.array_equal(np.frombuffer((tmp_path / "d/m/initial_state/state_0").read_bytes(), "f4"), first)


def test_a_state_of_open_size_is_an_error():
    state = StateInfo("s", "s/next", "float32", (None, "time"))
    with pytest.raises(ValueError, match="expected sizes that are known"):
        triton_config(described([tensor()], [tensor("y")], [state]), "m")
