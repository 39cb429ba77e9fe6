"""Layers, the DAG that their calls form, and Network: a part of that DAG that is a layer itself."""
