"""Calls of TensorFlow's functions on the inputs ``t``: what is computed at once, and what is traced, are held to
TensorFlow 2.21 by ``eager.npz``, which ``make_eager.py`` writes.
"""

# ruff: noqa: E501
import numpy as np

CASES = {}
#: Those that compute at once alone.
AT_ONCE = set()


def arrays():
    """The inputs by name."""
    rng = np.random.default_rng(0)
    g = rng.random((2, 12, 14, 3)).astype("float32")
    corner = rng.random((5, 2)).astype("float32") * 0.5
    return {
        "g": g, "u": (g * 255).astype("uint8"), "boxes": np.concatenate([corner, corner + np.float32([0.3, 0.6])], 1),
        "scores": rng.random(5).astype("float32"), "x": rng.normal(size=(5, 3)).astype("float32"),
        "ids": np.array([0, 0, 1, 3, 3], "int32"), "places": np.array([2, 0, -1, 2, 0], "int32"),
        "v": np.array([3, 1, 3, 2, 1, 3], "int32"), "a": rng.normal(size=(2, 32)).astype("float32"),
        "h": rng.normal(size=(2, 4, 8)).astype("float32"),
    }  # fmt: skip


CASES.update(
    {
        "adjust_saturation": lambda tf, t: tf.image.adjust_saturation(t.g, 0.5),
        "adjust_saturation_u": lambda tf, t: tf.image.adjust_saturation(t.u, 1.5),
        "adjust_hue": lambda tf, t: tf.image.adjust_hue(t.g, 0.2),
        "adjust_brightness_u": lambda tf, t: tf.image.adjust_brightness(t.u, 0.2),
        "adjust_contrast_u": lambda tf, t: tf.image.adjust_contrast(t.u, 1.7),
        "adjust_gamma_u": lambda tf, t: tf.image.adjust_gamma(t.u, 1.7),
        "rgb_to_grayscale_whole": lambda tf, t: tf.image.rgb_to_grayscale(t.u),
        "rgb_to_yiq": lambda tf, t: tf.image.rgb_to_yiq(t.g),
        "yiq_to_rgb": lambda tf, t: tf.image.yiq_to_rgb(t.g),
        "roll_by_tensors": lambda tf, t: [tf.roll(t.h, t.v[:2] - 2, [1, 2]), tf.roll(t.x, t.places[2], -1)],
        "sobel_edges": lambda tf, t: tf.image.sobel_edges(t.g),
        "image_gradients": lambda tf, t: tf.image.image_gradients(t.g),
        "ssim": lambda tf, t: tf.image.ssim(t.g, tf.reverse(t.g, [1]), 1.0),
        "ssim_map": lambda tf, t: tf.image.ssim(
            t.g, tf.reverse(t.g, [1]), 1.0, filter_size=5, return_index_map=True
        ),
        "ssim_u": lambda tf, t: tf.image.ssim(t.u, tf.reverse(t.u, [1]), 255),
        "ssim_multiscale": lambda tf, t: tf.image.ssim_multiscale(
            t.g, t.g * 0.9, 1.0, filter_size=3, power_factors=(0.3, 0.4, 0.3)
        ),
        "non_max_suppression": lambda tf, t: tf.image.non_max_suppression(t.boxes, t.scores, 3, 0.3),
        "non_max_suppression_score": lambda tf, t: tf.image.non_max_suppression(
            t.boxes, t.scores, 5, 0.3, 0.5
        ),
        "combined_non_max_suppression": lambda tf, t: list(
            tf.image.combined_non_max_suppression(
                tf.stack([t.boxes, tf.reverse(t.boxes, [0])])[:, :, None],
                tf.stack([tf.stack([t.scores, tf.reverse(t.scores, [0])], -1)] * 2),
                3,
                4,
                0.3,
                0.2,
            )
        ),
        "combined_non_max_suppression_padded": lambda tf, t: list(
            tf.image.combined_non_max_suppression(
                tf.stack([t.boxes, tf.reverse(t.boxes, [0])])[:, :, None],
                tf.stack([tf.stack([t.scores, tf.reverse(t.scores, [0])], -1)] * 2),
                3,
                20,
                0.3,
                0.2,
            )
        ),
        "crop_and_resize": lambda tf, t: tf.image.crop_and_resize(t.g, t.boxes, [0, 1, 0, 1, 0], [4, 5]),
        "crop_and_resize_beyond": lambda tf, t: tf.image.crop_and_resize(
            t.g, t.boxes * 1.5, [0, 1, 0, 1, 0], [1, 5], extrapolation_value=7.0
        ),
        "crop_and_resize_nearest": lambda tf, t: tf.image.crop_and_resize(
            t.g, t.boxes, [0, 1, 0, 1, 0], [4, 5], method="nearest"
        ),
        "convert_image_dtype_16": lambda tf, t: tf.image.convert_image_dtype(t.u, tf.uint16),
        "convert_image_dtype_8": lambda tf, t: tf.image.convert_image_dtype(
            tf.cast(t.u, tf.uint16) * 257, tf.uint8
        ),
        "segment_max_int": lambda tf, t: tf.math.segment_max(t.v, [0, 0, 1, 1, 3, 3]),
        "unsorted_segment_sum_of_rows": lambda tf, t: tf.math.unsorted_segment_sum(
            t.x, np.array([[0, 1, 1]] * 5, "int32"), 3
        ),
        "bincount": lambda tf, t: tf.math.bincount(t.v),
        "bincount_lengths": lambda tf, t: tf.math.bincount(t.v, minlength=6, maxlength=8),
        "bincount_weights": lambda tf, t: tf.math.bincount(t.v, weights=np.arange(6).astype("float32")),
        "bincount_axis": lambda tf, t: tf.math.bincount(tf.reshape(t.v, [2, 3]), axis=-1, minlength=5),
        "bincount_binary": lambda tf, t: tf.math.bincount(
            tf.reshape(t.v, [2, 3]), axis=-1, binary_output=True
        ),
        "confusion_matrix": lambda tf, t: tf.math.confusion_matrix([1, 2, 0, 1], [1, 0, 0, 2]),
        "confusion_matrix_weights": lambda tf, t: tf.math.confusion_matrix(
            [1, 2, 0, 1], [1, 0, 0, 2], num_classes=4, weights=[1.0, 0.5, 2.0, 1.0], dtype=tf.float32
        ),
        "in_top_k": lambda tf, t: tf.math.in_top_k([0, 2, 1, 0, 2], t.x, 2),
        "invert_permutation": lambda tf, t: tf.math.invert_permutation([2, 0, 1]),
        "is_non_decreasing": lambda tf, t: [
            tf.math.is_non_decreasing([1, 1, 2]),
            tf.math.is_strictly_increasing([1, 1, 2]),
        ],
        "scatter_nd": lambda tf, t: tf.scatter_nd([[1], [3], [1]], [9.0, 10.0, 1.0], [5]),
        "boolean_mask": lambda tf, t: tf.boolean_mask(t.x, [True, False, True, False, True]),
        "boolean_mask_of_all": lambda tf, t: tf.boolean_mask(t.x, t.x > 0),
        "boolean_mask_axis": lambda tf, t: tf.boolean_mask(t.x, [True, False, True], axis=1),
        "dynamic_partition": lambda tf, t: tf.dynamic_partition(t.x, [0, 1, 1, 2, 0], 3),
        "dynamic_stitch": lambda tf, t: tf.dynamic_stitch([[0, 2], [1, 3]], [[10.0, 30.0], [20.0, 40.0]]),
        "unique": lambda tf, t: tf.unique(t.v)[:2],
        "unique_with_counts": lambda tf, t: tf.unique_with_counts(t.v)[:3],
        "searchsorted": lambda tf, t: tf.searchsorted([1.0, 3.0, 5.0], [0.0, 3.0, 4.0, 9.0]),
        "searchsorted_right": lambda tf, t: tf.searchsorted(
            [[1.0, 3.0, 5.0], [2.0, 2.0, 6.0]], [[3.0, 4.0], [2.0, 7.0]], side="right"
        ),
        "meshgrid": lambda tf, t: tf.meshgrid([1, 2, 3], [4, 5]),
        "meshgrid_ij": lambda tf, t: tf.meshgrid([1, 2, 3], [4, 5], indexing="ij"),
        "unravel_index": lambda tf, t: tf.unravel_index([5, 7], [2, 4]),
        "histogram_fixed_width": lambda tf, t: tf.histogram_fixed_width(
            [-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], [0.0, 5.0], nbins=5
        ),
        "compute_average_loss": lambda tf, t: tf.nn.compute_average_loss(
            [1.0, 2.0, 3.0], global_batch_size=6
        ),
        "compute_average_loss_weights": lambda tf, t: tf.nn.compute_average_loss(
            [1.0, 2.0, 3.0], sample_weight=[1.0, 0.0, 1.0]
        ),
        "scale_regularization_loss": lambda tf, t: tf.nn.scale_regularization_loss([1.0, 2.0]),
        "weighted_cross_entropy_with_logits": lambda tf, t: tf.nn.weighted_cross_entropy_with_logits(
            [1.0, 0.0, 1.0], [0.5, -2.0, -3.0], 2.0
        ),
        "log_poisson_loss": lambda tf, t: tf.nn.log_poisson_loss([1.0, 2.0, 0.5], [0.5, 2.0, -3.0], True),
        "separable_conv2d": lambda tf, t: tf.nn.separable_conv2d(
            np.ones((1, 5, 5, 2), "float32"),
            np.ones((3, 3, 2, 2), "float32"),
            np.ones((1, 1, 4, 3), "float32"),
            [1, 1, 1, 1],
            "SAME",
        ),
        "clip_by_global_norm": lambda tf, t: [
            tf.clip_by_global_norm([t.x, tf.constant([3.0, 4.0])], 2.0)[0],
            tf.clip_by_global_norm([t.x], 2.0)[1],
        ],
        "tensor_diag": lambda tf, t: tf.linalg.tensor_diag([1.0, 2.0]),
        "polyval": lambda tf, t: tf.math.polyval([1.0, 2.0, 3.0], t.x),
        "whole_numbers": lambda tf, t: [
            tf.truncatediv(-7, 2),
            tf.truncatemod(-7, 2),
            tf.bitwise.bitwise_xor(5, 3),
            tf.bitwise.left_shift(1, 3),
            tf.bitwise.invert(5),
        ],
        "fake_quant_args": lambda tf, t: tf.quantization.fake_quant_with_min_max_args(t.x, -1.0, 2.0),
        "fake_quant_vars": lambda tf, t: tf.quantization.fake_quant_with_min_max_vars(
            t.x, -1.0, 2.0, num_bits=4, narrow_range=True
        ),
        "fft": lambda tf, t: tf.abs(
            tf.signal.fft(tf.cast(tf.complex(t.a, tf.zeros_like(t.a)), tf.complex64))
        ),
        "fft_parts": lambda tf, t: [
            tf.math.real(tf.signal.fft(tf.complex(t.a, t.a * 0.5))),
            tf.math.imag(tf.signal.fft(tf.complex(t.a, t.a * 0.5))),
            tf.signal.ifft(tf.complex(t.a, t.a * 0.5)),
        ],
        "fft2d": lambda tf, t: [
            tf.signal.fft2d(tf.complex(t.h, t.h * 0)),
            tf.signal.ifft2d(tf.complex(t.h, t.h)),
            tf.signal.rfft2d(t.h),
            tf.signal.irfft2d(tf.signal.rfft2d(t.h)),
        ],
        "rfft": lambda tf, t: [
            tf.signal.rfft(t.a),
            tf.signal.rfft(t.a, fft_length=[16]),
            tf.signal.irfft(tf.signal.rfft(t.a)),
        ],
        "stft": lambda tf, t: tf.signal.stft(t.a, 8, 4),
        "stft_padded": lambda tf, t: tf.math.abs(
            tf.signal.stft(t.a, frame_length=10, frame_step=3, fft_length=16, pad_end=True)
        ),
        "stft_no_window": lambda tf, t: tf.signal.stft(t.a, 8, 4, window_fn=None),
        "stft_hamming": lambda tf, t: tf.signal.stft(t.a, 8, 4, window_fn=tf.signal.hamming_window),
        "inverse_stft": lambda tf, t: tf.signal.inverse_stft(tf.signal.stft(t.a, 8, 4), 8, 4),
        "overlap_and_add": lambda tf, t: tf.signal.overlap_and_add(t.h, 3),
        "windows": lambda tf, t: [
            tf.signal.hann_window(8),
            tf.signal.hann_window(7),
            tf.signal.hann_window(8, periodic=False),
            tf.signal.hamming_window(9),
            tf.signal.hamming_window(1),
        ],
        "linear_to_mel_weight_matrix": lambda tf, t: tf.signal.linear_to_mel_weight_matrix(
            10, 33, 16000, 80.0, 7600.0
        ),
        "mfccs": lambda tf, t: tf.signal.mfccs_from_log_mel_spectrograms(t.h),
        "dct": lambda tf, t: [
            tf.signal.dct(t.a),
            tf.signal.dct(t.a, norm="ortho"),
            tf.signal.dct(t.a, n=40),
            tf.signal.dct(t.a, n=20),
        ],
        "fftshift": lambda tf, t: [
            tf.signal.fftshift(t.a),
            tf.signal.ifftshift(t.a, axes=1),
            tf.signal.fftshift(t.a[:, :31]),
        ],
        "angle": lambda tf, t: [
            tf.math.angle(tf.complex(t.a, tf.reverse(t.a, [0]))),
            tf.math.conj(tf.complex(t.a, t.a)),
            tf.abs(tf.complex(t.a, t.a) * tf.complex(t.a, t.a + 1) / tf.complex(t.a + 0.1, t.a - 2)),
        ],
        "complex_parts": lambda tf, t: tf.concat(
            [tf.complex(t.a, t.a + 1), tf.reshape(tf.complex(t.h, t.h), [2, 32])], 0
        ),
        "complex_split": lambda tf, t: tf.split(tf.transpose(tf.complex(t.a, t.a + 1)), 2),
        "complex_sum": lambda tf, t: tf.reduce_sum(tf.complex(t.a, t.a + 1), axis=1),
        "fft_slice": lambda tf, t: tf.abs(tf.expand_dims(tf.signal.fft(tf.complex(t.a, t.a)), -1)[:, :16, :]),
    }
)
for name in "sum prod max min mean".split():
    CASES[f"segment_{name}"] = lambda tf, t, n=name: getattr(tf.math, f"segment_{n}")(t.x, t.ids)
