# ruff: noqa: E501
"""Calls spelled as in Keras 1, each an expression that real Keras 2.3.1 and kcompile evaluate; see make_golden.py."""

from __future__ import annotations

CASES = [
    # core
    "Dense(output_dim=3, input_dim=4, init='uniform')",
    "Dense(3, W_regularizer=l2(0.01), b_regularizer='l1', W_constraint=maxnorm(2), b_constraint='nonneg')",
    "Dense(3, bias=False, activation='relu')",
    "Dense(output_dim=3, units=4)",
    "Dropout(p=0.5)",
    "SpatialDropout1D(p=0.5)",
    "SpatialDropout2D(p=0.5, dim_ordering='th')",
    "SpatialDropout3D(0.5, dim_ordering='tf')",
    "GaussianDropout(p=0.25)",
    "GaussianNoise(sigma=0.1)",
    "PReLU(init='one')",
    "BatchNormalization(mode=0, axis=1)",
    "BatchNormalization(mode=2)",
    "BatchNormalization(beta_init='one', gamma_init='zero')",
    # embeddings
    "Embedding(100, 8, init='glorot_uniform', W_regularizer='l2', W_constraint='nonneg')",
    "Embedding(100, 8, dropout=0.2, input_length=5)",
    # convolutions
    "Convolution1D(4, 3, border_mode='same', subsample_length=2, init='he_normal')",
    "Convolution1D(nb_filter=4, filter_length=3, input_dim=7, input_length=10)",
    "Convolution1D(4, 3, input_dim=7, W_regularizer='l2', b_constraint='nonneg', bias=False)",
    "Convolution2D(32, 3, 3, border_mode='same', subsample=(2, 2), dim_ordering='th', init='uniform', bias=True)",
    "Convolution2D(32, 3, 3, W_regularizer=l2(0.01), b_regularizer='l1', W_constraint='nonneg', b_constraint='nonneg')",
    "Convolution2D(nb_filter=8, nb_row=3, nb_col=5, input_shape=(16, 16, 3))",
    "Convolution2D(8, nb_row=3, nb_col=5)",
    "Convolution2D(8, 3, nb_col=5)",
    "Convolution2D(8, 3, 3, dim_ordering='default', activation='relu', name='c')",
    "Conv2D(8, 3, 3, padding='same')",
    "Conv2D(8, 3, 3, strides=2)",
    "Conv2D(8, (3, 3), border_mode='same')",
    "Conv2D(8, 3, subsample=2)",
    "Conv2D(8, (3, 3), border_mode='same', padding='valid')",
    "AtrousConvolution1D(4, 3, atrous_rate=2)",
    "AtrousConvolution2D(4, 3, 3, atrous_rate=(2, 2), border_mode='same')",
    "AtrousConvolution2D(4, (3, 3))",
    "Deconvolution2D(4, 3, 3, output_shape=(None, 14, 14, 4), border_mode='valid')",
    "Deconvolution2D(4, 3, 3, (None, 14, 14, 4), subsample=(2, 2))",
    "Deconvolution2D(4, nb_row=3, nb_col=3)",
    "SeparableConvolution2D(4, 3, 3, init='uniform', b_regularizer='l2', bias=True, depth_multiplier=2)",
    "Convolution3D(4, 3, 3, 3, border_mode='same', subsample=(2, 2, 2), dim_ordering='tf')",
    "Convolution3D(4, kernel_dim1=3, kernel_dim2=4, kernel_dim3=5, init='uniform')",
    "Convolution3D(nb_filter=4, kernel_dim1=3, kernel_dim2=4, kernel_dim3=5)",
    "Convolution3D(4, 3, kernel_dim2=4, kernel_dim3=5)",
    "Convolution3D(4, 3, 4, kernel_dim3=5)",
    "LocallyConnected1D(4, 3, subsample_length=2, input_dim=7, input_length=10)",
    "LocallyConnected2D(4, 3, 3, subsample=(2, 2), dim_ordering='tf', bias=True)",
    # pooling and resizing
    "MaxPooling1D(pool_length=2, stride=3, border_mode='same')",
    "AveragePooling1D(pool_length=2)",
    "MaxPooling2D((2, 2), border_mode='same', dim_ordering='th')",
    "AveragePooling2D(pool_size=(2, 2), dim_ordering='tf')",
    "MaxPooling3D(dim_ordering='th', border_mode='valid')",
    "AveragePooling3D(dim_ordering='default')",
    "GlobalMaxPooling2D(dim_ordering='th')",
    "GlobalAveragePooling2D(dim_ordering='tf')",
    "GlobalMaxPooling3D(dim_ordering='th')",
    "GlobalAveragePooling3D(dim_ordering='th')",
    "UpSampling1D(length=3)",
    "UpSampling2D((2, 2), dim_ordering='th')",
    "UpSampling3D(dim_ordering='th')",
    "ZeroPadding2D((1, 1), dim_ordering='th')",
    "ZeroPadding2D({'top_pad': 1, 'bottom_pad': 2, 'left_pad': 3, 'right_pad': 4})",
    "ZeroPadding2D(padding={'top_pad': 1, 'right_pad': 4})",
    "ZeroPadding3D((1, 1, 1), dim_ordering='th')",
    "Cropping2D(((1, 1), (2, 2)), dim_ordering='th')",
    "Cropping3D(dim_ordering='th')",
    # recurrent
    "SimpleRNN(output_dim=4, init='uniform', inner_init='glorot_uniform', consume_less='cpu')",
    "GRU(4, inner_activation='sigmoid', U_regularizer='l2', W_regularizer='l1', b_regularizer='l2', consume_less='gpu')",
    "GRU(4, implementation=0)",
    "LSTM(4, consume_less='mem', dropout_W=0.2, dropout_U=0.3, return_sequences=True)",
    "LSTM(4, consume_less='cpu')",
    "LSTM(output_dim=4, input_dim=3, input_length=10, forget_bias_init='one', inner_init='orthogonal')",
    "LSTM(4, input_dim=3, forget_bias_init='zero')",
    "ConvLSTM2D(4, 3, 3, border_mode='same', inner_activation='sigmoid', forget_bias_init='one', dim_ordering='tf')",
    "ConvLSTM2D(nb_filter=4, nb_row=3, nb_col=3, init='uniform', inner_init='uniform', dropout_W=0.1, dropout_U=0.2)",
    "ConvLSTM2D(4, (3, 3), U_regularizer='l2', W_regularizer='l2', b_regularizer='l1', subsample=(2, 2), bias=False)",
    # layers of Keras 1
    "MaxoutDense(5, nb_feature=3, init='uniform', W_regularizer='l2', b_constraint='nonneg', input_dim=4)",
    "Highway(activation='relu', transform_bias=-2, bias=False)",
    "Highway(init='uniform', b_regularizer='l2', W_constraint='nonneg', input_dim=4)",
    # models and methods
    "Model(input=A, output=B)",
    "Model(input=[A], outputs=[B])",
    "compiled().fit(X, Y, nb_epoch=2, verbose=0)",
    "compiled().fit_generator(batches(), samples_per_epoch=3, nb_epoch=2, verbose=0)",
    "compiled().fit_generator(batches(), 3, nb_epoch=2, verbose=0, max_q_size=4, nb_worker=1, pickle_safe=False)",
    "compiled().fit_generator(Sized(), samples_per_epoch=8, nb_epoch=1, verbose=0)",
    "compiled().fit_generator(batches(), samples_per_epoch=2, nb_epoch=1, verbose=0, validation_data=batches(), nb_val_samples=3)",
    "compiled().fit_generator(generator=batches(), samples_per_epoch=2, verbose=0)",
    "compiled().fit_generator(batches(), samples_per_epoch=2, steps_per_epoch=2)",
    "compiled().evaluate_generator(batches(), val_samples=3)",
    "compiled().predict_generator(batches(), val_samples=3, max_q_size=2)",
]


