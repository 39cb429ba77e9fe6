"""What the functions of ``keras.ops`` compute, and of which shapes: by families, a line a function."""

from __future__ import annotations

from functools import cache

#: (shapes of a family, its functions: a line each)
_FAMILIES = (
    (
        "Element by element: the result has the shape of ``x``.",
        """
        abs: The absolute value, of complex numbers the magnitude.
        angle: The angle of complex numbers in radians; 0 or pi of real ones.
        arccos: The inverse cosine in radians.
        arccosh: The inverse hyperbolic cosine.
        arcsin: The inverse sine in radians.
        arcsinh: The inverse hyperbolic sine.
        arctan: The inverse tangent in radians.
        arctanh: The inverse hyperbolic tangent.
        bitwise_invert: All bits of whole numbers the other way.
        bitwise_not: All bits of whole numbers the other way.
        cbrt: The cube root, negative of negative numbers.
        ceil: The next whole number above, as a float.
        celu: ``x`` above 0, ``alpha * (exp(x / alpha) - 1)`` below.
        clip: Values held between ``x_min`` and ``x_max``, which are numbers or broadcast with ``x``.
        conj: The complex conjugate; real numbers stay.
        conjugate: The complex conjugate; real numbers stay.
        copy: The same numbers.
        cos: The cosine of radians.
        cosh: The hyperbolic cosine.
        deg2rad: Degrees in radians.
        elu: ``x`` above 0, ``alpha * (exp(x) - 1)`` below.
        erf: The error function.
        erfc: One less the error function.
        erfinv: The inverse of the error function, for values between -1 and 1.
        exp: The exponential function.
        exp2: 2 to the power of each element.
        expm1: ``exp(x) - 1``.
        fabs: The absolute value as a float.
        floor: The next whole number below, as a float.
        gelu: ``x`` times the share of the normal distribution below it; by tanh if ``approximate``.
        hard_shrink: ``x``, but 0 where its magnitude is at most ``threshold``.
        hard_sigmoid: ``x / 6 + 0.5``, held between 0 and 1.
        hard_swish: ``x`` times its ``hard_sigmoid``.
        hard_tanh: Values held between -1 and 1.
        imag: The imaginary part; 0 of real numbers.
        isfinite: Whether elements are neither infinite nor NaN (bool).
        isinf: Whether elements are infinite (bool).
        isnan: Whether elements are NaN (bool).
        isneginf: Whether elements are minus infinity (bool).
        isposinf: Whether elements are plus infinity (bool).
        isreal: Whether the imaginary part is 0 (bool).
        leaky_relu: ``x`` above 0, ``negative_slope * x`` below.
        log: The natural logarithm.
        log10: The logarithm to base 10.
        log1p: ``log(1 + x)``.
        log2: The logarithm to base 2.
        log_sigmoid: The logarithm of the sigmoid, without overflow.
        logical_not: Whether elements are 0 or False (bool).
        nan_to_num: NaN and infinities replaced by ``nan``, ``posinf`` and ``neginf``, None being the largest
            float.
        negative: The element with the other sign.
        rad2deg: Radians in degrees.
        real: The real part.
        reciprocal: ``1 / x``.
        relu: ``max(x, 0)``.
        relu6: Values held between 0 and 6.
        round: Rounded to ``decimals`` digits behind the point, halves to the even one.
        rsqrt: ``1 / sqrt(x)``.
        saturate_cast: As ``dtype``, values beyond its range held to its ends.
        selu: ``scale * elu(x, alpha)`` with the constants of Klambauer et al. 2017.
        sigmoid: ``1 / (1 + exp(-x))``.
        sign: -1, 0 or 1.
        signbit: Whether the sign is a minus, that of -0.0 too (bool).
        sin: The sine of radians.
        sinc: ``sin(pi x) / (pi x)``, 1 at 0.
        sinh: The hyperbolic sine.
        soft_shrink: ``x`` nearer to 0 by ``threshold``, and 0 within it.
        softplus: ``log(exp(x) + 1)``.
        softsign: ``x / (1 + |x|)``.
        sparse_plus: 0 up to -1, ``((x + 1) / 2)^2`` up to 1, ``x`` above.
        sparse_sigmoid: ``(x + 1) / 2``, held between 0 and 1.
        sqrt: The square root.
        square: ``x * x``.
        squareplus: ``(x + sqrt(x^2 + b)) / 2``.
        stop_gradient: The same numbers, through which no gradient flows.
        swish: ``x * sigmoid(x)``.
        tan: The tangent of radians.
        tanh: The hyperbolic tangent.
        tanh_shrink: ``x - tanh(x)``.
        threshold: ``x`` above ``threshold``, ``default_value`` elsewhere.
        trunc: The whole number next to 0, as a float.
        empty_like: A tensor of this shape; its numbers mean nothing.
        full_like: ``fill_value`` everywhere.
        ones_like: 1 everywhere.
        zeros_like: 0 everywhere.
        """,
    ),
    (
        "Element by element: both operands, of which either may be a number, are broadcast to one shape.",
        """
        add: ``x1 + x2``.
        arctan2: The angle of the point (x2, x1) in radians.
        bitwise_and: Bits that both whole numbers have.
        bitwise_left_shift: Bits of ``x`` moved up by ``y`` places.
        bitwise_or: Bits that either whole number has.
        bitwise_right_shift: Bits of ``x`` moved down by ``y`` places.
        bitwise_xor: Bits that one of two whole numbers has.
        divide: ``x1 / x2``, a float.
        divide_no_nan: ``x1 / x2``, and 0 where ``x2`` is 0.
        equal: Whether both are equal (bool).
        floor_divide: ``x1 / x2``, rounded down.
        fmax: The larger one; of a number and NaN the number.
        fmin: The smaller one; of a number and NaN the number.
        fmod: The rest of a division that is rounded towards 0: it has the sign of ``x1``.
        greater: Whether ``x1 > x2`` (bool).
        greater_equal: Whether ``x1 >= x2`` (bool).
        heaviside: 0 for ``x1`` below 0, 1 above, ``x2`` at 0.
        hypot: ``sqrt(x1^2 + x2^2)``.
        isclose: Whether ``|x1 - x2| <= atol + rtol * |x2|`` (bool); two NaN are, if ``equal_nan``.
        ldexp: ``x1 * 2^x2``.
        left_shift: Bits of ``x`` moved up by ``y`` places.
        less: Whether ``x1 < x2`` (bool).
        less_equal: Whether ``x1 <= x2`` (bool).
        logaddexp: ``log(exp(x1) + exp(x2))`` without overflow.
        logaddexp2: ``log2(2^x1 + 2^x2)`` without overflow.
        logical_and: Whether both are true (bool).
        logical_or: Whether either is true (bool).
        logical_xor: Whether one of both is true (bool).
        maximum: The larger one; NaN if either is.
        minimum: The smaller one; NaN if either is.
        mod: The rest of a division that is rounded down: it has the sign of ``x2``.
        multiply: ``x1 * x2``.
        not_equal: Whether both differ (bool).
        power: ``x1`` to the power of ``x2``.
        right_shift: Bits of ``x`` moved down by ``y`` places.
        subtract: ``x1 - x2``.
        true_divide: ``x1 / x2``, a float.
        where: ``x1`` where ``condition`` is true, ``x2`` elsewhere; without these, the indices of true
            elements, an array an axis.
        """,
    ),
    (
        "Over an axis, several, or all for None; the result lacks these, or has size 1 with ``keepdims``.",
        """
        all: Whether all elements are true (bool).
        amax: The largest element.
        amin: The smallest element.
        any: Whether any element is true (bool).
        argmax: The index of the largest element, the first of equal ones (int32).
        argmin: The index of the smallest element, the first of equal ones (int32).
        average: The mean, weighted by ``weights``, which have the shape of ``x`` or the size of the axis.
        count_nonzero: How many elements are not 0 (int32).
        logsumexp: ``log(sum(exp(x)))`` without overflow.
        max: The largest element, at least ``initial`` where that is given.
        mean: The mean.
        median: The middle one of the ordered elements, or the mean of the two in the middle.
        min: The smallest element, at most ``initial`` where that is given.
        moments: The mean and the variance, two tensors.
        nanargmax: The index of the largest element that is not NaN (int32), -1 where all are.
        nanargmin: The index of the smallest element that is not NaN (int32), -1 where all are.
        nanmax: The largest element that is not NaN.
        nanmean: The mean of elements that are not NaN.
        nanmin: The smallest element that is not NaN.
        nanprod: The product of elements that are not NaN.
        nanstd: The standard deviation of elements that are not NaN.
        nansum: The sum of elements that are not NaN.
        nanvar: The variance of elements that are not NaN.
        norm: The norm of vectors (one axis) or matrices (two); ``ord`` as in numpy: 2 for vectors, "fro" for
            matrices.
        percentile: What ``q`` percent of the elements are not above; an axis more in front for several ``q``.
        prod: The product.
        ptp: The largest element less the smallest.
        quantile: What a share ``q`` of the elements is not above; an axis more in front for several ``q``.
        std: The standard deviation.
        sum: The sum.
        var: The variance.
        """,
    ),
    (
        "Along an axis: the result has the shape of ``x``, flattened first where ``axis`` is None.",
        """
        argsort: The indices that order the elements (int32).
        cumprod: The products of all elements up to each.
        cumsum: The sums of all elements up to each.
        flip: The elements in the other order; for None along all axes, in the shape of ``x``.
        fliplr: The elements along axis 1 in the other order.
        flipud: The elements along axis 0 in the other order.
        log_softmax: The logarithm of the softmax, without overflow.
        nancumprod: The products of all elements up to each, NaN counting as 1.
        nancumsum: The sums of all elements up to each, NaN counting as 0.
        normalize: Divided by the norm of order ``order``, at least ``epsilon``.
        roll: Moved by ``shift`` places; what leaves at the end comes in at the start.
        softmax: ``exp(x)``, normalized to a sum of 1.
        sort: The elements in order, the smallest first.
        sparsemax: The nearest point with elements from 0 on whose sum is 1. (Martins, Astudillo 2016)
        """,
    ),
    (
        "Images: (batch, rows, cols, channels), or (batch, channels, rows, cols) for channels_first; one, "
        "two or three axes between batch and channels.",
        """
        average_pool: The mean of each window of ``pool_size``.
        conv: A convolution by ``kernel``, (rows, cols, in, filters).
        depthwise_conv: A convolution of each channel by itself, by ``kernel``, (rows, cols, in, multiplier).
        max_pool: The largest element of each window of ``pool_size``.
        separable_conv: A convolution of each channel by ``depthwise_kernel``, (rows, cols, in, multiplier),
            and one of window 1 by ``pointwise_kernel``, (1, 1, in * multiplier, filters).
        depth_to_space: Channels as blocks of ``block_size`` rows and columns: (batch, rows * size, cols *
            size, channels / size^2).
        space_to_depth: Blocks of ``block_size`` rows and columns as channels: (batch, rows / size, cols /
            size, channels * size^2).
        psnr: The signal-to-noise ratio of two tensors of one shape, whose largest value can be ``max_val``,
            in decibels; a scalar.
        """,
    ),
    (
        "",
        """
        append: ``x2`` behind ``x1`` along an axis; both flattened for None. The shapes agree in all other
            axes.
        array_split: The parts of an axis, as even as may be for an int, else cut at the given indices; a
            list.
        batch_normalization: ``scale * (x - mean) / sqrt(variance + epsilon) + offset``; x of any shape, the
            others (channels,), the size of ``axis``.
        binary_crossentropy: The cross-entropy of yes-or-no labels, element by element, for ``output`` of the
            shape of ``target``: probabilities, or logits if ``from_logits``.
        categorical_crossentropy: The cross-entropy of one-hot labels (batch, ..., classes) with
            probabilities, or logits if ``from_logits``; the result lacks the axis of the classes.
        sparse_categorical_crossentropy: The cross-entropy of classes (batch, ...), whole numbers, with
            probabilities (batch, ..., classes), or logits if ``from_logits``; the result has the shape of
            ``target``.
        cdist: The Euclidean distances of points (..., m, n) and (..., k, n): (..., m, k).
        concatenate: Tensors joined along an axis; all other axes are of one size.
        corrcoef: The correlations of the rows of (n, samples): (n, n).
        cross: The cross products of vectors of 3 (or 2) elements along an axis; other axes are broadcast.
        det: The determinants of matrices (..., n, n): (...,).
        diag: A matrix with ``x`` (n,) on its k-th diagonal, or that diagonal of a matrix (n, m).
        diagflat: A matrix with the flattened ``x`` on its k-th diagonal.
        diagonal: The diagonal of axes ``axis1`` and ``axis2``, which becomes the last axis.
        diff: The differences of neighbours along an axis, ``n`` times: the axis is shorter by ``n``.
        digitize: Between which ``bins`` (n,), ordered, each element lies (int32); the shape of ``x``.
        dot: The sum of products over the last axis of ``x1`` and the last but one of ``x2``: (..., n), (...,
            n, m).
        dot_product_attention: Attention over (batch, steps, heads, size): softmax of the scaled products of
            query and key, and by these the mean of value. ``bias`` and ``mask`` broadcast to (batch, heads,
            to, from); ``is_causal`` leaves out later steps. The result has the shape of query.
        dsplit: The parts of axis 2, even for an int, else cut at the given indices; a list.
        dstack: Tensors joined along axis 2, which those of fewer axes get.
        expand_dims: A new axis of size 1 at ``axis``, or at each of several.
        extract_sequences: Windows of ``sequence_length`` every ``sequence_stride`` elements of (...,
            samples): (..., windows, length).
        fft: The Fourier transform of the last axis: a pair (real, imaginary) as given, each of that shape.
        fft2: The Fourier transform of the last two axes: a pair (real, imaginary) as given, each of that
            shape.
        geomspace: ``num`` numbers from ``start`` to ``stop`` in equal ratios, along a new axis.
        get_item: ``x[key]``, the shape that numpy gives it.
        glu: The first half of an axis times the sigmoid of the second: the axis is half as long.
        hsplit: The parts of axis 1 (of vectors 0), even for an int, else cut at the given indices; a list.
        hstack: Tensors joined along axis 1, vectors along axis 0.
        ifft2: The inverse of ``fft2``: a pair (real, imaginary), each of the shape given.
        in_top_k: Whether the target (batch,) is among the k largest of predictions (batch, classes): bool
            (batch,).
        inner: The sums of products over the last axes: (..., n), (..., n).
        irfft: The inverse of ``rfft``: real numbers (..., fft_length) of a pair (..., fft_length / 2 + 1).
        isin: Whether each element of ``x1`` is among those of ``x2`` (bool); the shape of ``x1``.
        kron: The Kronecker product: each element of ``x1`` times all of ``x2``; sizes of axes are multiplied.
        layer_normalization: ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` over ``axis``; the shape
            of ``x``.
        linspace: ``num`` numbers from ``start`` to ``stop`` in equal steps, along a new axis.
        logdet: The logarithms of the determinants of positive definite matrices (..., n, n): (...,).
        logspace: ``base`` to the power of ``num`` numbers from ``start`` to ``stop`` in equal steps, along a
            new axis.
        matmul: Products of matrices (..., n, k) and (..., k, m): (..., n, m); other axes are broadcast.
        meshgrid: The coordinates of all points of a grid of vectors: tensors of one shape, an axis a vector.
        moveaxis: Axes ``source`` put to ``destination``, the others in their order.
        multi_hot: 1 at each of the classes (..., n), whole numbers, else 0: (..., num_classes).
        ndim: The number of axes, a scalar.
        one_hot: 1 at the class, a whole number, else 0: an axis of size ``num_classes`` more at ``axis``.
        outer: The products of all pairs of elements of two vectors: (n, m).
        pad: ``pad_width`` elements, a pair (before, after) an axis, put around; ``mode`` "constant",
            "reflect" or "symmetric", among others of numpy.
        ravel: All elements in one axis.
        repeat: Each element ``repeats`` times along an axis, of the flattened tensor for None.
        rfft: The Fourier transform of real numbers along the last axis: a pair (real, imaginary), each (...,
            fft_length / 2 + 1).
        rms_normalization: ``scale * x / sqrt(mean(x^2) + epsilon)`` over ``axis``; the shape of ``x``.
        rot90: The plane of two ``axes`` turned ``k`` times by 90 degrees from the first to the second.
        scatter: ``values`` (n, ...) at ``indices`` (n, axes) of zeros of ``shape``; at equal indices they are
            added.
        scatter_update: ``inputs`` with ``updates`` (n, ...) at ``indices`` (n, axes): in place of what is
            there, or joined to it by ``reduction``; the shape of ``inputs``.
        searchsorted: Where ``values`` belong in an ordered vector (int32); the shape of ``values``.
        segment_sum: The sums of rows (n, ...) of each segment, as ``segment_ids`` (n,) say: (num_segments,
            ...).
        select: Elements of the first of ``choicelist`` whose condition is true, else ``default``; all are
            broadcast to one shape.
        size: The number of elements, a scalar.
        slice: The part of ``shape`` from ``start_indices`` on.
        slice_update: ``inputs`` with ``updates`` in place of what is there from ``start_indices`` on; the
            shape of ``inputs``.
        split: The parts of an axis, even for an int, else cut at the given indices; a list.
        squeeze: The tensor without an axis of size 1, or without all of them for None.
        stft: The Fourier transforms of windows of (..., samples): a pair (real, imaginary), each (...,
            windows, fft_length / 2 + 1).
        swapaxes: Two axes in each other's place.
        take: Elements at ``indices`` of an axis, of the flattened tensor for None: the shape of ``indices``
            stands in the axis's place.
        take_along_axis: Elements at ``indices`` along an axis; ``indices`` have the shape of ``x`` but for
            that axis.
        tensordot: The sums of products over ``axes``: the last so many of ``x1`` and the first of ``x2``, or
            two lists.
        tile: The tensor ``repeats`` times along each axis.
        top_k: The k largest elements of the last axis, and their indices (int32): two tensors (..., k).
        trace: The sum of the diagonal of axes ``axis1`` and ``axis2``, which are left out of the shape.
        transpose: The axes in the order ``axes``, the other way round for None.
        trapezoid: The integral along an axis by trapezoids, of steps ``dx`` or at places ``x``; the axis is
            left out of the shape.
        tril: Matrices (..., n, m) with 0 above the k-th diagonal.
        triu: Matrices (..., n, m) with 0 below the k-th diagonal.
        unstack: The parts along an axis, without it; a list.
        vander: The powers of a vector (n,), the highest first unless ``increasing``: (n, N).
        vdot: The sum of products of all elements, of complex ones of ``x1`` the conjugates; a scalar.
        vsplit: The parts of axis 0, even for an int, else cut at the given indices; a list.
        vstack: Tensors joined along axis 0, vectors as rows.
        """,
    ),
)


@cache
def families() -> tuple[tuple[str, dict[str, str]], ...]:
    """The shapes that a family has in common, "" for none, and its functions with what each computes."""
    found = []
    for shapes, text in _FAMILIES:
        lines = text.strip().replace("\n            ", " ").splitlines()
        entries = (line.strip().partition(": ") for line in lines)
        found.append((shapes, {name: what for name, _, what in entries}))
    return tuple(found)


@cache
def descriptions() -> dict[str, str]:
    """Function of ``keras.ops`` -> what it computes, and its shapes."""
    return {
        name: f"{what}\n\n{shapes}".strip()
        for shapes, functions in families()
        for name, what in functions.items()
    }
