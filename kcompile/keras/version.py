"""The version of Keras whose API this is."""

__version__ = "2.3.1"
