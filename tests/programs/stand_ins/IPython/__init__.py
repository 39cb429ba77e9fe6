"""A stand-in for IPython: nothing is shown."""


def get_ipython():
    """None: there is no shell of IPython, which Matplotlib asks for."""


from . import display  # noqa: E402, F401

version_info = (8, 24, 0, "")
