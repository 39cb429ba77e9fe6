"""Every architecture is Keras's: layers, weights and outputs are those that real Keras answered with.

``tests/golden/applications`` has the answers, and the rule that draws weights and images again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompile.keras import applications
from tests.golden.applications import checking
from tests.golden.applications.checking import ANSWERS, TOLERANCE

# what one core computes within a second or three; the others run under the mark "slow"
QUICK = {
    "EfficientNetB0",
    "EfficientNetV2B0",
    "ConvNeXtTiny",
    "DenseNet121",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetMobile",
    "RegNetX002",
    "RegNetY002",
    "ResNeXt50",
    "ResNet50",
    "ResNet50V2",
    "ResNetRS50",
    "Xception",
    "resnet.ResNet50",
}

ASKED = sorted(name for name, answer in ANSWERS.items() if {*checking.CASES} <= set(answer))


def quick(names: Any) -> list[Any]:
    return [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in names]


def test_real_keras_was_asked_about_every_architecture() -> None:
    assert set(ANSWERS) == {*applications.ARCHITECTURES, "resnet.ResNet50"}
    assert all("structure" in answer for answer in ANSWERS.values())
    # of the large ones that tf_keras alone has, it was asked for the structure alone
    unasked = set(ANSWERS) - set(ASKED)
    assert not unasked & QUICK and all(name.startswith(("RegNet", "ResNetRS")) for name in unasked)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_layers_and_weights_are_those_of_keras(name: str) -> None:
    found = checking.structure(checking.build(name), name)
    assert found == {key: ANSWERS[name][key] for key in found}


@pytest.mark.parametrize("case", checking.CASES)
@pytest.mark.parametrize("name", quick(ASKED))
def test_outputs_are_those_of_keras(name: str, case: str) -> None:
    model, x = checking.with_drawn_weights(name, case)
    assert checking.difference(name, case, model.predict(x)) < TOLERANCE


def test_a_wrong_output_is_noticed() -> None:
    model, x = checking.with_drawn_weights("MobileNet", "bottom")
    model.layers[-3].set_weights([w * np.float32(1.01) for w in model.layers[-3].get_weights()])
    model.get_layer("conv1").set_weights(
        [w * np.float32(1.01) for w in model.get_layer("conv1").get_weights()]
    )
    assert checking.difference("MobileNet", "bottom", model.predict(x)) > 10 * TOLERANCE
