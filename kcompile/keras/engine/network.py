"""The path of Keras 2 to Network; the code is in ``core.network``."""

from ..core.network import Network as Network
from ..legacy.old_names import answer_old_names

answer_old_names(__name__, code="core.network")
