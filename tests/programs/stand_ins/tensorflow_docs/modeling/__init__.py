"""A callback that says how far training is."""

import tensorflow as tf


class EpochDots(tf.keras.callbacks.Callback):
    """Prints a dot for each epoch."""

    def __init__(self, report_every=100, dot_every=1):
        super().__init__()

    def on_epoch_end(self, epoch, logs):
        """One dot."""
        print(".", end="")
