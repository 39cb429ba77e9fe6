"""Datasets beyond what the golden pipelines say: chance, threads, files, and mistakes."""

from __future__ import annotations

import gc
import gzip
import io
import threading
import time
import zipfile
import zlib

import numpy as np
import pytest

pytest.importorskip("torch")
from kcompile.ir import EagerTensor, StringTensor
from kcompile.keras import data
from kcompile.keras.data import Dataset, TensorSpec, checksums, reading
from kcompile.keras.data.experimental import assert_cardinality
from kcompile.keras.data.files import TFRecordWriter


def numbers(dataset):
    return [int(x) for x in dataset.as_numpy_iterator()]


def rows_of(count):
    """Two ways to have the numbers: as rows, whose indices are shuffled, and one by one."""
    return {"rows": Dataset.range(count), "elements": Dataset.range(count).map(lambda x: x)}


# --- chance -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rows", "elements"])
@pytest.mark.parametrize("size", [1, 5, 20, 50, -1])
def test_shuffling_loses_nothing_and_repeats_by_its_seed(kind, size):
    def made(**options):
        return rows_of(20)[kind].shuffle(size, **options)

    first = made(seed=4)
    one, two = numbers(first), numbers(first)
    assert sorted(one) == sorted(two) == list(range(20))
    assert (one == list(range(20))) == (size == 1) and (one == two) == (size == 1)
    again = made(seed=4)
    assert [numbers(again), numbers(again)] == [one, two]
    fixed = made(seed=4, reshuffle_each_iteration=False)
    assert numbers(fixed) == numbers(fixed)


@pytest.mark.parametrize("kind", ["rows", "elements"])
def test_an_element_comes_no_earlier_than_the_buffer_allows(kind):
    order = numbers(rows_of(200)[kind].shuffle(10, seed=1))
    assert all(element <= place + 9 for place, element in enumerate(order))
    assert max(place - element for place, element in enumerate(order)) > 9


def test_every_order_is_as_likely():
    counts = np.zeros((4, 4))
    dataset = Dataset.range(4).shuffle(4, seed=0)
    for _ in range(400):
        for place, element in enumerate(numbers(dataset)):
            counts[place, element] += 1
    assert (abs(counts - 100) < 40).all()


def test_rows_and_elements_are_shuffled_alike():
    orders = {kind: numbers(dataset.shuffle(7, seed=3)) for kind, dataset in rows_of(30).items()}
    assert orders["rows"] == orders["elements"]


def test_the_seed_of_numpy_counts_where_none_is_given():
    def order():
        np.random.seed(11)
        return numbers(Dataset.range(50).shuffle(50))

    assert order() == order()


def test_batches_of_rows_are_views_of_the_arrays_where_they_lie_side_by_side():
    array = np.arange(12.0).reshape(6, 2)
    batches = list(Dataset.from_tensor_slices(array).batch(4)._stage)
    assert all(np.shares_memory(batch, array) for batch in batches)
    mine = next(Dataset.from_tensor_slices(array).batch(4).as_numpy_iterator())
    mine[:] = 0
    assert array[1, 1] == 3.0


def test_sampling_goes_by_the_weights():
    a, b = Dataset.from_tensors(0).repeat(), Dataset.from_tensors(1).repeat()
    found = numbers(Dataset.sample_from_datasets([a, b], [0.2, 0.8], seed=5).take(1000))
    assert 740 < sum(found) < 860
    short = Dataset.sample_from_datasets([Dataset.range(3), Dataset.range(10, 13)], seed=1)
    assert sorted(numbers(short)) == [0, 1, 2, 10, 11, 12]
    with pytest.raises(ValueError, match="weights must be 2 numbers"):
        Dataset.sample_from_datasets([a, b], [1.0])


def test_random_numbers_repeat_by_their_seed():
    dataset = Dataset.random(seed=3).take(4)
    assert numbers(dataset) == numbers(dataset) == numbers(Dataset.random(seed=3).take(4))
    anew = Dataset.random(seed=3, rerandomize_each_iteration=True).take(4)
    assert numbers(anew) != numbers(anew)


# --- elements -----------------------------------------------------------------------------------------------


def test_elements_are_tensors_and_structures_stay():
    element = next(iter(Dataset.from_tensor_slices({"a": ([1.0], ["x"]), "b": [True]})))
    assert list(element) == ["a", "b"] and isinstance(element["a"], tuple)
    assert isinstance(element["a"][0], EagerTensor) and isinstance(element["a"][1], StringTensor)
    assert element["a"][1].numpy() == b"x" and bool(element["b"])


