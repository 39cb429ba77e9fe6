"""``ImageDataGenerator``: random transformations of images and their normalisation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from ... import registry, rules
from ...backend.config import floatx
from .affine import apply_affine_transform
from .files import checked_data_format
from .flows import DataFrameIterator, DirectoryIterator, NumpyArrayIterator, warn_of_odd_channels
from .transforms import apply_brightness_shift, apply_channel_shift, flip_axis, random_zoom_factors

_STD_EPSILON = 1e-6


class ImageDataGenerator:
    """Batches of images, each transformed at random when it is given.

    Args:
        featurewise_center: subtract the mean of the data set by channel; needs ``fit``.
        samplewise_center: subtract each image's own mean.
        featurewise_std_normalization: divide by the standard deviation of the data set by channel; needs
            ``fit``.
        samplewise_std_normalization: divide each image by its own standard deviation.
        zca_whitening: remove the correlation of pixels over the data set; needs ``fit``.
        zca_epsilon: added to the eigenvalues for the whitening, 1e-6.
        rotation_range: degrees, to both sides.
        width_shift_range, height_shift_range: to both sides: a float below 1 is a part of the size, another
            float a number of pixels; an integer n stands for a whole number of pixels below n; a list for one
            of its numbers.
        brightness_range: pair of factors, see ``apply_brightness_shift``.
        shear_range: degrees, to both sides.
        zoom_range: pair of factors for rows and columns each, or a float for (1 - it, 1 + it).
        channel_shift_range: greatest number added to all values.
        fill_mode: "constant", "nearest", "reflect" or "wrap", for points outside the image.
        cval: value outside the image where fill_mode is "constant".
        horizontal_flip, vertical_flip: flip half of the images.
        rescale: factor for all values, after the transformations.
        preprocessing_function: applied to each image after its transformation, before ``rescale``: array of
            rank 3 to array of the same shape.
        data_format: "channels_last" or "channels_first"; None for ``K.image_data_format()``.
        validation_split: part of the samples in the subset "validation", between 0 and 1.
        interpolation_order: 0 nearest pixel, 1 linear; 2 to 5 need SciPy.
        dtype: of the arrays that ``fit`` calculates with; None for ``K.floatx()``.

    Raises:
        ValueError: an option has a value that cannot be.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = "channels_last",
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = "float32",
    ) -> None:
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.shear_range = shear_range
        self.zoom_range = _checked_zoom_range(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.dtype = floatx() if dtype is None else dtype
        self.interpolation_order = interpolation_order
        self.data_format = checked_data_format(data_format)
        axes = (1, 2, 3) if self.data_format == "channels_first" else (3, 1, 2)
        self.channel_axis, self.row_axis, self.col_axis = axes
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                f"`validation_split` must be strictly between 0 and 1. Received: {validation_split}"
            )
        self._validation_split = validation_split
        if brightness_range is not None and not _is_pair(brightness_range):
            raise ValueError(
                f"`brightness_range` should be tuple or list of two floats. Received: {brightness_range}"
            )
        self.brightness_range = brightness_range
        self._stretches_brightness = not rules.in_force().brightens_as_is
        self.mean: np.ndarray | None = None
        self.std: np.ndarray | None = None
        self.principal_components: np.ndarray | None = None
        if zca_whitening:
            self._override("zca_whitening", "featurewise_center", True)
            self._override("zca_whitening", "featurewise_std_normalization", False)
        if featurewise_std_normalization:
            self._override("featurewise_std_normalization", "featurewise_center", True)
        if samplewise_std_normalization:
            self._override("samplewise_std_normalization", "samplewise_center", True)

    def _override(self, option: str, other: str, value: bool) -> None:
        if bool(getattr(self, other)) != value:
            setattr(self, other, value)
            warnings.warn(
                f"This ImageDataGenerator specifies `{option}`, which overrides setting of `{other}`.",
                stacklevel=3,
            )

    # --- flows
    # --------------------------------------------------------------------------------------------------------

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
    ) -> NumpyArrayIterator:
        """Batches from arrays: see NumpyArrayIterator."""
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            ignore_class_split=ignore_class_split,
        )

    def flow_from_directory(
        self,
        directory: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches from a folder with one subfolder per class: see DirectoryIterator."""
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            data_format=self.data_format,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
        )

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Batches from a table of file names and targets: see DataFrameIterator.

        ``has_ext``, ``sort`` and ``drop_duplicates`` of earlier versions are accepted and have no effect;
        ``class_mode="other"`` means "raw".
        """
        for name in ("has_ext", "sort", "drop_duplicates"):
            if kwargs.pop(name, None) is not None:
                warnings.warn(f"{name} is deprecated and ignored.", DeprecationWarning, stacklevel=2)
        if class_mode == "other":
            warnings.warn(
                '`class_mode` "other" is deprecated, please use `class_mode` "raw".',
                DeprecationWarning,
                stacklevel=2,
            )
            class_mode = "raw"
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            data_format=self.data_format,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            validate_filenames=validate_filenames,
            **kwargs,
        )

    # --- one image
    # ----------------------------------------------------------------------------------------------------

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Normalise an image, or a batch of them for what is not samplewise. ``x`` itself is changed.

        Warns where ``fit`` should have been called before.
        """
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + _STD_EPSILON
        if self.featurewise_center and self._is_fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._is_fitted("featurewise_std_normalization", self.std):
            x /= self.std + _STD_EPSILON  # type: ignore[operator]
        if self.zca_whitening and self._is_fitted("zca_whitening", self.principal_components):
            flat = x.reshape(-1, int(np.prod(x.shape[-3:])))
            x = (flat @ self.principal_components).reshape(x.shape)
        return x

    def _is_fitted(self, option: str, statistic: np.ndarray | None) -> bool:
        if statistic is None:
            warnings.warn(
                f"This ImageDataGenerator specifies `{option}`, but it hasn't been fit on any training data. "
                "Fit it first by calling `.fit(numpy_data)`.",
                stacklevel=3,
            )
        return statistic is not None

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """Draw a transformation for an image.

        Args:
            img_shape: shape of the image, rank 3.
            seed: for NumPy's global generator.

        Returns:
            Dictionary of ``theta``, ``tx``, ``ty``, ``shear``, ``zx``, ``zy``, ``flip_horizontal``,
            ``flip_vertical``, ``channel_shift_intensity``, ``brightness``.
        """
        if seed is not None:
            np.random.seed(seed)
        uniform = np.random.uniform
        # The order of the draws is Keras's: a seed means the same images.
        theta = uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = _random_shift_pixels(self.height_shift_range, img_shape[self.row_axis - 1])
        ty = _random_shift_pixels(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = random_zoom_factors(self.zoom_range)
        flip_horizontal = (np.random.random() < 0.5) * self.horizontal_flip
        flip_vertical = (np.random.random() < 0.5) * self.vertical_flip
        intensity = None
        if self.channel_shift_range != 0:
            intensity = uniform(-self.channel_shift_range, self.channel_shift_range)
        brightness = None
        if self.brightness_range is not None:
            brightness = uniform(self.brightness_range[0], self.brightness_range[1])
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": intensity,
            "brightness": brightness,
        }

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """An image of rank 3 transformed by parameters as ``get_random_transform`` gives; what is left out is
        not done.
        """
        get = transform_parameters.get
        channel_axis = self.channel_axis - 1
        x = apply_affine_transform(
            x,
            get("theta", 0),
            get("tx", 0),
            get("ty", 0),
            get("shear", 0),
            get("zx", 1),
            get("zy", 1),
            row_axis=self.row_axis - 1,
            col_axis=self.col_axis - 1,
            channel_axis=channel_axis,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        intensity, brightness = get("channel_shift_intensity"), get("brightness")
        if intensity is not None:
            x = apply_channel_shift(x, intensity, channel_axis)
        if get("flip_horizontal", False):
            x = flip_axis(x, self.col_axis - 1)
        if get("flip_vertical", False):
            x = flip_axis(x, self.row_axis - 1)
        if brightness is not None:
            x = apply_brightness_shift(
                x, brightness, data_format=self.data_format, scale=self._stretches_brightness
            )
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """An image of rank 3, transformed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    # --- the data set
    # -------------------------------------------------------------------------------------------------

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Calculate what the featurewise options and the whitening need from sample images.

        Args:
            x: images, rank 4. They are rescaled first, if ``rescale`` is set.
            augment: transform each image at random first.
            rounds: with ``augment``, how many transformed copies of each image.
            seed: for NumPy's global generator.

        Raises:
            ValueError: ``x`` is not of rank 4.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(f"Input to `.fit()` should have rank 4. Got array with shape: {x.shape}")
        warn_of_odd_channels("`.fit()` follows", x.shape, self.channel_axis, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            copies = [self.random_transform(image) for _ in range(rounds) for image in x]
            x = np.array(copies, dtype=self.dtype)
        if self.featurewise_center:
            self.mean = self._by_channel(np.mean, x)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = self._by_channel(np.std, x)
            x /= self.std + _STD_EPSILON  # type: ignore[operator]
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            vectors, values, _ = np.linalg.svd(flat.T @ flat / len(flat))
            scales = 1.0 / np.sqrt(values + self.zca_epsilon)
            self.principal_components = (vectors * scales) @ vectors.T

    def _by_channel(self, statistic: Callable[..., np.ndarray], x: np.ndarray) -> np.ndarray:
        return statistic(x, axis=(0, self.row_axis, self.col_axis), keepdims=True)[0]


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2


def _checked_zoom_range(zoom_range: Any) -> list[float]:
    if isinstance(zoom_range, (float, int)):
        return [1 - zoom_range, 1 + zoom_range]
    if np.shape(zoom_range) == (2,) and all(np.isreal(value) for value in zoom_range):
        return [zoom_range[0], zoom_range[1]]
    raise ValueError(
        f"`zoom_range` should be a float or a tuple or list of two floats. Received: {zoom_range}"
    )


def _random_shift_pixels(shift_range: Any, size: int) -> Any:
    """Pixels to shift by along an axis of this size; nothing is drawn where the range is 0 or empty."""
    if not np.any(shift_range):
        return 0
    if isinstance(shift_range, Integral) or np.ndim(shift_range) == 1:
        shift = np.random.choice(shift_range) * np.random.choice([-1, 1])
    else:
        shift = np.random.uniform(-shift_range, shift_range)
    return shift * size if np.max(shift_range) < 1 else shift


registry.register(globals())
