"""Python imports this by itself in worker processes whose path has this folder: there are simulated GPUs."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

from tests import simulated_gpu

simulated_gpu.register()
entered = simulated_gpu.simulated_gpus()  # a name, for it ends with its last reference
entered.__enter__()