def test_a_function_sees_the_entries_of_a_tuple_as_arguments():
    seen = []

    def look(*arguments):
        seen.append(len(arguments))
        return arguments[0]

    for elements in ([1], ([1], [2]), {"a": [1], "b": [2]}, ([1], {"c": [2]}, ([3], [4]))):
        list(Dataset.from_tensor_slices(elements).map(look))
    assert seen == [1, 2, 1, 3]


def test_what_a_function_gives_is_known_without_running_where_it_can_be_traced():
    ran = []

    def count(x):
        ran.append(x)
        return x + 1

    dataset = Dataset.range(5).batch(2).map(count)
    assert dataset.element_spec == TensorSpec((None,), "int64") and len(ran) == 1

    def by_number(x):
        return np.ones(int(x[0]) + 2, "float32")

    assert Dataset.range(4).batch(2).map(by_number).element_spec == TensorSpec((None,), "float32")


def test_specs_compare_with_tensors_and_shapes():
    spec = TensorSpec((None, 2), "float32", name="x")
    assert spec.is_compatible_with(np.ones((3, 2), "float32")) and not spec.is_compatible_with(
        np.ones((3, 2))
    )
    assert TensorSpec.from_tensor(np.ones(3)) == TensorSpec((3,), "float64") != TensorSpec((3,), "float32")
    assert repr(spec) == "TensorSpec(shape=(None, 2), dtype=tf.float32, name='x')"
    assert spec.shape.as_list() == [None, 2]
    assert TensorSpec(None).shape is None and len({spec, TensorSpec((None, 2), "float32", "x")}) == 1


def test_tables_and_tensors_of_others_are_arrays():
    torch = pytest.importorskip("torch")
    assert numbers(Dataset.from_tensor_slices(torch.arange(3))) == [0, 1, 2]
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    elements = list(Dataset.from_tensor_slices(dict(table)).as_numpy_iterator())
    assert elements == [{"a": 1, "b": b"x"}, {"a": 2, "b": b"y"}]


def test_options_are_kept_and_change_nothing():
    options = data.Options()
    options.deterministic = False
    options.threading.private_threadpool_size = 2
    options.experimental_distribute.auto_shard_policy = data.experimental.AutoShardPolicy.DATA
    dataset = Dataset.range(9).with_options(options).map(lambda x: x * 2).batch(2).unbatch()
    assert (
        dataset.options().deterministic is False and dataset.options().threading.private_threadpool_size == 2
    )
    assert sorted(numbers(dataset)) == list(range(0, 18, 2))


def test_cardinality_may_be_asserted():
    dataset = Dataset.range(9).filter(lambda x: x < 3)
    assert (
        len(dataset.apply(assert_cardinality(3))) == 3 == len(numbers(dataset.apply(assert_cardinality(3))))
    )
    with pytest.raises(ValueError, match="expected to contain 4 elements, found 3"):
        numbers(dataset.apply(assert_cardinality(4)))


# --- threads ------------------------------------------------------------------------------------------------


def slowly(x):
    time.sleep(0.002)
    return x * 10


@pytest.mark.parametrize("threads", [1, 3, data.AUTOTUNE])
@pytest.mark.parametrize("function", [lambda x: x * 10, slowly], ids=["quick", "slow"])
def test_a_function_in_threads_gives_all_in_order(function, threads):
    dataset = Dataset.range(40).map(function, num_parallel_calls=threads)
    assert numbers(dataset) == numbers(dataset) == list(range(0, 400, 10))
    anyhow = Dataset.range(40).map(function, num_parallel_calls=threads, deterministic=False)
    assert sorted(numbers(anyhow)) == list(range(0, 400, 10))


def test_slow_functions_run_side_by_side():
    seen = set()

    def look(x):
        time.sleep(0.01)
        seen.add(threading.get_ident())
        return x

    list(Dataset.range(30).map(look, num_parallel_calls=4))
    assert len(seen) > 2  # this thread begins


def test_what_is_made_ahead_comes_in_order_and_ends():
    made = []

    def elements():
        for i in range(20):
            time.sleep(0.001)
            made.append(i)
            yield i

    dataset = Dataset.from_generator(elements, output_signature=TensorSpec((), "int64")).prefetch(4)
    iterator = dataset.as_numpy_iterator()
    first = [int(next(iterator)) for _ in range(6)]
    time.sleep(0.05)
    assert first == [0, 1, 2, 3, 4, 5] and 8 <= len(made) <= 12
    assert [int(x) for x in iterator] == list(range(6, 20))


