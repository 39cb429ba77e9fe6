"""Found by Python when it starts with this folder on ``PYTHONPATH``: gives Keras its backend."""

import kcompile.keras3  # noqa: F401
