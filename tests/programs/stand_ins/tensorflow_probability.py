"""A stand-in for tensorflow_probability: of it, the quantiles of a normal distribution."""

from types import SimpleNamespace


class Normal:
    """A normal distribution."""

    def __init__(self, loc, scale):
        self.loc, self.scale = loc, scale

    def quantile(self, value):
        """Below it lies this part of the numbers."""
        from scipy import stats

        return stats.norm(self.loc, self.scale).ppf(value)


distributions = SimpleNamespace(Normal=Normal)
