"""A model file is untrusted. One test for each published weakness of Keras's file loading, and for archives'
own traps.

Published weaknesses:

    CVE-2021-37678          YAML configs built any Python object
    CVE-2024-3660           Lambda layers ran bytecode from the file
    CVE-2025-9905           ... also from .h5, whatever safe_mode said
    CVE-2025-1550           .keras configs imported any module and called any function in it
    CVE-2025-8747           ... also by way of functions that were permitted
    CVE-2025-9906           ... also to switch the safe mode off
    CVE-2025-12058          lookup layers read any file that the config named
    CVE-2025-12060          get_file unpacked archives out of their folder (tested in tests/keras/utils)
    CVE-2026-0897           shapes declared in the file took all memory
    CVE-2026-1462           layers loaded an external model that the config named
    (no number)             HDF5 links and external storage read other files (see test_bad_hdf5.py)
"""

from __future__ import annotations

import base64
import builtins
import io
import json
import marshal
import stat
import time
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcompile import formats
from kcompile.formats import FileFormatError, UnsafeFileError
from kcompile.keras.models import load_model, model_from_json, model_from_yaml
from tests.formats import fuzz

KERAS = Path(__file__).parent.parent / "golden" / "formats" / "keras3" / "mlp_adam.keras"
FILES = dict(fuzz.stored())


def members():
    with zipfile.ZipFile(KERAS) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def keras_file(changes=None, extra=()):
    """A .keras file with members replaced or added; entries of ``extra`` may repeat names."""
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in {**members(), **(changes or {})}.items():
            archive.writestr(name, data)
        for info, data in extra:
            archive.writestr(info, data)
    result.seek(0)
    return result


def with_layer(layer, tmp_path, kind):
    """A file whose second layer is the given config."""
    config = json.loads(members()["config.json"])
    config.pop("compile_config")
    config["config"]["layers"][1] = layer
    if kind == "keras":
        return keras_file({"config.json": json.dumps(config)})
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights").attrs["layer_names"] = np.asarray([], "S1")
    return path


TOUCHED = "touched.txt"


def touching_bytecode(path):
    code = compile(f"lambda x: open({str(path)!r}, 'w')", "f", "eval").co_consts[0]
    return base64.b64encode(marshal.dumps(code)).decode()


def lambda_of_keras_2(path):
    function = [touching_bytecode(path), None, None]
    return {"class_name": "Lambda", "config": {"name": "f", "function": function, "function_type": "lambda"}}


def lambda_of_keras_3(path):
    function = {"code": touching_bytecode(path), "defaults": None, "closure": None}
    value = {"class_name": "__lambda__", "config": function}
    return {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "f", "function": value}}


def named_function(module, name):
    def layer(path):
        value = {"module": module, "class_name": "function", "config": name, "registered_name": name}
        config = {"name": "f", "function": value, "arguments": {"mode": "w"}}
        return {"module": "keras.layers", "class_name": "Lambda", "config": config}

    return layer


def named_class(module, name, /, **config):
    return lambda path: {"module": module, "class_name": name, "config": {"name": "f", **config}}


def activation(module, name):
    value = {"module": module, "class_name": "function", "config": name, "registered_name": name}
    return named_class("keras.layers", "Dense", units=3, activation=value)


