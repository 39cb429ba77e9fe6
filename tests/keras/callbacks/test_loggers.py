"""BaseLogger, History, ProgbarLogger: what they keep, and what they print."""

from __future__ import annotations

import pytest

from kcompile.keras import callbacks as cbks

from .training import Clock, Device, listed


def test_base_logger_averages_by_samples_and_keeps_stateful_values():
    logger = cbks.BaseLogger(stateful_metrics=["acc"])
    calls = listed(None, logger)
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(0, {"size": 30, "loss": 1.0, "acc": 0.1})
    calls.on_train_batch_end(1, {"size": 10, "loss": 3.0, "acc": 0.2})
    logs = {"val_loss": 9.0}
    calls.on_epoch_end(0, logs)
    assert logs == {"val_loss": 9.0, "loss": 1.5, "acc": 0.2}


def test_base_logger_leaves_logs_with_means_unread():
    device = Device()
    logger = cbks.BaseLogger()
    calls = listed(None, logger)
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(0, device.logs())
    logs = {"loss": 2.0}
    calls.on_epoch_end(0, logs)
    assert logs == {"loss": 2.0}
    assert (device.reads, device.mean_reads) == (0, 0)


def test_history_keeps_every_metric_and_starts_anew():
    history = cbks.History()
    calls = listed(None, history)
    for _ in range(2):
        calls.on_train_begin()
        calls.on_epoch_end(0, {"loss": 3.0})
        calls.on_epoch_end(1, {"loss": 2.0, "val_loss": 1.0})
        assert history.epoch == [0, 1]
        assert history.history == {"loss": [3.0, 2.0], "val_loss": [1.0]}


def test_progress_bar_of_plain_logs_is_kerass_text(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    calls = listed(None, cbks.BaseLogger(), cbks.ProgbarLogger())
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    for batch, loss in enumerate([4.0, 3.0, 2.0, 1.0]):
        calls.on_train_batch_begin(batch, {"batch": batch, "size": 10})
        clock.now += 1
        calls.on_train_batch_end(batch, {"batch": batch, "size": 10, "loss": loss, "acc": 0.5})
    calls.on_epoch_end(0, {"val_loss": 0.125})
    # What Keras 2.3.1 prints for the same calls at the same times.
    assert capsys.readouterr().out == (
        "Epoch 1/5\n"
        "\n10/40 [======>.......................] - ETA: 3s - loss: 4.0000 - acc: 0.5000"
        "\n20/40 [==============>...............] - ETA: 2s - loss: 3.5000 - acc: 0.5000"
        "\n30/40 [=====================>........] - ETA: 1s - loss: 3.0000 - acc: 0.5000"
        "\n40/40 [==============================] - 4s 100ms/step - loss: 2.5000 - acc: 0.5000"
        " - val_loss: 0.1250\n"
    )


def test_progress_bar_reads_means_only_when_it_draws(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    device = Device()
    calls = listed(None, cbks.ProgbarLogger("steps"), steps=1000)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    for batch in range(1000):
        clock.now += 0.001
        calls.on_train_batch_end(batch, device.logs(batch))
    assert device.reads == 0
    assert device.mean_reads == 20
    calls.on_epoch_end(0, {"loss": 2.5, "acc": 0.5})
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].endswith("- loss: 2.0000 - acc: 0.7500")
    assert lines[-1].startswith("1000/1000 [==============================] - 1s ")
    assert lines[-1].endswith("- loss: 2.5000 - acc: 0.5000")


def test_silent_progress_logger_reads_and_prints_nothing(capsys):
    device = Device()
    calls = listed(None, cbks.ProgbarLogger(), verbose=0)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(0, device.logs())
    calls.on_epoch_end(0, {})
    assert (device.reads, device.mean_reads) == (0, 0)
    assert capsys.readouterr().out == ""


def test_verbose_2_shows_one_line_per_epoch_and_reads_no_batch(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    device = Device()
    calls = listed(None, cbks.ProgbarLogger(), verbose=2)
    calls.on_train_begin()
    calls.on_epoch_begin(1)
    for batch in range(4):
        clock.now += 1
        calls.on_train_batch_end(batch, device.logs(batch))
    calls.on_epoch_end(1, {"loss": 1.5, "acc": 0.5})
    assert capsys.readouterr().out == "Epoch 2/5\n - 4s - loss: 1.5000 - acc: 0.5000\n"
    assert device.mean_reads == 0


def test_unknown_length_counts_and_ends_its_line(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    calls = listed(None, cbks.ProgbarLogger("steps"), steps=None)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    for batch in range(3):
        clock.now += 1
        calls.on_train_batch_end(batch, {"size": 1, "loss": 1.0})
    calls.on_epoch_end(0, {"loss": 1.0})
    out = capsys.readouterr().out
    assert "      2/Unknown - 2s 1s/step" in out
    assert out.endswith("3/3 [==============================] - 3s 1s/step - loss: 1.0000\n")


def test_count_mode_is_checked():
    with pytest.raises(ValueError, match="count_mode"):
        cbks.ProgbarLogger("epochs")
