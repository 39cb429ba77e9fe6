"""Each supported Python with the lowest and the newest of what kcompile stands on,."""