SECRET = "/etc/passwd"
UNSAFE = "enable_unsafe_deserialization"
HOSTILE = {
    "CVE-2024-3660 and CVE-2025-9905 bytecode as Keras 2 writes it": lambda_of_keras_2,
    "CVE-2024-3660 bytecode as Keras 3 writes it": lambda_of_keras_3,
    "CVE-2025-1550 function of any module": named_function("os", "system"),
    "CVE-2025-1550 class of any module": named_class("subprocess", "Popen", args=["touch", TOUCHED]),
    "CVE-2025-1550 builtin": activation("builtins", "exec"),
    "CVE-2025-8747 permitted function that downloads": named_function("keras.utils", "get_file"),
    "CVE-2025-8747 permitted function by activation": activation("keras.utils", "get_file"),
    "CVE-2025-9906 switching the safe mode off": named_function("keras.config", UNSAFE),
    "CVE-2025-9906 switching it off by activation": activation("keras.config", UNSAFE),
    "CVE-2025-12058 vocabulary in a file": named_class("keras.layers", "StringLookup", vocabulary=SECRET),
    "CVE-2025-12058 lookup in a file": named_class("keras.layers", "IntegerLookup", vocabulary=SECRET),
    "CVE-2026-1462 external SavedModel": named_class("keras.layers", "TFSMLayer", filepath="/etc"),
    "CVE-2026-1462 external model": named_class("keras.layers", "TorchModuleWrapper", module=SECRET),
}


