"""Which of TensorFlow's random generators tf.keras draws from. Here there is one: the answers are kept."""

from __future__ import annotations

_is_generator_used = False


def enable_tf_random_generator() -> None:
    """``is_tf_random_generator_enabled`` is true from now on."""
    global _is_generator_used
    _is_generator_used = True


def disable_tf_random_generator() -> None:
    """``is_tf_random_generator_enabled`` is false from now on."""
    global _is_generator_used
    _is_generator_used = False


def is_tf_random_generator_enabled() -> bool:
    """What was asked for last; false at first. Numbers are drawn alike in both cases."""
    return _is_generator_used


__all__ = ["disable_tf_random_generator", "enable_tf_random_generator", "is_tf_random_generator_enabled"]
