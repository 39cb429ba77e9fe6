"""The `kcompile` command."""