@pytest.mark.parametrize("kind", ["keras", "h5"])
@pytest.mark.parametrize("layer", HOSTILE.values(), ids=HOSTILE.keys())
def test_published_weakness_is_refused_and_nothing_is_run_or_read(layer, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = with_layer(layer(tmp_path / TOUCHED), tmp_path, kind)
    opened = []
    true_open = builtins.open

    def watched(name, *args, **kwargs):
        opened.append(str(name))
        return true_open(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", watched)
    with pytest.raises(
        ValueError,
        match=r"[Uu]nknown|[Rr]efused|bytecode|does not make a model|not available|the vocabulary must",
    ):
        load_model(file)
    assert not (tmp_path / TOUCHED).exists()
    assert not [name for name in opened if name.startswith("/etc")]


def test_cve_2021_37678_yaml_names_python_objects():
    for tag in ("!!python/object/apply:os.system", "!!python/name:os.system", "!!python/object/new:type"):
        with pytest.raises(UnsafeFileError, match="tag"):
            model_from_yaml(f"class_name: Sequential\nconfig: {tag} ['touch x']\n")


def test_safe_mode_is_on_for_json_too(tmp_path):
    config = {"class_name": "Sequential", "config": {"layers": [lambda_of_keras_2(tmp_path / TOUCHED)]}}
    with pytest.raises(ValueError, match="safe_mode=False"):
        model_from_json(json.dumps(config))


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_cve_2026_0897_declared_shapes_take_no_memory(kind, tmp_path):
    config = json.loads(members()["config.json"])
    config.pop("compile_config")
    config["config"]["layers"][1]["config"]["units"] = 10**12
    if kind == "keras":
        file = keras_file({"config.json": json.dumps(config)})
    else:
        file = tmp_path / "m.h5"
        with h5py.File(file, "w") as h5:
            h5.attrs["model_config"] = json.dumps(config)
            group = h5.create_group("model_weights")
            group.attrs["layer_names"] = [b"hidden"]
            layer = group.create_group("hidden")
            layer.attrs["weight_names"] = [b"w"]
            layer["w"] = np.zeros(3)
    start = time.monotonic()
    message = r"'hidden' declares the weight 'kernel' of shape \(6, 1000000000000\)"
    with pytest.raises(UnsafeFileError, match=message):
        load_model(file)
    assert time.monotonic() - start < 2


def test_links_in_the_weights_of_a_keras_file_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones((6, 8), "f4")
    buffer = io.BytesIO(members()["model.weights.h5"])
    with h5py.File(buffer, "a") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/secret")
    with pytest.raises(UnsafeFileError, match="soft or external link"):
        load_model(keras_file({"model.weights.h5": buffer.getvalue()}))


def test_group_that_holds_itself_ends(tmp_path):
    buffer = io.BytesIO(members()["model.weights.h5"])
    with h5py.File(buffer, "a") as file:
        file["layers/dense/again"] = file["layers"]
    with pytest.raises(FileFormatError, match="linked twice"):
        load_model(keras_file({"model.weights.h5": buffer.getvalue()}))


# --- zip archives -------------------------------------------------------------------------------------------


def symbolic_link():
    info = zipfile.ZipInfo("assets/link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return keras_file(extra=[(info, "/etc/passwd")])


def encrypted():
    data = bytearray(keras_file().getvalue())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    return io.BytesIO(data)


def bomb():
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members().items():
            archive.writestr(name, data if name != "config.json" else b" " * 2**25)
    result.seek(0)
    return result


def lying_size():
    """The list of members declares a terabyte for the weights."""
    data = bytearray(keras_file().getvalue())
    at = data.index(b"model.weights.h5", data.index(b"PK\x01\x02")) - 46
    data[at + 20 : at + 28] = b"\xfe\xff\xff\xff" * 2
    return io.BytesIO(data)


def overlapping():
    data = bytearray(keras_file().getvalue())
    at = data.index(b"model.weights.h5", data.index(b"PK\x01\x02")) - 46
    data[at + 42 : at + 46] = bytes(4)  # the weights' header is said to be at 0, where the metadata are
    return io.BytesIO(data)


ARCHIVES = {
    "path that climbs": (lambda: keras_file(extra=[("../../evil", "x")]), "leads out of the archive"),
    "absolute path": (lambda: keras_file(extra=[("/etc/evil", "x")]), "leads out of the archive"),
    "path of Windows": (lambda: keras_file(extra=[("C:\\evil", "x")]), "leads out of the archive"),
    "member twice": (lambda: keras_file(extra=[("config.json", "{}")]), "'config.json' is there twice"),
    "symbolic link": (symbolic_link, "symbolic link"),
    "encrypted": (encrypted, "encrypted"),
    "bomb": (bomb, "declares 33554432 bytes"),
    "size of a terabyte": (lying_size, "declares|truncated|damaged"),
    "overlapping members": (overlapping, "damaged|two sizes"),
    "no weights": (lambda: keras_file({"model.weights.h5": b""}), "HDF5|empty|truncated"),
    "config is a list": (lambda: keras_file({"config.json": "[1]"}), "expected a model config"),
    "config too deep": (lambda: keras_file({"config.json": "[" * 10**5}), "nested more than"),
    "config of a million digits": (lambda: keras_file({"config.json": "1" * 10**6}), "not valid"),
    "weights changed": (lambda: _flipped(), "check sum"),
}


def _flipped():
    data = bytearray(keras_file().getvalue())
    data[data.index(b"\x89HDF") + 3000] ^= 1
    return io.BytesIO(data)


@pytest.mark.parametrize(("make", "message"), ARCHIVES.values(), ids=ARCHIVES.keys())
def test_archive_is_refused_before_anything_is_unpacked(make, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    with pytest.raises(FileFormatError, match=message):
        load_model(make())
    assert time.monotonic() - start < 5 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 8]}}, "does not fit the shape"),
        ({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}, "impossible shape"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}, "begins at byte 8, expected 0"),
        ({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, "ends before its data"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, "is it truncated"),
        ({"a": {"dtype": "X9", "shape": [2], "data_offsets": [0, 8]}}, "'X9' is not read"),
        ({"a": [1]}, "expected dtype, shape and data_offsets"),
        ({"a": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}}, "impossible shape"),
    ],
)
def test_impossible_safetensors_header(header, message):
    text = json.dumps(header).encode()
    file = io.BytesIO(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(FileFormatError, match=message):
        formats.read(file, format="safetensors")


@pytest.mark.parametrize(
    "name", ["../a.weights.h5", "/etc/passwd", "sub/a.weights.h5", "a.h5", "..\\a.weights.h5", 7]
)
def test_shard_beyond_the_folder_is_refused(name, tmp_path):
    (tmp_path / "m.weights.json").write_text(json.dumps({"weight_map": {"/layers/dense/vars": [name]}}))
    with pytest.raises(UnsafeFileError, match="a shard is called"):
        formats.read(tmp_path / "m.weights.json")


def test_shard_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "a.weights.h5").symlink_to(KERAS.parent / "nested_nadam.weights.h5")
    index = {"weight_map": {"/layers/dense/vars": "a.weights.h5"}}
    (tmp_path / "m.weights.json").write_text(json.dumps(index))
    with pytest.raises(FileFormatError, match="not a file beside it"):
        formats.read(tmp_path / "m.weights.json")