def environment(keras):
    """The names that the expressions use, over a package ``keras``."""
    import numpy as np

    np.random.seed(0)
    names = {**vars(keras.layers.convolutional), **vars(keras.layers)}
    x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")

    def batches():
        while True:
            yield x[:4], y[:4]

    class Sized:
        batch_size = 4

        def __iter__(self):
            return self

        def __next__(self):
            return x[:4], y[:4]

    def compiled():
        model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(3,), kernel_initializer="zeros")])
        model.compile("sgd", "mse")
        return model

    a = keras.layers.Input((3,), name="a")
    names.update(
        A=a,
        B=keras.layers.Dense(2, name="b")(a),
        X=x,
        Y=y,
        Sized=Sized,
        batches=batches,
        compiled=compiled,
        Model=keras.models.Model,
        l2=keras.regularizers.l2,
        maxnorm=keras.constraints.maxnorm,
    )
    return names


def answer(expression, names):
    """What evaluating the expression gives: a configuration or numbers, or an error; and the warnings."""
    import warnings

    import numpy as np

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made = eval(expression, dict(names))
            if type(made).__name__ == "History":
                made = {k: [round(float(v), 5) for v in values] for k, values in made.history.items()}
            elif isinstance(made, (float, np.ndarray, np.floating)):
                made = np.round(np.asarray(made, "float64"), 5).tolist()
            else:
                made = made.get_config()
                made.pop("name", None)
            found = {"gives": made}
        except (TypeError, ValueError) as error:
            found = {"error": type(error).__name__, "message": str(error)}
    texts = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    found["warnings"] = [text for text in texts if "tensorflow" not in text.lower()]
    return found