def test_a_pass_that_is_dropped_ends_its_thread():
    before = threading.active_count()

    def endless():
        while True:
            time.sleep(0.001)
            yield 1

    iterator = iter(Dataset.from_generator(endless, output_signature=TensorSpec((), "int64")).prefetch(2))
    for _ in range(6):
        next(iterator)
    assert threading.active_count() > before
    del iterator
    gc.collect()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


class _OwnError(Exception):
    pass


@pytest.mark.parametrize("how", ["map", "map in threads", "prefetch", "batch"])
def test_an_error_reaches_whoever_takes_the_elements(how):
    def fail(x):
        time.sleep(0.001)
        if int(x) == 7:
            raise _OwnError("at 7")
        return x

    dataset = Dataset.range(20).map(fail, num_parallel_calls=3 if how == "map in threads" else None)
    dataset = dataset.prefetch(2) if how == "prefetch" else dataset.batch(2) if how == "batch" else dataset
    seen = []
    with pytest.raises(_OwnError, match="at 7"):
        seen.extend(dataset.as_numpy_iterator())
    assert len(seen) == (3 if how == "batch" else 7)


@pytest.mark.parametrize("threads", [None, 3])
def test_elements_whose_function_fails_may_be_left_out(threads):
    def fail(x):
        time.sleep(0.001)
        if int(x) % 3 == 1:
            raise _OwnError
        return x

    dataset = Dataset.range(20).map(fail, num_parallel_calls=threads)
    expected = [i for i in range(20) if i % 3 != 1]
    assert numbers(dataset.ignore_errors()) == expected
    assert numbers(dataset.apply(data.experimental.ignore_errors())) == expected
    with pytest.raises(ValueError, match="right behind map"):
        dataset.batch(2).ignore_errors()


def test_quick_elements_cost_no_thread():
    before = threading.active_count()
    iterator = reading.ahead(range(1000), 4)
    assert [next(iterator) for _ in range(500)] == list(range(500)) and threading.active_count() == before


# --- memory and files ---------------------------------------------------------------------------------------


def test_the_cache_holds_what_the_first_whole_pass_gave():
    calls = []
    dataset = Dataset.range(4).map(lambda x: calls.append(1) or x).cache()
    next(dataset.as_numpy_iterator())
    assert numbers(dataset) == numbers(dataset) == [0, 1, 2, 3]
    assert len(calls) == 5


MIXED = Dataset.from_generator(
    lambda: iter([({"w": ["a", "bc"]}, [1.5], 3), ({"w": ["d"]}, [0.5, 2.5], 4)]),
    output_signature=(
        {"w": TensorSpec((None,), "string")},
        TensorSpec((None,), "float32"),
        TensorSpec((), "int8"),
    ),
)


def plain(dataset):
    return [({"w": e[0]["w"].tolist()}, e[1].tolist(), int(e[2])) for e in dataset.as_numpy_iterator()]


def test_a_cache_in_a_file_is_read_by_the_next_program(tmp_path):
    path = tmp_path / "cached"
    assert plain(MIXED.cache(str(path))) == plain(MIXED)
    empty = Dataset.from_generator(lambda: iter(()), output_signature=MIXED.element_spec)
    assert plain(empty.cache(path)) == plain(MIXED)


