"""What callbacks are told: metric values by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import registry

# Keras 2.0 to 2.2 called a metric by its function, 2.3 calls it as compile() was told.
_EARLIER = {
    "acc": ("accuracy",),
    "mean_squared_error": ("mse", "MSE"),
    "mean_absolute_error": ("mae", "MAE"),
    "mean_absolute_percentage_error": ("mape", "MAPE"),
    "mean_squared_logarithmic_error": ("msle", "MSLE"),
    "kullback_leibler_divergence": ("kld", "KLD"),
    "cosine_proximity": ("cosine",),
}


class Logs(dict):
    """Name -> value. A name of Keras 2.0 to 2.2 finds what 2.3 calls otherwise.

    ``logs["val_acc"]`` is ``logs["val_accuracy"]`` if there is no "val_acc"; listed are the names of 2.3.
    """

    def __missing__(self, key: str) -> Any:
        name = self._today(key)
        if name is None:
            raise KeyError(key)
        return dict.__getitem__(self, name)

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or self._today(key) is not None

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def _today(self, key: object) -> str | None:
        """The name by which a metric is here that was asked for by an earlier one."""
        if not isinstance(key, str):
            return None
        for earlier, names in _EARLIER.items():
            if key == earlier or key.endswith(f"_{earlier}"):
                prefix = key[: -len(earlier)]
                return next((prefix + name for name in names if dict.__contains__(self, prefix + name)), None)
        return None


class BatchLogs(Logs):
    """Logs of one batch whose metric values are fetched only when something reads them.

    A training step leaves its loss on the device; reading it waits for the device. So these logs hold
    ``batch`` and ``size`` at once, and call ``fetch`` the first time that anything else is looked at. They
    then are an ordinary dict.

    Args:
        batch: index of the batch in the epoch.
        size: number of samples in it.
        fetch: gives name -> value for this batch, as Keras logs them.
        fetch_means: gives name -> mean over the epoch so far, weighted by samples (a stateful metric's
            present value). With it BaseLogger need not add up, and the progress bar reads only when it draws.
        of_epoch: whether they are, as in tf.keras, the means so far, without ``batch`` and ``size``.
    """

    def __init__(
        self,
        batch: int,
        size: int,
        fetch: Callable[[], Mapping[str, Any]],
        fetch_means: Callable[[], Mapping[str, Any]] | None = None,
        of_epoch: bool = False,
    ) -> None:
        super().__init__({} if of_epoch else {"batch": batch, "size": size})
        self.samples = size
        self._fetch: Callable[[], Mapping[str, Any]] | None = fetch_means if of_epoch else fetch
        self._fetch_means = fetch_means

    @property
    def has_means(self) -> bool:
        """Whether whoever made these logs averages over the epoch."""
        return self._fetch_means is not None

    def means(self) -> Mapping[str, Any]:
        """Name -> mean over the epoch up to this batch. Waits for the device."""
        if self._fetch_means is None:
            raise RuntimeError("These batch logs carry no means.")
        return self._fetch_means()

    def _fill(self) -> None:
        if self._fetch is not None:
            fetch, self._fetch = self._fetch, None
            for name, value in fetch().items():
                dict.setdefault(self, name, value)

    def __bool__(self) -> bool:
        return True

    def __missing__(self, key: str) -> Any:
        self._fill()
        return dict.__getitem__(self, key) if dict.__contains__(self, key) else super().__missing__(key)

    def __contains__(self, key: object) -> bool:
        self._fill()
        return super().__contains__(key)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Logs, (dict(self),))


def samples_in(logs: Any, otherwise: int = 0) -> int:
    """The number of samples in the batch that logs are of."""
    return logs.samples if isinstance(logs, BatchLogs) else int(logs.get("size", otherwise))


def _filled(name: str) -> Callable[..., Any]:
    plain = getattr(dict, name)

    def method(self: BatchLogs, *args: Any, **kwargs: Any) -> Any:
        self._fill()
        return plain(self, *args, **kwargs)

    method.__name__ = name
    return method


# __iter__ among them: dict(logs) and f(**logs) then go through keys() and see every value.
for _name in (
    *("__iter__", "__len__", "__reversed__", "__repr__", "__eq__", "__ne__", "__or__", "__ror__"),
    *("keys", "values", "items", "copy", "pop", "popitem", "setdefault", "clear"),
):
    setattr(BatchLogs, _name, _filled(_name))


registry.register(globals())
