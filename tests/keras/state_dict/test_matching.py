"""Weights of modules written in PyTorch, read into Keras models: equal outputs, or nothing is changed."""

from __future__ import annotations

import json
from collections import OrderedDict
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from kcompile.keras.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Conv2DTranspose,
    CuDNNGRU,
    CuDNNLSTM,
    Dense,
    DepthwiseConv2D,
    Embedding,
    Input,
    LayerNormalization,
    MultiHeadAttention,
    PReLU,
    Reshape,
    SimpleRNN,
)
from kcompile.keras.models import Model, Sequential
from kcompile.keras.state_dict import WeightsMismatch, match, read_tensors, state_dict


class First(nn.Module):
    """The output of a recurrent module without its states."""

    def forward(self, pair):
        return pair[0]


def images(*modules: nn.Module) -> nn.Module:
    class Images(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(*modules)

        def forward(self, x):
            return self.body(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    return Images()


def recurrent(module: nn.Module) -> nn.Module:
    return nn.Sequential(OrderedDict(rnn=module, first=First()))


def randomised(module: nn.Module) -> nn.Module:
    """Statistics away from their start, so that a swap shows."""
    generator = torch.Generator().manual_seed(3)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.8 + 0.1)
    return module.eval()


RNN = {"return_sequences": True}
CASES = {
    "linear": (nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.Linear(5, 2, bias=False)),
               [Dense(5, activation="relu"), Dense(5), Dense(2, use_bias=False)], (4,)),
    "convolution": (images(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=1e-3), nn.PReLU(4), nn.Conv2d(4, 4, 1)),
                    [Conv2D(4, 3), BatchNormalization(), PReLU(shared_axes=[1, 2]), Conv2D(4, 1)], (7, 6, 3)),
    "depthwise": (images(nn.Conv2d(3, 6, 3, groups=3)), [DepthwiseConv2D(3, depth_multiplier=2)], (7, 6, 3)),
    "transposed": (images(nn.ConvTranspose2d(3, 5, 3, stride=2)), [Conv2DTranspose(5, 3, strides=2)],
                   (4, 5, 3)),
    "lstm": (recurrent(nn.LSTM(3, 4, num_layers=2, batch_first=True)), [LSTM(4, **RNN), LSTM(4, **RNN)],
             (5, 3)),
    "both ways": (recurrent(nn.LSTM(3, 4, batch_first=True, bidirectional=True)),
                  [Bidirectional(LSTM(4, **RNN))], (5, 3)),
    "cudnn": (recurrent(nn.GRU(3, 4, batch_first=True)), [CuDNNGRU(4, **RNN)], (5, 3)),
    "cudnn lstm": (recurrent(nn.LSTM(3, 4, batch_first=True)), [CuDNNLSTM(4, **RNN)], (5, 3)),
    "layer normalization": (nn.LayerNorm(3, eps=1e-3), [LayerNormalization()], (5, 3)),
    "gru": (recurrent(nn.GRU(3, 4, batch_first=True)), [GRU(4, reset_after=True, **RNN)], (5, 3)),
    "rnn": (recurrent(nn.RNN(3, 4, batch_first=True)), [SimpleRNN(4, **RNN)], (5, 3)),
}  # fmt: skip


@pytest.mark.parametrize("extension", [".pth", ".safetensors"])
@pytest.mark.parametrize("case", CASES)
def test_modules_of_pytorch_load_by_structure(case, extension, tmp_path) -> None:
    module, layers, shape = CASES[case]
    randomised(module)
    model = Sequential([type(layer).from_config(layer.get_config()) for layer in layers])
    model.build((None, *shape))
    path = tmp_path / f"weights{extension}"
    if extension == ".pth":
        torch.save(module.state_dict(), path)
    else:
        from safetensors.torch import save_file

        save_file(module.state_dict(), path)
    model.load_weights(path)
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(model.predict(x), expected, atol=1e-5)


def test_attention_loads(tmp_path) -> None:
    module = randomised(nn.MultiheadAttention(8, 2, batch_first=True))
    torch.save(module.state_dict(), tmp_path / "w.pth")
    query, value = Input((5, 8)), Input((4, 8))
    model = Model([query, value], MultiHeadAttention(2, 4)(query, value))
    model.load_weights(tmp_path / "w.pth")
    q, v = (np.random.default_rng(0).standard_normal((2, n, 8)).astype(np.float32) for n in (5, 4))
    with torch.no_grad():
        expected = module(*(torch.from_numpy(a) for a in (q, v, v)))[0]
    np.testing.assert_allclose(model.predict([q, v]), expected, atol=1e-5)


def test_an_embedding_loads(tmp_path) -> None:
    module = nn.Embedding(7, 3)
    torch.save({"state_dict": {"module.table.weight": module.weight}}, tmp_path / "w.pt")
    model = Sequential([Embedding(7, 3, input_length=4)])
    model.load_weights(str(tmp_path / "w.pt"))
    np.testing.assert_array_equal(model.get_weights()[0], module.weight.detach().numpy())


