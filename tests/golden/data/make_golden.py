"""Runs the pipelines in TensorFlow and stores what they give: python tests/golden/data/make_golden.py"""

import gzip
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

if __name__ == "__main__":
    import pipelines
    import tensorflow as tf

    found = {name: pipelines.answers(tf, name) for name in pipelines.names()}
    text = json.dumps({"tensorflow": tf.__version__, "pipelines": found}, sort_keys=True)
    with open(os.path.join(HERE, "pipelines.json.gz"), "wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
            packed.write(text.encode())
    print(len(found), "pipelines")
