"""Folders that bring a model to where it answers: a container, a cluster, Triton, a browser."""