def test_initializers_load_by_name(tmp_path) -> None:
    model, other = dense(), dense((5, 5, 9))
    model.export(tmp_path / "m.onnx")
    before = model.get_weights()
    model.set_weights([w * 0 for w in before])
    model.load_weights(tmp_path / "m.onnx")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(WeightsMismatch, match="dense_2/kernel.*shape"):
        other.load_weights(tmp_path / "m.onnx")


def two_branches() -> Model:
    x = Input((4,))
    wide = Dense(6, name="wide")(x)
    return Model(x, [wide, Dense(3, name="narrow")(x)])


def test_where_orders_differ_shapes_decide(tmp_path) -> None:
    module = nn.ModuleDict({"b": nn.Linear(4, 3), "a": nn.Linear(4, 6)})
    torch.save(module.state_dict(), tmp_path / "w.pth")
    model = two_branches()
    model.load_weights(tmp_path / "w.pth")
    found = model.get_layer("narrow").get_weights()[0]
    np.testing.assert_array_equal(found, module["b"].weight.detach().numpy().T)


def linear(sizes=(4, 5, 5, 2)) -> nn.Module:
    return nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(sizes)))


def dense(units=(5, 5, 2)) -> Sequential:
    model = Sequential([Dense(n, name=f"dense_{i}") for i, n in enumerate(units)])
    model.build((None, 4))
    return model


MISFITS = {
    "another shape": (linear((4, 5, 6, 2)).state_dict(), r"needs weight of shape \[5, 5\]"),
    "a tensor too many": (linear((4, 5, 5, 2, 2)).state_dict(), r"3\.weight .*no layer takes"),
    "a tensor too few": (linear((4, 5, 5)).state_dict(), "only 2 modules"),
    "no kernel": ({k: v for k, v in linear().state_dict().items() if k != "2.weight"}, "dense_2.weight"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_changes_nothing(case, tmp_path) -> None:
    tensors, message = MISFITS[case]
    torch.save(tensors, tmp_path / "w.pth")
    model = dense()
    before = model.get_weights()
    with pytest.raises(WeightsMismatch, match=message):
        model.load_weights(tmp_path / "w.pth")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_an_absent_bias_is_zeros_only_where_the_mapping_says_so(tmp_path) -> None:
    module = nn.Sequential(nn.Linear(4, 5, bias=False), nn.Linear(5, 5), nn.Linear(5, 2, bias=False))
    torch.save(module.state_dict(), tmp_path / "w.pth")
    model = dense()
    model.set_weights([w + 1 for w in model.get_weights()])
    before = model.get_weights()

    def assert_untouched() -> None:
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)

    with pytest.raises(ValueError, match='dense_0.bias is not in the file.*"dense_0/bias": 0'):
        model.load_weights(tmp_path / "w.pth")
    assert_untouched()
    names = {"dense_0": "0", "dense_0/bias": 0, "dense_1": "1", "dense_2": "2"}
    with pytest.raises(ValueError, match='"dense_2/bias": 0'):
        model.load_weights(tmp_path / "w.pth", mapping=names)
    assert_untouched()
    model.load_weights(tmp_path / "w.pth", mapping={**names, "dense_2/bias": 0})
    x = np.ones((1, 4), np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(model.predict(x), module(torch.from_numpy(x)), atol=1e-6)


def test_our_own_names_without_a_bias_are_a_damaged_file() -> None:
    model = dense()
    tensors = {name: a for name, a in state_dict(model).items() if name != "dense_1.bias"}
    assert "dense_1.bias" in match(model, tensors).missing[0][1]


def test_a_shortcut_that_could_be_swapped_is_not_guessed() -> None:
    """The order of a residual block differs between frameworks; two of its modules have one shape."""
    x = Input((4,))
    narrow, shortcut = Dense(2, name="narrow")(x), Dense(4, name="shortcut")(x)
    model = Model(x, [shortcut, Dense(4, name="last")(narrow), Dense(4, name="other")(x)])
    sizes = {"last": (2, 4), "other": (4, 4), "downsample": (4, 4), "n": (4, 2)}
    block = nn.ModuleDict({name: nn.Linear(*pair) for name, pair in sizes.items()})
    report = match(model, {name: t.numpy() for name, t in block.state_dict().items()})
    assert {name for name, _ in report.missing} == {
        "shortcut/kernel", "shortcut/bias", "other/kernel", "other/bias",
    }  # fmt: skip


def test_a_partial_load_is_asked_for_and_told(tmp_path) -> None:
    module = linear((4, 5, 5, 3))
    torch.save(module.state_dict(), tmp_path / "w.pth")
    model = dense()
    with pytest.warns(UserWarning, match="in part"):
        model.load_weights(tmp_path / "w.pth", skip_mismatch=True)
    np.testing.assert_array_equal(model.get_weights()[0], module[0].weight.detach().numpy().T)


def test_the_names_that_are_written_match_in_any_order() -> None:
    model = dense((4, 4, 4))
    tensors = dict(reversed(state_dict(model).items()))
    report = match(model, tensors, ordered=False)
    assert report.how == "names" and report.complete


def test_equal_shapes_without_an_order_are_no_match(tmp_path) -> None:
    shapes = {"weight": (4, 4), "bias": (4,)}
    tensors = {f"{name}.{suffix}": np.zeros(n) for name in ("x", "y") for suffix, n in shapes.items()}
    report = match(dense((4, 4)), tensors, ordered=False)
    assert not report.matched and "cannot be told from their order" in report.missing[0][1]


def test_a_mapping_decides(tmp_path) -> None:
    module = nn.ModuleDict({"x": nn.Linear(4, 4), "y": nn.Linear(4, 4), "z": nn.Linear(2, 2)})
    torch.save(module.state_dict(), tmp_path / "w.pth")
    mapping = {"dense_0/kernel": "y.weight", "dense_0/bias": "y.bias", "dense_1": "x", "dense_2": None}
    (tmp_path / "map.json").write_text(json.dumps(mapping))
    model = dense((4, 4, 3))
    kept = model.get_weights()[4]
    with pytest.raises(WeightsMismatch, match="z.weight"):
        model.load_weights(tmp_path / "w.pth", mapping=tmp_path / "map.json")
    with pytest.warns(UserWarning, match=r"z\.weight"):
        model.load_weights(tmp_path / "w.pth", mapping=mapping, skip_mismatch=True)
    found = model.get_weights()
    np.testing.assert_array_equal(found[0], module["y"].weight.detach().numpy().T)
    np.testing.assert_array_equal(found[2], module["x"].weight.detach().numpy().T)
    np.testing.assert_array_equal(found[4], kept)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"dense_0": "0", "dense_1": "1"}, "the mapping does not name it"),
        ({"dense_0": "0", "dense_1": "1", "dense_2": "5"}, "not in the file"),
        ({"dense_0": "0", "dense_1": "1", "dense_2": "2", "dense_9": "2"}, "no such weight or layer"),
    ],
)
def test_a_bad_mapping_is_explained(mapping, message, tmp_path) -> None:
    torch.save(linear().state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsMismatch, match=message):
        dense().load_weights(tmp_path / "w.pth", mapping=mapping)