def test_what_was_saved_is_loaded(tmp_path):
    MIXED.save(tmp_path / "saved")
    loaded = Dataset.load(tmp_path / "saved")
    assert plain(loaded) == plain(MIXED) and len(loaded) == 2
    Dataset.range(0).save(tmp_path / "none")
    assert numbers(Dataset.load(tmp_path / "none")) == []
    with pytest.raises(FileNotFoundError, match="holds no dataset"):
        Dataset.load(tmp_path)
    (tmp_path / "saved" / "elements.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ValueError, match="damaged"):
        Dataset.load(tmp_path / "saved")


def test_a_saved_dataset_runs_no_pickle(tmp_path):
    evil = np.array([print], dtype=object)
    (tmp_path / "d").mkdir()
    np.savez(tmp_path / "d" / "elements.npz", structure=evil, allow_pickle=True)
    with pytest.raises(ValueError, match="damaged"):
        Dataset.load(tmp_path / "d")


COMPRESSIONS = {"": lambda b: b, "GZIP": gzip.compress, "ZLIB": zlib.compress}


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_lines_of_files(compression, tmp_path):
    paths = []
    for name, text in (("a", b"one\ntwo\r\n\nfour"), ("b", b"five\n")):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(COMPRESSIONS[compression](text))
    expected = [b"one", b"two", b"", b"four", b"five"]
    names = [str(path) for path in paths]
    for given in (paths, names, Dataset.from_tensor_slices(names), StringTensor(names)):
        assert list(data.TextLineDataset(given, compression).as_numpy_iterator()) == expected
    assert data.TextLineDataset(names[0]).element_spec == TensorSpec((), "string")
    with pytest.raises(ValueError, match="compression_type"):
        data.TextLineDataset(paths, "LZ4")


def test_records_of_one_length(tmp_path):
    path = tmp_path / "records"
    path.write_bytes(b"HEAD" + b"abcdef" + b"!")
    dataset = data.FixedLengthRecordDataset(path, 3, header_bytes=4, footer_bytes=1)
    assert list(dataset.as_numpy_iterator()) == [b"abc", b"def"]
    with pytest.raises(ValueError, match="does not divide"):
        list(data.FixedLengthRecordDataset(path, 4))


RECORDS = [b"", b"abc", bytes(range(256)) * 40]


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_records_are_read_as_they_were_written(compression, tmp_path):
    path = str(tmp_path / "records")
    with TFRecordWriter(path, compression) as writer:
        for record in RECORDS:
            writer.write(record)
    assert list(data.TFRecordDataset(path, compression).as_numpy_iterator()) == RECORDS


def test_the_checksum_is_crc32c():
    assert checksums.crc32c(b"123456789") == 0xE3069283  # RFC 3720
    assert checksums.crc32c(bytes(32)) == 0x8A9136AA
    for size in (0, 1, 255, 4095, 4096, 5000, 70001):
        data_ = np.random.RandomState(size).bytes(size)
        assert checksums.crc32c(data_) == checksums._looped(data_)


def test_a_record_of_tensorflow_is_read(tmp_path):
    # tf.io.TFRecordWriter("x").write(b"record") of TensorFlow 2.21
    stored = bytes.fromhex("06000000000000007369d537") + b"record" + bytes.fromhex("05de2bfc")
    (tmp_path / "x").write_bytes(stored)
    assert list(data.TFRecordDataset(tmp_path / "x").as_numpy_iterator()) == [b"record"]


@pytest.mark.parametrize("damage", [(0, 1), (8, 1), (12, 1), (20, 1)])
def test_damage_is_found(damage, tmp_path):
    path = tmp_path / "records"
    with TFRecordWriter(path) as writer:
        writer.write(b"some record")
    content = bytearray(path.read_bytes())
    content[damage[0]] ^= damage[1]
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="damaged"):
        list(data.TFRecordDataset(path))
    path.write_bytes(bytes(content[:-6]))
    with pytest.raises(ValueError, match="damaged"):
        list(data.TFRecordDataset(path))


def test_files_are_listed_in_order_or_shuffled(tmp_path):
    for name in ("c.txt", "a.txt", "b.txt", "d.csv"):
        (tmp_path / name).touch()
    pattern = str(tmp_path / "*.txt")
    expected = [str(tmp_path / f"{letter}.txt").encode() for letter in "abc"]
    assert list(Dataset.list_files(pattern, shuffle=False).as_numpy_iterator()) == expected
    assert sorted(Dataset.list_files([pattern, pattern]).as_numpy_iterator()) == expected
    with pytest.raises(ValueError, match="No files matched pattern: .*x"):
        Dataset.list_files(str(tmp_path / "*.x"))


# --- mistakes -----------------------------------------------------------------------------------------------