for name in "sum prod max min mean sqrt_n".split():
    CASES[f"unsorted_segment_{name}"] = lambda tf, t, n=name: getattr(tf.math, f"unsorted_segment_{n}")(
        t.x, t.places, 4
    )
for name in "max min sub add update".split():
    CASES[f"tensor_scatter_nd_{name}"] = lambda tf, t, n=name: getattr(tf, f"tensor_scatter_nd_{n}")(
        t.x, [[0], [3]], t.x[1:3]
    )


def _square(tf, t):
    """Symmetric and positive definite: (2, 4, 4)."""
    return tf.matmul(t.h, t.h, transpose_b=True) + tf.eye(4)


LINALG = {
    "inv": lambda tf, t: [tf.linalg.inv(_square(tf, t)), tf.linalg.inv(t.h[:, :, :4], adjoint=True)],
    "pinv": lambda tf, t: tf.linalg.pinv(t.h),
    "cholesky": lambda tf, t: tf.linalg.cholesky(_square(tf, t)),
    "cholesky_solve": lambda tf, t: tf.linalg.cholesky_solve(tf.linalg.cholesky(_square(tf, t)), t.h),
    "solve": lambda tf, t: [tf.linalg.solve(_square(tf, t), t.h), tf.linalg.solve(t.h[:, :, :4], t.h, adjoint=True)],
    "triangular_solve": lambda tf, t: [
        tf.linalg.triangular_solve(_square(tf, t), t.h),
        tf.linalg.triangular_solve(_square(tf, t), t.h, lower=False, adjoint=True),
        tf.linalg.triangular_solve(_square(tf, t), t.h, adjoint=True),
    ],
    "lstsq": lambda tf, t: [tf.linalg.lstsq(tf.transpose(t.h, [0, 2, 1]), tf.ones([2, 8, 1])),
                            tf.linalg.lstsq(t.h, tf.ones([2, 4, 1]), l2_regularizer=0.5)],
    "svd": lambda tf, t: [tf.linalg.svd(t.h)[0], tf.linalg.svd(t.h, compute_uv=False), tf.abs(tf.linalg.svd(t.h)[2])],
    "qr": lambda tf, t: [tf.abs(y) for y in tf.linalg.qr(t.h)],
    "eigh": lambda tf, t: [tf.linalg.eigh(_square(tf, t))[0], tf.abs(tf.linalg.eigh(_square(tf, t))[1])],
    "slogdet": lambda tf, t: [*tf.linalg.slogdet(t.h[:, :, :4]), tf.linalg.logdet(_square(tf, t))],
    "matrix_rank": lambda tf, t: tf.linalg.matrix_rank(t.h),
    "expm": lambda tf, t: tf.linalg.expm(_square(tf, t) / 10.0),
    "lu": lambda tf, t: list(tf.linalg.lu(t.h[:, :, :4])),
    "sqrtm": lambda tf, t: tf.linalg.sqrtm(_square(tf, t)),
}  # fmt: skip
CASES.update(LINALG)
AT_ONCE.update(LINALG)
