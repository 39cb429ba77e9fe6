"""What an optimizer has of this backend."""

from __future__ import annotations

from keras.src.optimizers.base_optimizer import BaseOptimizer


class KCompileOptimizer(BaseOptimizer):
    """Mixed into ``keras.Optimizer``."""
