"""Training, evaluation and prediction of models on this backend."""

from __future__ import annotations

from keras.src.trainers import trainer as base_trainer


class KCompileTrainer(base_trainer.Trainer):
    """Mixed into ``keras.Model``."""

    def __init__(self) -> None:
        super().__init__()