def test_a_second_bias_that_the_layer_cannot_apply_is_refused(tmp_path) -> None:
    torch.save(nn.GRU(3, 4).state_dict(), tmp_path / "w.pth")
    model = Sequential([GRU(4, input_shape=(5, 3))])
    with pytest.raises(WeightsMismatch, match="reset_after=True"):
        model.load_weights(tmp_path / "w.pth")


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_pickle_that_runs_code_is_refused(tmp_path, capsys) -> None:
    torch.save({"weight": torch.zeros(2), "evil": Evil()}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="more than tensors"):
        dense().load_weights(tmp_path / "w.pth")
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("extension", [".pth", ".safetensors"])
@pytest.mark.parametrize("kept", [0, 1, 100, 700])
def test_a_file_that_is_cut_off_is_refused(extension, kept, tmp_path) -> None:
    from kcompile.keras.state_dict import write_tensors

    model = dense()
    path = tmp_path / f"w{extension}"
    write_tensors(state_dict(model), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="w"):
        model.load_weights(path)


def test_reshape_has_no_weights_and_takes_none(tmp_path) -> None:
    model = Sequential([Reshape((2, 2), input_shape=(4,)), Dense(3)])
    linear = nn.Linear(2, 3)
    torch.save(linear.state_dict(), tmp_path / "w.pth")
    model.load_weights(tmp_path / "w.pth")
    kernel, bias = model.get_weights()
    np.testing.assert_array_equal(kernel, linear.weight.detach().numpy().T)
    np.testing.assert_array_equal(bias, linear.bias.detach().numpy())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("extension", [".pth", ".safetensors"])
def test_a_file_with_flipped_bytes_loads_or_raises_value_error(extension, tmp_path) -> None:
    from kcompile.keras.state_dict import write_tensors

    model, random, path = dense(), np.random.default_rng(0), tmp_path / f"w{extension}"
    write_tensors(state_dict(model), path)
    original = path.read_bytes()
    refused = 0
    for _ in range(150):
        changed = bytearray(original)
        for place in random.integers(len(original), size=2):
            changed[place] = random.integers(256)
        path.write_bytes(changed)
        try:
            match(model, read_tensors(path), ordered=False)
        except ValueError:
            refused += 1
    assert refused > 20
