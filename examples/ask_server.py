"""Asks a server of models for the labels of images, by Triton's client.

    kcompile serve build/demo/digits.onnx
    python ask_server.py build/demo/images.npy [MODEL [HOST:PORT]]

Prints the label of each of the first ten images.
"""

from __future__ import annotations

import sys

import numpy as np
import tritonclient.http as triton


def main(images: str, model: str = "digits", address: str = "localhost:8000") -> None:
    client = triton.InferenceServerClient(address)
    described = client.get_model_metadata(model)
    x = np.load(images)[:10].astype(np.float32)
    tensor = triton.InferInput(described["inputs"][0]["name"], list(x.shape), "FP32")
    tensor.set_data_from_numpy(x)
    answer = client.infer(model, [tensor])
    scores = answer.as_numpy(described["outputs"][0]["name"])
    print(*scores.argmax(axis=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
