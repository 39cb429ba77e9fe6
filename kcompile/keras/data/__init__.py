"""Data as pipelines of elements: what ``tf.data`` has."""
