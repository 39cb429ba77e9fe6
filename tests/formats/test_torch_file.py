"""PyTorch's weight files: read without torch, and no file makes the reader do more than read."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections import OrderedDict, defaultdict

import ml_dtypes
import numpy as np
import pytest
import torch
from torch import nn

from kcompile.formats import FileFormatError, UnsafeFileError, detect, torch_pickle
from kcompile.keras.state_dict import read_tensors

DTYPES = [getattr(torch, name) for name in torch_pickle.DTYPES]
ZIPPED = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])


def saved(content, path, zipped=True, protocol=2):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nested and quantized tensors are announced as prototypes
        torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    return path


def numbers(dtype):
    values = torch.arange(6).reshape(2, 3) % (2 if dtype == torch.bool else 6)
    return values.to(dtype)


def bits(tensor):
    return np.frombuffer(bytes(tensor.contiguous().untyped_storage()), np.uint8)[: tensor.nbytes]


@ZIPPED
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_element_type_is_read_as_torch_wrote_it(zipped, protocol, tmp_path) -> None:
    state = {str(dtype): numbers(dtype) for dtype in DTYPES}
    found = read_tensors(saved(state, tmp_path / "w.pt", zipped, protocol))
    assert list(found) == list(state)
    for name, tensor in state.items():
        assert f"torch.{found[name].dtype}" == name
        assert found[name].shape == (2, 3)
        assert np.array_equal(np.frombuffer(found[name].tobytes(), np.uint8), bits(tensor))


@ZIPPED
def test_views_parameters_and_tied_weights_share_one_storage(zipped, tmp_path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    net = nn.Module()
    net.table, net.tied = nn.Embedding(4, 6), nn.Linear(6, 4, bias=False)
    net.tied.weight = net.table.weight
    state = {
        **net.state_dict(),
        "whole": base,
        "turned": base.t(),
        "part": base[1:3, ::2],
        "scalar": base[2, 3],
        "none": base[:0],
        "parameter": nn.Parameter(base),
        "tagged": nn.Parameter(base, requires_grad=False),
        "row": torch.arange(5).expand(1, 5),
    }
    state["tagged"].note = "an attribute"
    found = read_tensors(saved(state, tmp_path / "w.pth", zipped))
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor.detach())
    assert np.shares_memory(found["table.weight"], found["tied.weight"])
    assert not found["whole"].flags.writeable  # another name may show the same numbers
    assert detect(tmp_path / "w.pth") == "torch"


@ZIPPED
@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_checkpoint_with_everything_around_its_weights(zipped, key, tmp_path) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    content = {
        "epoch": 3,
        "big": 2**80,
        "loss": 0.5,
        "done": True,
        "nothing": None,
        "bytes": b"\x00\xff",
        "size": torch.Size([2, 3]),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        "sets": {1, 2},
        "ordered": OrderedDict(a=1),
        "counts": defaultdict(int, a=1),
        ("a", 1): "a key that is a tuple",
        "optimizer": optimizer.state_dict(),
        key: OrderedDict((f"module.{name}", tensor) for name, tensor in net.state_dict().items()),
    }
    found = read_tensors(saved(content, tmp_path / "w.pt", zipped))
    assert list(found) == list(net.state_dict())
    for name, tensor in net.state_dict().items():
        np.testing.assert_array_equal(found[name], tensor)


def test_it_is_read_where_there_is_no_torch(tmp_path) -> None:
    saved({"w": torch.ones(2)}, tmp_path / "w.pt")
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from kcompile.keras.state_dict.files import read_tensors\n"
        "print(read_tensors(sys.argv[1])['w'].sum())"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "w.pt"], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "2.0\n"


# --- what is refused ----------------------------------------------------------------------------------------


def _matrix():
    return torch.eye(4)


def _outside():
    return torch.sparse_coo_tensor(
        torch.tensor([[10**9], [0]]), torch.ones(1), (3, 3), check_invariants=False
    )


LAYOUTS = {
    "coo": lambda: _matrix().to_sparse(),
    "coo outside": _outside,
    "coo empty": lambda: torch.sparse_coo_tensor(size=(20_000, 20_000)),
    "csr": lambda: _matrix().to_sparse_csr(),
    "csc": lambda: _matrix().to_sparse_csc(),
    "bsr": lambda: _matrix().to_sparse_bsr((2, 2)),
    "bsc": lambda: _matrix().to_sparse_bsc((2, 2)),
    "quantized": lambda: torch.quantize_per_tensor(_matrix(), 0.1, 0, torch.qint8),
    "quantized by channel": lambda: torch.quantize_per_channel(
        _matrix(), torch.ones(4), torch.zeros(4), 0, torch.quint8
    ),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "jagged": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
    "meta": lambda: torch.empty(10**9, device="meta"),
}


@ZIPPED
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.filterwarnings("ignore")
def test_layouts_other_than_dense_are_refused(layout, zipped, tmp_path) -> None:
    with pytest.raises(UnsafeFileError, match="tensors, which are not read|more than tensors"):
        read_tensors(saved({"w": LAYOUTS[layout]()}, tmp_path / "w.pt", zipped))


def _holding_itself():
    content = {}
    content["state_dict"] = content["model"] = content
    return content


def _nested(depth=50_000):
    content = ()
    for _ in range(depth):
        content = (content,)
    return content


DAMAGED = {
    "expanded": ({"w": torch.ones(1).expand(400_000_000)}, "repeats the 1 elements"),
    "expanded rows": ({"w": torch.ones(3).expand(10**8, 3)}, "repeats the 3 elements"),
    "conjugated": ({"w": torch.ones(2, dtype=torch.complex64).conj()}, "resolve_conj"),
    "no names": ([torch.ones(2)], "no named tensors"),
    "a tensor": (torch.ones(2), "no named tensors"),
    "holds itself": (_holding_itself(), "no named tensors"),
}


@ZIPPED
@pytest.mark.parametrize("case", DAMAGED)
def test_contents_that_torch_saves_and_nobody_needs(case, zipped, tmp_path) -> None:
    content, message = DAMAGED[case]
    with pytest.raises(FileFormatError, match=message):
        read_tensors(saved(content, tmp_path / "w.pt", zipped))


class Named:
    """Pickled as a call of whatever it is told."""

    def __init__(self, module: str, name: str, *arguments) -> None:
        self.module, self.name, self.arguments = module, name, arguments


class Reference(tuple):
    """Pickled as a persistent id."""


def pickled(content) -> bytes:
    """A pickle as torch writes it, of things that torch would not write."""
    out = io.BytesIO()

    class Pickler(pickle._Pickler):  # the one in Python, whose ``save`` can be told what to write
        def persistent_id(self, value):
            return tuple(value) if isinstance(value, Reference) else None

        def save(self, value, save_persistent_id=True):
            if not isinstance(value, Named):
                return super().save(value, save_persistent_id)
            self.write(f"c{value.module}\n{value.name}\n".encode())
            if value.arguments:
                super().save(tuple(value.arguments))
                self.write(pickle.REDUCE)

    Pickler(out, 2).dump(content)
    return out.getvalue()


def archive(path, content, storages=None, compression=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("archive/data.pkl", content if isinstance(content, bytes) else pickled(content))
        for key, data in (storages or {}).items():
            file.writestr(f"archive/data/{key}", data)
        for name, data in members.items():
            file.writestr(f"archive/{name}", data)
    return path


def storage(key="0", size=4, kind="FloatStorage"):
    return Reference(("storage", Named("torch", kind), key, "cpu", size))


def tensor(where=None, offset=0, shape=(4,), strides=(1,), rebuild="_rebuild_tensor_v2", *rest):
    return Named(
        "torch._utils", rebuild, where or storage(), offset, shape, strides, False, OrderedDict(), *rest
    )


def test_a_file_put_together_by_hand_is_read(tmp_path) -> None:
    found = read_tensors(
        archive(tmp_path / "w.pt", {"w": tensor()}, {"0": np.arange(4, dtype="f4").tobytes()})
    )
    np.testing.assert_array_equal(found["w"], [0, 1, 2, 3])
    big = archive(
        tmp_path / "w.pt", {"w": tensor()}, {"0": np.arange(4, dtype=">f4").tobytes()}, byteorder=b"big"
    )
    np.testing.assert_array_equal(read_tensors(big)["w"], [0, 1, 2, 3])
    flags = {"w": tensor(storage(kind="BoolStorage"))}
    found = read_tensors(archive(tmp_path / "w.pt", flags, {"0": bytes([0, 1, 2, 255])}))
    assert found["w"].tobytes() == bytes([0, 1, 1, 1])


BAD_NUMBERS = [-1, 5, 2**31, 2**62, 2**64, -(2**63), 10**5000, 0.5, True, None, "4", (4,), [4], {}]


@pytest.mark.parametrize("place", ["offset", "shape", "strides", "size", "shape and strides"])
@pytest.mark.parametrize("number", BAD_NUMBERS, ids=lambda n: str(n) if n != 10**5000 else "10**5000")
def test_no_number_of_a_tensor_leads_out_of_its_storage(place, number, tmp_path) -> None:
    changed = {
        "offset": lambda: tensor(offset=number),
        "shape": lambda: tensor(shape=(number,)),
        "strides": lambda: tensor(strides=(number,)),
        "size": lambda: tensor(storage(size=number)),
        "shape and strides": lambda: tensor(shape=number, strides=number),
    }[place]()
    path = archive(tmp_path / "w.pt", {"w": changed}, {"0": bytes(16)})
    with pytest.raises(FileFormatError):
        read_tensors(path)


GLOBALS = [
    *(("torch._utils", name) for name in vars(torch._utils) if name.startswith("_rebuild")),
    ("torch", "load"),
    ("torch", "empty"),
    ("torch.storage", "_load_from_bytes"),
    ("os", "system"),
    ("builtins", "eval"),
    ("builtins", "getattr"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("collections", "namedtuple"),
    ("torch.nn.modules.linear", "Linear"),
]


@pytest.mark.parametrize("module, name", GLOBALS)
def test_no_function_is_called_whatever_is_named(module, name, tmp_path, monkeypatch) -> None:
    for function in ("system", "popen"):
        monkeypatch.setattr(f"os.{function}", lambda *given: pytest.fail("code ran"))
    content = {"w": Named(module, name, "echo a"), "v": tensor()}
    with pytest.raises(FileFormatError):
        read_tensors(archive(tmp_path / "w.pt", content, {"0": bytes(16)}))


def _opcodes(*parts: bytes) -> bytes:
    return b"\x80\x02" + b"".join(parts) + b"."


HOSTILE = {
    "deep key": pickle.EMPTY_DICT
    + pickle.EMPTY_TUPLE
    + pickle.TUPLE1 * 50_000
    + pickle.NONE
    + pickle.SETITEM,
    "deep value": pickle.EMPTY_TUPLE + pickle.TUPLE1 * 50_000,
    "deep lists": pickle.EMPTY_LIST * 100_000 + pickle.APPEND * 99_999,
    "many steps": pickle.EMPTY_DICT * 10_010,
    "memo far out": pickle.EMPTY_DICT + b"r\xff\xff\xff\xff",
    "memo not there": b"h\x07",
    "bytes not there": b"\x8e" + (2**62).to_bytes(8, "little"),
    "text not there": b"X\xff\xff\xff\x7f",
    "number not there": b"\x8b\xff\xff\xff\x7f",
    "no mark": pickle.TUPLE,
    "empty": b"",
    "marks": pickle.MARK * 100_000 + pickle.REDUCE,
    "instance": b"(ios\nsystem\n",
    "extension": b"\x82\x01",
    "decimal": b"I" + b"9" * 100_000 + b"\n",
    "equal hashes": pickle.EMPTY_DICT
    + pickle.MARK
    + b"".join(b"\x8a\x0e" + (i * (2**61 - 1)).to_bytes(14, "little") + b"N" for i in range(1, 20_000))
    + pickle.SETITEMS,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_pickles_that_exhaust_stack_memory_or_time_are_refused(case, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch_pickle, "MAX_STEPS", 10_000 if case == "many steps" else torch_pickle.MAX_STEPS)
    for path in (
        archive(tmp_path / "w.pt", _opcodes(HOSTILE[case])),
        tmp_path / "old.pt",
    ):
        if path.name == "old.pt":
            head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
            path.write_bytes(head + _opcodes(HOSTILE[case]) + pickle.dumps([], 2))
        with pytest.raises(FileFormatError):
            read_tensors(path)


def test_members_that_take_more_than_the_file_has_are_refused(tmp_path) -> None:
    one = {"w": tensor(storage(size=2**20), shape=(2**20,))}
    path = archive(tmp_path / "w.pt", one, {"0": bytes(2**22)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UnsafeFileError, match="compressed"):
        read_tensors(path)

    many = {f"w{i}": tensor(storage(str(i), size=2**10), shape=(2**10,)) for i in range(100)}
    path = archive(tmp_path / "w.pt", many, {"0": bytes(2**12)})
    content = path.read_bytes()  # a hundred names for one member
    with zipfile.ZipFile(path) as file:
        info = file.getinfo("archive/data/0")
        start = file.start_dir
    with zipfile.ZipFile(path, "a") as file:
        for i in range(1, 100):
            other = zipfile.ZipInfo(f"archive/data/{i}")
            other.CRC, other.file_size, other.compress_size = info.CRC, info.file_size, info.file_size
            other.header_offset = info.header_offset
            file.filelist.append(other)
            file.NameToInfo[other.filename] = other
        file._didModify, file.start_dir = True, start
    assert len(path.read_bytes()) < 4 * len(content)
    with pytest.raises(FileFormatError):
        read_tensors(path)

    shared = {f"w{i}": tensor() for i in range(10_000)}  # as many views as anyone likes take no memory
    found = read_tensors(archive(tmp_path / "w.pt", shared, {"0": bytes(16)}))
    assert all(np.shares_memory(found["w0"], array) for array in found.values())


def test_storages_of_two_kinds_under_one_key_are_refused(tmp_path) -> None:
    two = {"a": tensor(), "b": tensor(storage(kind="IntStorage"))}
    with pytest.raises(FileFormatError, match="two element types"):
        read_tensors(archive(tmp_path / "w.pt", two, {"0": bytes(16)}))


def test_names_of_a_file_are_text_and_no_more(tmp_path) -> None:
    state = {"../w": torch.ones(1), "a\nb": torch.ones(1), "\x1b[2J": torch.ones(1), "": torch.ones(1)}
    assert list(read_tensors(saved(state, tmp_path / "w.pt"))) == list(state)


def test_bfloat16_keeps_its_type() -> None:
    assert torch_pickle.DTYPES["bfloat16"] == np.dtype(ml_dtypes.bfloat16).name
