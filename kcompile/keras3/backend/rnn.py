"""Recurrent layers."""

from __future__ import annotations

from typing import Any


def rnn(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("recurrent layers")


lstm = gru = bidirectional_lstm = bidirectional_gru = rnn


def cudnn_ok(*args: Any, **kwargs: Any) -> bool:
    return False
