"""Settings under the module name that Keras 2.3 has for them."""

from ..legacy.old_names import answer_old_names
from .config import cast_to_floatx as cast_to_floatx
from .config import eager as eager
from .config import epsilon as epsilon
from .config import floatx as floatx
from .config import image_data_format as image_data_format
from .config import image_dim_ordering as image_dim_ordering
from .config import normalize_data_format as normalize_data_format
from .config import set_epsilon as set_epsilon
from .config import set_floatx as set_floatx
from .config import set_image_data_format as set_image_data_format
from .config import set_image_dim_ordering as set_image_dim_ordering
from .config import symbolic as symbolic

answer_old_names(__name__, code="backend.config")
