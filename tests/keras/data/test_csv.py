"""CsvDataset and make_csv_dataset read tables as tf.data does."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from kcompile.keras.data import TensorSpec
from kcompile.keras.data.experimental import CsvDataset, make_csv_dataset

TABLE = 'name,size,share,big\n"a, b",1,0.5,5000000000\nc,,1.5,1\nd,3,2,NA\n'


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text(TABLE)
    return str(file)


def test_rows_are_tuples_of_scalars_of_the_types_of_the_defaults(path):
    rows = CsvDataset(path, ["", 7, 0.0, np.zeros(1, "int64")], header=True, na_value="NA")
    assert [str(spec.dtype) for spec in rows.element_spec] == ["string", "int32", "float32", "int64"]
    found = [tuple(entry.numpy() for entry in row) for row in rows]
    assert found == [(b"a, b", 1, 0.5, 5_000_000_000), (b"c", 7, 1.5, 1), (b"d", 3, 2.0, 0)]


def test_columns_are_chosen_by_number(path):
    sizes = CsvDataset(path, [0], header=True, select_cols=[1])
    assert [int(size) for (size,) in sizes] == [1, 0, 3]
    others = CsvDataset(path, ["", 0.0], header=True, exclude_cols=[1, 3])
    assert [float(share) for _, share in others] == [0.5, 1.5, 2.0]


def test_packed_files_are_read(tmp_path):
    file = tmp_path / "table.csv.gz"
    file.write_bytes(gzip.compress(b"1,2\n3,4\n"))
    rows = CsvDataset(str(file), [0.0] * 2, compression_type="GZIP")
    assert [float(a + b) for a, b in rows] == [3.0, 7.0]


@pytest.mark.parametrize(
    "defaults, message",
    [([""], "a row has 4 fields, 1 are expected"), (["", int, 0.0, ""], "must be there is empty")],
)
def test_a_row_that_does_not_fit_is_an_error(path, defaults, message):
    with pytest.raises(ValueError, match=message):
        list(CsvDataset(path, defaults, header=True))


def test_batches_are_columns_by_name_whose_types_are_found(path):
    batches = make_csv_dataset(
        path,
        2,
        label_name="size",
        num_epochs=1,
        shuffle=False,
        na_value="NA",
        select_columns=["size", "share", "big"],
    )
    (features, sizes), (last, _) = batches
    assert sizes.numpy().tolist() == [1, 0]
    assert {name: str(column.dtype) for name, column in features.items()} == {
        "share": "float32",
        "big": "int64",
    }
    assert last["share"].numpy().tolist() == [2.0]


def test_what_is_not_there_is_named(path):
    with pytest.raises(ValueError, match="No file is at"):
        make_csv_dataset(f"{path}.none", 2)
    with pytest.raises(ValueError, match="no column 'price'; there are name, size"):
        make_csv_dataset(path, 2, label_name="price")


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text('n,big,f,word,y\n1,5000000000,1.5,a,0\n,2,,"b, c",1\n3,3,2,,0\n')
    return str(file)


def test_columns_have_the_narrowest_type_and_zeros_for_what_is_missing(table):
    dataset = make_csv_dataset(table, 2, label_name="y", num_epochs=1, shuffle=False)
    (first, y), (last, _) = dataset.as_numpy_iterator()
    assert {name: column.tolist() for name, column in first.items()} == {
        "n": [1, 0],
        "big": [5000000000, 2],
        "f": [1.5, 0.0],
        "word": [b"a", b"b, c"],
    }
    assert y.tolist() == [0, 1] and last["word"].tolist() == [b""]
    kinds = {name: str(spec.dtype) for name, spec in dataset.element_spec[0].items()}
    assert kinds == {"n": "int32", "big": "int64", "f": "float32", "word": "string"}
    assert dataset.element_spec[1] == TensorSpec((None,), "int32")


def test_without_end_batches_are_whole(table):
    dataset = make_csv_dataset(table, 2, select_columns=["n", 4], shuffle_seed=1)
    assert dataset.element_spec == {"n": TensorSpec((2,), "int32"), "y": TensorSpec((2,), "int32")}
    batches = list(dataset.take(3).as_numpy_iterator())
    assert sorted(np.concatenate([batch["n"] for batch in batches]).tolist()) == [0, 0, 1, 1, 3, 3]
