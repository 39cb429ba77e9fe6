"""Tests of the backend of stock Keras 3 run in processes of their own: Keras has one backend in each."""

import os

#: Set in the processes that ``test_backend.py`` starts.
WITHIN = "KCOMPILE_KERAS3_TESTS"

collect_ignore_glob = [] if os.environ.get(WITHIN) else ["backend/*"]