# --- damage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in FILES if not n.endswith((".json", ".yaml"))])
def test_file_cut_at_4_kb_boundaries_is_refused(name):
    for end in [*range(0, len(FILES[name]), 4096), len(FILES[name]) - 1]:
        with pytest.raises(FileFormatError):
            formats.read(io.BytesIO(FILES[name][:end]))


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_text_cut_anywhere_is_refused(kind):
    name = f"keras2_shared.{kind}"
    loads = {"json": model_from_json, "yaml": model_from_yaml}[kind]
    text = FILES[name].decode()
    for end in range(1, len(text) - 2, 29):
        with pytest.raises(ValueError) as error:
            loads(text[:end])
        assert fuzz.is_ours(error.value)


def test_onnx_and_torch_files_cut_anywhere_are_refused(tmp_path):
    for name, content in [*fuzz._onnx_files(), *fuzz._torch_files()]:
        path = tmp_path / f"m{Path(name).suffix}"
        for end in {*range(0, len(content), 4096), *range(0, len(content), 487), len(content) - 1}:
            path.write_bytes(content[:end])
            assert fuzz.try_file(path) == "refused", (name, end)


def test_mutated_files_load_or_are_one_error(tmp_path):
    outcomes = fuzz.run(400, seed=7, folder=tmp_path)
    assert min(outcomes["loaded"], outcomes["refused"]) > 50, outcomes


def test_fuzzer_reports_errors_that_are_not_ours(tmp_path, monkeypatch):
    def broken(file, **kwargs):
        return np.zeros(3).reshape(7)

    monkeypatch.setattr(formats, "read", broken)
    with pytest.raises(fuzz.Failure, match="as it is: ValueError: cannot reshape"):
        fuzz.run(3, seed=1, folder=tmp_path)


# --- configurations that are no model -----------------------------------------------------------------------


def sequential_config():
    return json.loads(members()["config.json"])


def functional_config():
    with zipfile.ZipFile(KERAS.parent / "shared_lstm_sgd.keras") as archive:
        return json.loads(archive.read("config.json"))


def renamed(config):
    layers = config["config"]["layers"]
    layers[2]["name"] = layers[2]["config"]["name"] = layers[1]["config"]["name"]


def on_itself(config):
    entry = next(e for e in config["config"]["layers"] if e["inbound_nodes"])
    text = json.dumps(entry["inbound_nodes"])
    tensor = next(iter(json.loads(text)[0]["args"]))
    tensor = tensor[0] if isinstance(tensor, list) else tensor
    tensor["config"]["keras_history"] = [entry["name"], 0, 0]
    entry["inbound_nodes"] = [{"args": [tensor], "kwargs": {}}]


def sized(value, layer=1, argument="units"):
    def change(config):
        config["config"]["layers"][layer]["config"][argument] = value

    return change


def first_layer(**changes):
    return lambda config: config["config"]["layers"][1].update(changes)


MALFORMED = {
    "two layers of a name": (functional_config, renamed),
    "a cycle": (functional_config, on_itself),
    "units of nan": (sequential_config, sized(float("nan"))),
    "units of infinity": (sequential_config, sized(float("inf"))),
    "negative units": (sequential_config, sized(-3)),
    "no units": (sequential_config, sized(None)),
    "units as text": (sequential_config, sized("many")),
    "units as a list": (sequential_config, sized([[3]])),
    "input shape of nan": (sequential_config, sized([None, float("nan")], 0, "batch_shape")),
    "negative input shape": (sequential_config, sized([None, -6], 0, "batch_shape")),
    "layers that are no list": (sequential_config, lambda c: c["config"].update(layers={"a": 1})),
    "layer that is a number": (sequential_config, lambda c: c["config"].update(layers=[7])),
    "config of a layer that is text": (
        sequential_config,
        first_layer(config="x"),
    ),
    "class name that is a list": (
        sequential_config,
        first_layer(class_name=["Dense"]),
    ),
}


