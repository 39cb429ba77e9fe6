"""CSVLogger: a line per epoch, on disk at once."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import callbacks as cbks

from .training import listed, losses, run_epochs


def test_csv_has_a_header_and_a_line_per_epoch_at_once(model, tmp_path):
    path = tmp_path / "log.csv"
    callback = cbks.CSVLogger(path, separator=";")
    calls = listed(model, callback)
    calls.on_train_begin()
    calls.on_epoch_end(0, {"val_loss": 1.5, "loss": np.float32(2.5), "list": np.array([1, 2])})
    assert path.read_bytes().decode() == 'epoch;list;loss;val_loss\r\n0;"""[1, 2]""";2.5;1.5\r\n'
    calls.on_epoch_end(1, {"loss": float("nan")})
    assert path.read_text().splitlines()[-1] == "1;NA;nan;NA"
    calls.on_train_end()
    assert callback.csv_file.closed


def test_csv_appends_without_a_second_header_or_replaces(model, tmp_path):
    path = tmp_path / "log.csv"
    for append in (True, True):
        run_epochs(model, cbks.CSVLogger(path, append=append), losses(1))
    assert path.read_text().splitlines() == ["epoch,val_loss", "0,1", "0,1"]
    run_epochs(model, cbks.CSVLogger(path), losses(2))
    assert path.read_text().splitlines() == ["epoch,val_loss", "0,2"]


def test_csv_before_training_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="on_train_begin"):
        cbks.CSVLogger(tmp_path / "log.csv").on_epoch_end(0, {})
