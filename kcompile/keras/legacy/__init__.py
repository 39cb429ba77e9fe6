"""Keras 1: its spellings of constructor and method arguments (interfaces) and the layers it left behind (layers)."""
