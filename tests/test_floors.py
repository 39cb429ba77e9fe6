"""The floors: an import may only go down, and heavy libraries load only when they are needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping

import pytest

from tests.imports import DOORS, MODULES, ROOT, Import, floors_of, imports, imports_of, package_of

FLOORS = {
    "kcompile.cli": 4,
    "kcompile.keras3.tensorflow": 3.5,
    "kcompile.convert": 3,
    "kcompile.deploy": 3,
    "kcompile.keras3": 3,
    "kcompile.keras3.backend": 3,
    "kcompile.live_models": 3,
    "kcompile.optimize": 3,
    "kcompile.tf_keras": 3,
    "kcompile.keras": 2.9,
    "kcompile.keras.applications": 2.8,
    "kcompile.keras.engine": 2.8,
    "kcompile.keras.legacy.layers": 2.8,
    "kcompile.keras.legacy.merge": 2.8,
    "kcompile.keras.wrappers": 2.8,
    "kcompile.keras.clustering": 2.75,
    "kcompile.keras.quantization": 2.75,
    "kcompile.keras.sparsity": 2.75,
    "kcompile.keras.wrapped_layers": 2.72,
    "kcompile.keras.models": 2.7,
    "kcompile.keras.utils": 2.7,
    "kcompile.keras.utils.training_utils": 2.65,
    "kcompile.keras.saving": 2.6,
    "kcompile.keras.state_dict": 2.55,
    "kcompile.keras.utils.multi_gpu_utils": 2.55,
    "kcompile.keras.training": 2.5,
    "kcompile.keras.datasets": 2.45,
    "kcompile.keras.metrics": 2.45,
    "kcompile.keras.mixed_precision": 2.45,
    "kcompile.keras.objectives": 2.45,
    "kcompile.keras.ops": 2.45,
    "kcompile.keras.random": 2.45,
    "kcompile.keras.utils.feature_space": 2.45,
    "kcompile.keras.callbacks": 2.4,
    "kcompile.keras.layers": 2.4,
    "kcompile.keras.losses": 2.4,
    "kcompile.keras.optimizers": 2.4,
    "kcompile.keras.preprocessing": 2.4,
    "kcompile.keras.core": 2.3,
    "kcompile.keras.operations": 2.25,
    "kcompile.keras.utils.embeddings": 2.25,
    "kcompile.keras.utils.metrics_utils": 2.25,
    "kcompile.keras.activations": 2.2,
    "kcompile.keras.constraints": 2.2,
    "kcompile.keras.dtype_policies": 2.2,
    "kcompile.keras.initializers": 2.2,
    "kcompile.keras.regularizers": 2.2,
    "kcompile.keras.utils.losses_utils": 2.2,
    "kcompile.keras.backend": 2.1,
    "kcompile.keras.legacy.interfaces": 2.1,
    "kcompile.keras.data": 2.08,
    "kcompile.keras.legacy.spellings": 2.06,
    "kcompile.keras.utils.*": 2.05,
    "kcompile.keras.declaration": 2.03,
    "kcompile.keras.dialects": 2.03,
    "kcompile.keras.rules": 2.02,
    "kcompile.keras.argument_orders": 2.01,
    "kcompile.keras.legacy": 2,
    "kcompile.keras.legacy.old_names": 2,
    "kcompile.keras.registry": 2,
    "kcompile.keras.version": 2,
    "kcompile.devices": 1.5,
    "kcompile.formats": 1,
    "kcompile.torch_bridge": 1,
    "kcompile.onnx_io": 1,
    "kcompile.optional": 0.5,
    "kcompile.tables": 0.5,
    "kcompile_runtime.serving": 0.2,
    "kcompile.atomic": 0,
    "kcompile.progress": 0,
    "kcompile.ir": 0,
    "kcompile_runtime": 0,
}
#: The front door itself: it stands above every floor, and nothing below may go through it.
TOP = ("kcompile", "kcompile.__main__", "kcompile.__init__")
#: What the lowest floor may import besides the standard library.
ALLOWED = {
    "kcompile.atomic": set(),
    "kcompile.progress": set(),
    "kcompile.ir": {"numpy", "onnx"},
    "kcompile_runtime": {"numpy", "onnxruntime"},
}
FRONT_END = "kcompile.keras"
#: Where torch is imported: the bridge, and the backend of Keras 3, whose tensors are torch's.
TORCH_ROOMS = ("kcompile.torch_bridge", "kcompile.keras3.backend")
#: What the front end may import inside functions: it takes long to load, or need not be installed.
HEAVY = (
    "IPython",
    "PIL",
    "h5py",
    "kcompile.formats.hdf5_members",
    "kcompile.formats.yaml",
    "kcompile.torch_bridge",
    "matplotlib",
    "pooch",
    "pyarrow",
    "pydot",
    "ray",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
)
#: The methods that Keras puts on layers and models, and what above them does the work.
UPWARD = {
    ("kcompile.keras.core.network_files", "NetworkFiles.save"): ["saving.saving_api"],
    ("kcompile.keras.core.network_files", "NetworkFiles.save_weights"): ["saving.saving_api"],
    ("kcompile.keras.core.network_files", "NetworkFiles.load_weights"): [
        "saving.saving_api",
    ],
    ("kcompile.keras.core.network_files", "NetworkFiles._upgraded_to"): ["saving.archives"],
    ("kcompile.keras.core.network_files", "NetworkFiles._updated_config"): ["saving.archives"],
    ("kcompile.keras.core.network_files", "NetworkFiles.to_json"): ["saving.archives"],
    ("kcompile.keras.core.network_files", "NetworkFiles.to_yaml"): ["saving.archives"],
    ("kcompile.keras.core.network_files", "NetworkFiles.get_compile_config"): ["saving.compile_configs"],
    ("kcompile.keras.core.network_files", "NetworkFiles.compile_from_config"): ["saving.compile_configs"],
    ("kcompile.keras.core.network_files", "NetworkFiles.export"): ["saving.exporting"],
    ("kcompile.keras.core.network_files", "NetworkFiles.quantize"): ["kcompile.optimize"],
    ("kcompile.keras.training.model", "Model.__reduce__"): ["saving.copying"],
    ("kcompile.keras.training.model", "Model.__deepcopy__"): ["saving.copying"],
}
MOST_INSIDE_FUNCTIONS = 60


def room(name: str) -> str | None:
    """The entry of FLOORS that a module belongs to."""
    return package_of(name, FLOORS)


def is_in(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def is_upward_call(module: str, found: Import) -> bool:
    return found.target.removeprefix(f"{FRONT_END}.") in UPWARD.get((module, found.function), ())


def violations(module: str, source: str, is_package: bool = False) -> list[str]:
    """What a module's imports break, one line each."""
    own = room(module)
    found = []
    for entry in imports(module, source, is_package):
        target = entry.target
        top = target.split(".")[0]
        other = room(target)
        where = f"{module}:{entry.line} imports {target}"
        if top == "torch" and own not in TORCH_ROOMS:
            found.append(f"{where}: torch belongs to {' and '.join(TORCH_ROOMS)} alone")
        if own is None or is_upward_call(module, entry):
            continue
        if other is not None and other != own and FLOORS[other] >= FLOORS[own]:
            found.append(f"{where}: floor {FLOORS[own]} may not import floor {FLOORS[other]}")
        waits = entry.function and is_in(module, [FRONT_END]) and module not in DOORS
        if waits and not is_in(target, HEAVY):
            found.append(f"{where} inside {entry.function}: only what is heavy or optional may wait")
        if own in ALLOWED and top not in {*ALLOWED[own], "kcompile", "kcompile_runtime"}:
            if top not in sys.stdlib_module_names:
                found.append(f"{where}: {own} may import {', '.join(sorted(ALLOWED[own]))} only")
        if own in ALLOWED and top in ("kcompile", "kcompile_runtime") and other != own:
            # `from . import x` at the top of a package names the package itself, which is fine.
            if not f"{own}.".startswith(f"{target}."):
                found.append(f"{where}: {own} stands on nothing of ours")
    return list(dict.fromkeys(found))