@pytest.mark.parametrize(("make", "change"), MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("kind", ["keras", "json"])
def test_malformed_configuration_is_one_error_of_ours(make, change, kind):
    config = make()
    config.pop("compile_config", None)
    change(config)
    start = time.process_time()
    with pytest.raises(ValueError) as error:
        if kind == "keras":
            load_model(keras_file({"config.json": json.dumps(config)}))
        else:
            model_from_json(json.dumps(config))
    assert fuzz.is_ours(error.value), error.value
    assert time.process_time() - start < 2


def test_text_that_declares_more_than_the_memory_is_refused_before_it_is_taken():
    config = {
        "class_name": "Dense",
        "config": {"name": "big", "units": 10**13, "batch_input_shape": [None, 4]},
    }
    text = json.dumps({"class_name": "Sequential", "config": [config]})
    with pytest.raises(UnsafeFileError, match=r"'big' declares the weight 'kernel'.*over 400,000,000 values"):
        model_from_json(text)
    with pytest.raises(UnsafeFileError, match=r"'big' declares the weight 'kernel'.*more than the memory"):
        model_from_json(text, safe_mode=False)


def test_onnx_file_with_a_config_that_declares_more_than_it_has(tmp_path):
    import onnx

    name, content = fuzz._onnx_files()[0]
    proto = onnx.load_from_string(content)
    entry = next(e for e in proto.metadata_props if e.key == "kcompile.config")
    config = json.loads(entry.value)
    next(e for e in config["config"]["layers"] if e["class_name"] == "Dense")["config"]["units"] = 10**12
    entry.value = json.dumps(config)
    (tmp_path / name).write_bytes(proto.SerializeToString())
    with pytest.raises(UnsafeFileError, match="declares the weight 'kernel'"):
        load_model(tmp_path / name)


def test_torch_pickle_that_runs_code_is_refused(tmp_path):
    import torch

    class Touch:
        def __reduce__(self):
            return (open, (str(tmp_path / TOUCHED), "w"))

    for zipped in (True, False):
        torch.save({"w": Touch()}, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match="could run code"):
            fuzz.read_tensors(tmp_path / "w.pt")
    assert not (tmp_path / TOUCHED).exists()


SMALL = sorted(FILES, key=lambda name: len(FILES[name]))[:16]


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(SMALL), data=st.data())
def test_flipped_bytes_load_or_are_one_error(name, data, tmp_path):
    content = bytearray(FILES[name])
    places = st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=6, unique=True)
    for place in data.draw(places):
        content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path / f"m{fuzz._suffix(name)}"
    path.write_bytes(content)
    assert fuzz.try_file(path) in ("loaded", "refused")


def test_onnx_file_with_types_and_names_that_are_none(tmp_path):
    import onnx

    name, content = next(pair for pair in fuzz._onnx_files() if pair[0] == "plain_lstm.onnx")

    def damaged(change):
        proto = onnx.load_from_string(content)
        change(proto)
        (tmp_path / name).write_bytes(proto.SerializeToString())
        with pytest.raises(ValueError) as error:
            load_model(tmp_path / name)
        assert fuzz.is_ours(error.value), error.value
        return str(error.value)

    assert "the element type 127" in damaged(lambda p: setattr(p.graph.initializer[0], "data_type", 127))
    damaged(lambda p: setattr(p.graph.output[0].type.tensor_type, "elem_type", 0))
    damaged(lambda p: setattr(p.graph.initializer[0], "raw_data", b"123"))
    text = onnx.load_from_string(content).graph.node[0].op_type.encode()
    (tmp_path / name).write_bytes(content.replace(text, text[:-1] + b"\xff"))
    with pytest.raises(ValueError, match="not UTF-8 text"):
        load_model(tmp_path / name)
