"""Keras 1: its spellings of arguments (interfaces), and the layers it left behind (layers)."""