def circles(knowledge: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The groups of modules of which each knows, by others or by itself, all the rest."""
    reached = {module: _reach(module, knowledge) for module in knowledge}
    groups = {tuple(sorted(m for m in reached[one] if one in reached.get(m, ()))) for one in knowledge}
    return sorted(list(group) for group in groups if group)


def _reach(start: str, knowledge: Mapping[str, Iterable[str]]) -> set[str]:
    reached: set[str] = set()
    stack = list(knowledge[start])
    while stack:
        module = stack.pop()
        if module not in reached:
            reached.add(module)
            stack.extend(knowledge.get(module, ()))
    return reached


def test_every_package_of_the_floors_is_there() -> None:
    missing = [package for package in FLOORS if package.removesuffix(".*") not in MODULES]
    assert not missing


def test_every_package_has_a_floor() -> None:
    homeless = sorted(name for name in MODULES if room(name) is None and name not in TOP)
    assert not homeless


def test_the_table_of_the_architecture_page_shows_these_floors() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert floors_of(page) == FLOORS


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_only_go_down(module: str) -> None:
    path = MODULES[module]
    broken = violations(module, path.read_text(encoding="utf-8"), path.name == "__init__.py")
    assert not broken, "\n".join(broken)


def test_no_modules_of_the_front_end_know_each_other_in_a_circle() -> None:
    knowledge = {
        module: {
            entry.target
            for entry in imports_of(module)
            if is_in(entry.target, [FRONT_END]) and not is_upward_call(module, entry)
        }
        for module in MODULES
        if is_in(module, [FRONT_END])
    }
    assert circles(knowledge) == []


def test_a_circle_is_found_at_any_length() -> None:
    knowledge = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["e"], "e": ["d"], "f": ["a", "f.x"], "g": "g"}
    assert circles(knowledge) == [["a", "b", "c"], ["d", "e"], ["g"]]


def test_few_imports_of_the_front_end_wait_for_a_call() -> None:
    inside = [
        f"{module}:{entry.line} {entry.target}"
        for module in MODULES
        if is_in(module, [FRONT_END])
        for entry in imports_of(module)
        if entry.function
    ]
    assert len(inside) <= MOST_INSIDE_FUNCTIONS, "\n".join(inside)


def test_each_upward_call_that_is_listed_is_made() -> None:
    made = {
        (module, entry.function, entry.target.removeprefix(f"{FRONT_END}."))
        for module in {module for module, _ in UPWARD}
        for entry in imports_of(module)
    }
    listed = {(module, method, target) for (module, method), targets in UPWARD.items() for target in targets}
    assert listed <= made


def test_models_load_no_layers_functions_files_or_datasets() -> None:
    loaded = loaded_after("import kcompile.keras.models", depth=None)
    later = [f"{FRONT_END}.{name}" for name in ("layers", "saving", "state_dict", "data.dataset")]
    modules = [name for name in loaded if is_in(name, [*later, f"{FRONT_END}.operations"])]
    assert modules == [f"{FRONT_END}.operations"]


def test_models_load_of_packages_only_what_every_training_takes() -> None:
    """Nothing that runs or writes ONNX, reads ahead or sends, and the callbacks that fit always has."""
    loaded = loaded_after("import kcompile.keras.models", depth=None)
    callbacks = f"{FRONT_END}.callbacks"
    always = {callbacks, *(f"{callbacks}.{name}" for name in ("base", "callback_list", "loggers", "logs"))}
    assert {name for name in loaded if is_in(name, [callbacks])} == always
    assert {name for name in loaded if is_in(name, ["kcompile.onnx_io"])} == {
        "kcompile.onnx_io",
        "kcompile.onnx_io.kernels",
    }
    others = ("kcompile_runtime.executor", "kcompile.keras.utils.download", "kcompile.keras.utils.enqueuers")
    assert not loaded & {*others, "multiprocessing", "ssl", "statistics", "urllib.request"}


@pytest.mark.parametrize("door", DOORS)
def test_a_door_loads_nothing_of_what_it_leads_to(door: str) -> None:
    loaded = loaded_after(f"import {door}", depth=None)
    assert not {name for name in loaded if name.startswith(f"{door}.")} - {"kcompile.keras.version"}


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("kcompile.ir.op", "import torch", "torch belongs"),
        ("kcompile.keras.training.model", "def f():\n    import torch.nn as nn", "torch belongs"),
        ("kcompile.keras.backend", "import importlib\nimportlib.import_module('torch')", "torch belongs"),
        ("kcompile.ir.op", "from ..keras import layers", "floor 0 may not import floor 2"),
        ("kcompile.ir.op", "from .. import keras", "floor 0 may not import floor 2"),
        ("kcompile.ir.op", "import h5py", "numpy, onnx only"),
        ("kcompile.ir.op", "import kcompile_runtime", "floor 0 may not import floor 0"),
        ("kcompile.formats.hdf5", "from kcompile import onnx_io", "floor 1 may not import floor 1"),
        ("kcompile.onnx_io.write", "from ..torch_bridge.lower import x", "floor 1 may not import floor 1"),
        ("kcompile.torch_bridge.ops", "from kcompile.keras import losses", "floor 1 may not import floor 2"),
        ("kcompile.keras.models", "def f():\n    from ..cli import main", "floor 2.7 may not import floor 4"),
        ("kcompile.convert.weights", "from ..cli import app", "floor 3 may not import floor 4"),
        ("kcompile.keras.core.layer", "from ..layers import Dense", "floor 2.3 may not import floor 2.4"),
        ("kcompile.keras.backend.math", "from ..core.node import Node", "floor 2.1 may not import floor 2.3"),
        ("kcompile.keras.losses.base", "from .. import metrics", "floor 2.4 may not import floor 2.45"),
        ("kcompile.keras.layers.core", "from .. import losses", "floor 2.4 may not import floor 2.4"),
        ("kcompile.keras.utils.np_utils", "from . import vis", "floor 2.05 may not import floor 2.7"),
        (
            "kcompile.keras.layers.core",
            "if TYPE_CHECKING:\n    from ..training.model import Model",
            "floor 2.4 may not import floor 2.5",
        ),
        (
            "kcompile.keras.core.network",
            "class Network:\n    def fit(self):\n        from ..saving.saving_api import save_model",
            "floor 2.3 may not import floor 2.6",
        ),
        (
            "kcompile.keras.core.network",
            "class Network:\n    def call(self):\n        from .. import backend",
            "inside Network.call: only what is heavy or optional may wait",
        ),
        ("kcompile_runtime.executor", "import onnx", "numpy, onnxruntime only"),
        ("kcompile_runtime.executor", "from kcompile.ir import Graph", "floor 0 may not import floor 0"),
        ("kcompile_runtime.executor", "import kcompile", "stands on nothing of ours"),
    ],
)
def test_an_import_that_goes_up_is_found(module: str, source: str, expected: str) -> None:
    broken = violations(module, source)
    assert any(expected in line for line in broken), broken


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("kcompile.torch_bridge.ops", "import torch\nfrom ..ir import op\nimport numpy"),
        (
            "kcompile.keras.training.model",
            "def f():\n    from ...torch_bridge import lower\n    import h5py",
        ),
        ("kcompile.ir.op", "from .value import Value\nfrom . import op\nimport onnx.defs, numpy, json"),
        ("kcompile.keras.metrics.base", "from ..losses import base\nfrom ..backend.tensors import tensor"),
        ("kcompile.keras.training.model", "from ..core.network import Network\nfrom . import loops"),
        (
            "kcompile.keras.core.network_files",
            "class NetworkFiles:\n    def save(self):\n        from ..saving.saving_api import save_model",
        ),
        ("kcompile.cli.main", "import typer\nfrom kcompile import keras, formats"),
        ("kcompile_runtime.session", "import onnxruntime, ctypes\nfrom .errors import InputError"),
    ],
)
def test_an_import_that_goes_down_passes(module: str, source: str) -> None:
    assert violations(module, source) == []


def loaded_after(statement: str, depth: int | None = 1) -> set[str]:
    """Modules that a fresh interpreter has loaded after a statement, by the first parts of their names."""
    names = f"{{'.'.join(name.split('.')[:{depth}]) for name in sys.modules}}"
    code = f"{statement}\nimport sys\nprint(' '.join(sorted({names})))"
    path = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'runtime')!r}]\n"
    result = subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


NOT_LOADED = {
    "torch",
    "h5py",
    "onnxruntime",
    "yaml",
    "requests",
    "urllib3",
    "pooch",
    "rich",
    "typer",
    "sklearn",
}


@pytest.mark.parametrize(
    "statement", ["import kcompile", "from kcompile import keras", "import kcompile_runtime"]
)
def test_importing_loads_nothing_heavy(statement: str) -> None:
    assert not loaded_after(statement) & NOT_LOADED


def test_importing_the_runtime_loads_nothing_of_the_compiler() -> None:
    assert not loaded_after("import kcompile_runtime") & {"kcompile", "onnx"}