D = Dataset
MISTAKES = {
    "unequal lengths": (
        lambda: D.from_tensor_slices(([1, 2], [3])),
        ValueError,
        r"Dimensions do not match.*\(2,\), \(1,\)",
    ),
    "a scalar": (lambda: D.from_tensor_slices(3), ValueError, "rank >= 1"),
    "ragged lists": (lambda: D.from_tensor_slices([[1], [2, 3]]), ValueError, "unequal lengths"),
    "an object": (lambda: D.from_tensors(object()), ValueError, "numbers, truth values and text"),
    "unequal elements in a batch": (
        lambda: list(D.range(3).map(lambda x: np.ones(int(x))).batch(3)),
        ValueError,
        r"different shapes in component 0. First element had shape \[0\] and element 1 had shape \[1\]",
    ),
    "too small a padding": (
        lambda: list(D.from_tensors([1, 2, 3]).padded_batch(1, padded_shapes=[2])),
        ValueError,
        "smaller size",
    ),
    "a generator without types": (lambda: D.from_generator(lambda: [1]), TypeError, "output_signature"),
    "a generator that was called": (
        lambda: D.from_generator(iter([1]), output_types="int32"),
        TypeError,
        "must be a Python callable",
    ),
    "a generator of another shape": (
        lambda: list(D.from_generator(lambda: [[1, 2]], output_signature=TensorSpec((3,), "int32"))),
        TypeError,
        r"shape \(2,\) where an element of shape \(3,\)",
    ),
    "a generator of another structure": (
        lambda: list(D.from_generator(lambda: [1], output_signature=(TensorSpec(()), TensorSpec(())))),
        TypeError,
        "did not match the expected structure",
    ),
    "a generator of another type": (
        lambda: list(D.from_generator(lambda: ["x"], output_signature=TensorSpec((), "int32"))),
        TypeError,
        "could not be converted",
    ),
    "no dataset in flat_map": (
        lambda: list(D.range(3).flat_map(lambda x: x)),
        TypeError,
        "Expected a Dataset",
    ),
    "no size": (lambda: D.range(3).batch(0), ValueError, "at least 1, found 0"),
    "a fraction": (lambda: D.range(3).take(1.5), TypeError, "a whole number, found 1.5"),
    "an empty buffer": (lambda: D.range(3).shuffle(0), ValueError, "must be positive"),
    "a shard beyond": (lambda: D.range(3).shard(2, 2), ValueError, "between 0 and 1"),
    "others behind": (
        lambda: D.range(3).concatenate(D.from_tensors("a")),
        TypeError,
        "elements of different kinds",
    ),
    "the length of an endless one": (lambda: len(D.range(3).repeat()), TypeError, "infinite"),
    "a length that nobody knows": (lambda: len(D.range(3).filter(bool)), TypeError, "unknown"),
    "several for one": (lambda: D.range(3).get_single_element(), ValueError, "more than one element"),
    "none for one": (lambda: D.range(0).get_single_element(), ValueError, "no elements"),
    "an unknown name": (lambda: D.range(3).shufle(3), AttributeError, "Did you mean 'shuffle'"),
    "bucket sizes": (
        lambda: D.range(3).bucket_by_sequence_length(len, [3], [1]),
        ValueError,
        "len.bucket_batch_sizes",
    ),
    "two window sizes": (lambda: D.range(3).group_by_window(len, len), ValueError, "either window_size"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_error(name):
    call, kind, message = MISTAKES[name]
    with pytest.raises(kind, match=message):
        call()


def test_iterators_give_elements_by_next_as_tensorflows_do():
    dataset = Dataset.range(3)
    arrays, tensors = dataset.as_numpy_iterator(), iter(dataset)
    assert arrays.next() == 0 and isinstance(arrays.next(), np.int64)
    assert int(tensors.next()) == 0 and int(tensors.get_next()) == 1
    assert list(arrays) == [2]
    with pytest.raises(StopIteration):
        arrays.next()


def test_a_snapshot_keeps_the_elements_of_the_first_pass(tmp_path):
    made = []
    numbers = Dataset.range(4).map(lambda x: made.append(0) or x * 2)
    made.clear()
    kept = numbers.snapshot(tmp_path / "kept", compression="GZIP")
    assert list(kept.as_numpy_iterator()) == list(kept.as_numpy_iterator()) == [0, 2, 4, 6]
    assert len(made) == 4


def _header(shape: str) -> bytes:
    text = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00v\x00" + text.encode()


def _array(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("0/values.npy", _header("(600000000000,)")),
        ("0/shapes.npy", _header("(600000000000, 0)")),
        ("0/shapes.npy", _header("(-6, 0)")),
        ("0/shapes.npy", _array(np.full((6, 1), 10**12))),
        ("0/values.npy", _array(np.array([{}], object))),
        ("0/values.npy", b"junk"),
        ("0/values.npy", None),
        ("structure.npy", _array(np.frombuffer(b"[" * 100_000, np.uint8))),
        ("structure.npy", _array(np.frombuffer(b'{"tuple": 3}', np.uint8))),
    ],
    ids=["size", "scalars", "negative", "shape", "objects", "junk", "missing", "deep", "structure"],
)
def test_a_damaged_file_of_a_dataset_is_one_error_that_names_it(member, content, tmp_path):
    Dataset.from_tensor_slices(np.arange(6)).save(tmp_path / "kept")
    (path,) = (tmp_path / "kept").iterdir()
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()} | {member: content}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            if data is not None:
                file.writestr(name, data)
    with pytest.raises(ValueError, match=rf"{path.name} is no file of a dataset, or damaged"):
        list(Dataset.load(tmp_path / "kept"))
