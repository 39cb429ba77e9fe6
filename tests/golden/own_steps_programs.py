"""Models with training steps of their own, written as the published guides and examples write them.

Each program takes ``keras`` and ``tf`` and returns numbers by name: what fit() logged, and the weights after
it. Weights start from fixed numbers and noise is data, so that every Keras computes the same.
"""

from __future__ import annotations

import numpy as np

from tests.golden.own_steps_examples import contrastive, diffusion, distillation, vae, wgan_gp
from tests.golden.own_steps_models import OPTIONS, arrays, fixed, found, small, weights_of

# --- Customizing what happens in fit() ----------------------------------------------------------------------


def compiled_loss(keras, tf, **options):
    class CustomModel(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            trainable_vars = self.trainable_variables
            gradients = tape.gradient(loss, trainable_vars)
            self.optimizer.apply_gradients(zip(gradients, trainable_vars))
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    x, y = arrays(1, (20, 6), (20, 1))
    model = small(keras, CustomModel, regularizer=keras.regularizers.l2(0.01), normalized=True)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"], **options)
    return found(model.fit(x, y, validation_data=(x, y), **OPTIONS), model)


def compute_loss_and_metrics(keras, tf, **options):
    class CustomModel(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=y_pred)
            self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
            return self.compute_metrics(x, y, y_pred, None)

    x, y = arrays(2, (20, 6), (20, 1))
    labels = (y[:, 0] > 0).astype("int32")
    model = small(keras, CustomModel, units=2, activation="softmax")
    model.compile(
        keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"], **options
    )
    return found(model.fit(x, labels, **OPTIONS), model)


def lower_level(keras, tf, **options):
    class CustomModel(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.loss_tracker = keras.metrics.Mean(name="loss")
            self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")
            self.loss_fn = keras.losses.MeanSquaredError()

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.loss_fn(y, y_pred)
            trainable_vars = self.trainable_variables
            gradients = tape.gradient(loss, trainable_vars)
            self.optimizer.apply_gradients(zip(gradients, trainable_vars))
            self.loss_tracker.update_state(loss)
            self.mae_metric.update_state(y, y_pred)
            return {"loss": self.loss_tracker.result(), "mae": self.mae_metric.result()}

        @property
        def metrics(self):
            return [self.loss_tracker, self.mae_metric]

    x, y = arrays(3, (20, 6), (20, 1))
    model = small(keras, CustomModel)
    model.compile(optimizer=keras.optimizers.Adamax(0.02), **options)
    return found(model.fit(x, y, **OPTIONS), model)


def weights_of_samples_and_classes(keras, tf, **options):
    class CustomModel(keras.Model):
        def train_step(self, data):
            if len(data) == 3:
                x, y, sample_weight = data
            else:
                sample_weight = None
                x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(
                    y, y_pred, sample_weight=sample_weight, regularization_losses=self.losses
                )
            trainable_vars = self.trainable_variables
            gradients = tape.gradient(loss, trainable_vars)
            self.optimizer.apply_gradients(zip(gradients, trainable_vars))
            self.compiled_metrics.update_state(y, y_pred, sample_weight=sample_weight)
            return {m.name: m.result() for m in self.metrics}

    x, y, weight = arrays(4, (20, 6), (20, 1), (20,))
    labels = (y > 0).astype("float32")
    model = small(keras, CustomModel, activation="sigmoid")
    model.compile(
        keras.optimizers.SGD(0.3, momentum=0.9),
        "binary_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["mse"],
        **options,
    )
    first = model.fit(x, labels, sample_weight=np.abs(weight), **OPTIONS)
    second = model.fit(x, labels, class_weight={0: 0.5, 1: 2.0}, **OPTIONS)
    return {**found(first, model), **{f"again_{k}": v for k, v in found(second, model).items()}}


def own_evaluation(keras, tf, **options):
    class CustomModel(keras.Model):
        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    x, y = arrays(5, (20, 6), (20, 1))
    model = small(keras, CustomModel, normalized=True)
    model.compile(keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"], **options)
    numbers = found(model.fit(x, y, validation_data=(x[:9], y[:9]), **OPTIONS), model)
    return {**numbers, "evaluated": list(model.evaluate(x, y, batch_size=8, verbose=0))}


def own_prediction(keras, tf, **options):
    class CustomModel(keras.Model):
        def predict_step(self, data):
            return {"twice": 2.0 * self(data, training=False), "shown": tf.reduce_sum(data, axis=-1)}

    (x,) = arrays(6, (20, 6))
    model = small(keras, CustomModel)
    model.compile("sgd", "mse", **options)
    predicted = model.predict(x, batch_size=8, verbose=0)
    return {name: [float(v) for v in np.ravel(values)] for name, values in predicted.items()}


def gan(keras, tf, **options):
    layers = keras.layers

    class GAN(keras.Model):
        def __init__(self, discriminator, generator):
            super().__init__()
            self.discriminator = discriminator
            self.generator = generator
            self.d_loss_tracker = keras.metrics.Mean(name="d_loss")
            self.g_loss_tracker = keras.metrics.Mean(name="g_loss")

        def compile(self, d_optimizer, g_optimizer, loss_fn, **kwargs):
            super().compile(**kwargs)
            self.d_optimizer = d_optimizer
            self.g_optimizer = g_optimizer
            self.loss_fn = loss_fn

        def train_step(self, data):
            real_images, noise = data
            batch_size = tf.shape(real_images)[0]
            generated_images = self.generator(noise)
            combined_images = tf.concat([generated_images, real_images], axis=0)
            labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
            with tf.GradientTape() as tape:
                predictions = self.discriminator(combined_images)
                d_loss = self.loss_fn(labels, predictions)
            grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
            self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights))
            misleading_labels = tf.zeros((batch_size, 1))
            with tf.GradientTape() as tape:
                predictions = self.discriminator(self.generator(noise))
                g_loss = self.loss_fn(misleading_labels, predictions)
            grads = tape.gradient(g_loss, self.generator.trainable_weights)
            self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights))
            self.d_loss_tracker.update_state(d_loss)
            self.g_loss_tracker.update_state(g_loss)
            return {"d_loss": self.d_loss_tracker.result(), "g_loss": self.g_loss_tracker.result()}

    discriminator = fixed(
        keras.Sequential(
            [
                keras.Input(shape=(8, 8, 1)),
                layers.Conv2D(4, (3, 3), strides=(2, 2), padding="same"),
                layers.LeakyReLU(0.2),
                layers.Conv2D(4, (3, 3), strides=(2, 2), padding="same"),
                layers.LeakyReLU(0.2),
                layers.GlobalMaxPooling2D(),
                layers.Dense(1),
            ]
        )
    )
    generator = fixed(
        keras.Sequential(
            [
                keras.Input(shape=(6,)),
                layers.Dense(4 * 4 * 3),
                layers.LeakyReLU(0.2),
                layers.Reshape((4, 4, 3)),
                layers.Conv2DTranspose(3, (4, 4), strides=(2, 2), padding="same"),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.2),
                layers.Conv2D(1, (5, 5), padding="same", activation="sigmoid"),
            ]
        ),
        1,
    )
    model = GAN(discriminator, generator)
    model.compile(
        d_optimizer=keras.optimizers.Adam(learning_rate=0.01, beta_1=0.5),
        g_optimizer=keras.optimizers.SGD(learning_rate=0.05),
        loss_fn=keras.losses.BinaryCrossentropy(from_logits=True),
        **options,
    )
    images, noise = arrays(7, (20, 8, 8, 1), (20, 6))
    return found(model.fit(images, noise, **OPTIONS), discriminator, generator)


# --- what models add ----------------------------------------------------------------------------------------


def added_losses(keras, tf, **options):
    class Penalised(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Dense(
                5, activation="relu", activity_regularizer=keras.regularizers.l1(0.02)
            )
            self.second = keras.layers.Dense(1)

        def call(self, inputs, training=False):
            x = self.first(inputs)
            if training:
                self.add_loss(0.1 * tf.reduce_mean(tf.square(x)))
            return self.second(x)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = tf.reduce_mean(tf.square(y - y_pred)) + tf.add_n(self.losses)
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
            return {"loss": loss, "terms": tf.add_n(self.losses)}

    x, y = arrays(13, (20, 6), (20, 1))
    model = Penalised()
    model(x[:2])
    fixed(model)
    model.compile(keras.optimizers.SGD(0.1), **options)
    return found(model.fit(x, y, **OPTIONS), model)


def further_metrics(keras, tf, **options):
    class Named(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.seen = tf.Variable(0.0, trainable=False, name="seen")
            self.largest = keras.metrics.Mean(name="largest")

        def train_step(self, data):
            logs = super().train_step(data)
            x, _ = data
            self.seen.assign_add(tf.cast(tf.shape(x)[0], "float32"))
            self.largest.update_state(tf.reduce_max(x, axis=1))
            return {**logs, "seen": self.seen + 0.0, "largest": self.largest.result()}

    x, y = arrays(14, (20, 6), (20, 1))
    model = small(keras, Named, normalized=True)
    model.compile(keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"], **options)
    return found(model.fit(x, y, **OPTIONS), model)


def own_loss(keras, tf, **options):
    class WithLoss(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.loss_tracker = keras.metrics.Mean(name="loss")

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = tf.reduce_mean(tf.math.squared_difference(y_pred, y))
            loss += tf.reduce_sum(self.losses)
            self.loss_tracker.update_state(loss)
            return loss

        @property
        def metrics(self):
            return [self.loss_tracker]

    x, y = arrays(15, (20, 6), (20, 1))
    model = small(keras, WithLoss, regularizer=keras.regularizers.l2(0.01))
    model.compile(keras.optimizers.SGD(0.1), **options)
    return found(model.fit(x, y, validation_data=(x, y), **OPTIONS), model)


def own_function(keras, tf, **options):
    class Twice(keras.Model):
        def make_train_function(self, force=False):
            def function(iterator):
                data = next(iterator)
                self.train_step(data)
                return self.train_step(data)

            self.train_function = function
            return function

    x, y = arrays(16, (20, 6), (20, 1))
    model = small(keras, Twice, normalized=True)
    model.compile(keras.optimizers.Adam(0.02, global_clipnorm=0.5), loss="mse", **options)
    return found(model.fit(x, y, **OPTIONS), model)


def several_outputs(keras, tf, **options):
    class TwoHeads(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    inputs = keras.Input(shape=(6,))
    x = keras.layers.Dense(5, activation="tanh")(inputs)
    a, b = keras.layers.Dense(1, name="a")(x), keras.layers.Dense(3, activation="softmax", name="b")(x)
    model = fixed(TwoHeads(inputs, [a, b]))
    model.compile(
        keras.optimizers.SGD(0.1),
        loss={"a": "mse", "b": "sparse_categorical_crossentropy"},
        loss_weights={"a": 0.3, "b": 1.0},
        metrics={"b": ["accuracy"]},
        **options,
    )
    x, y = arrays(17, (20, 6), (20, 1))
    labels = np.digitize(y[:, 0], [-0.3, 0.3])
    return found(model.fit(x, {"a": y, "b": labels}, **OPTIONS), model)


# --- loops of one's own -------------------------------------------------------------------------------------


def training_loop(keras, tf, **options):
    """ "Writing a training loop from scratch", with a loss that a layer adds."""
    inputs = keras.Input(shape=(6,))
    x = keras.layers.Dense(5, activation="relu", activity_regularizer=keras.regularizers.l2(0.01))(inputs)
    model = fixed(keras.Model(inputs, keras.layers.Dense(3)(keras.layers.BatchNormalization()(x))))
    optimizer = keras.optimizers.SGD(learning_rate=0.1)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    train_acc_metric = keras.metrics.SparseCategoricalAccuracy()
    val_acc_metric = keras.metrics.SparseCategoricalAccuracy()

    def train_step(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss_value = loss_fn(y, logits)
            loss_value += sum(model.losses)
        grads = tape.gradient(loss_value, model.trainable_weights)
        optimizer.apply_gradients(zip(grads, model.trainable_weights))
        train_acc_metric.update_state(y, logits)
        return loss_value

    def test_step(x, y):
        val_acc_metric.update_state(y, model(x, training=False))

    if not options.get("run_eagerly"):
        train_step, test_step = tf.function(train_step), tf.function(test_step)
    x, y = arrays(18, (20, 6), (20,))
    labels = np.digitize(y, [-0.3, 0.3])
    numbers = {"losses": [], "accuracy": [], "val_accuracy": []}
    for _ in range(2):
        for i in range(0, 20, 8):
            loss_value = train_step(tf.constant(x[i : i + 8]), tf.constant(labels[i : i + 8]))
            numbers["losses"].append(float(loss_value))
        numbers["accuracy"].append(float(train_acc_metric.result()))
        train_acc_metric.reset_state()
        test_step(tf.constant(x), tf.constant(labels))
        numbers["val_accuracy"].append(float(val_acc_metric.result()))
        val_acc_metric.reset_state()
    numbers["weights"] = [float(np.sum(np.abs(w.numpy()))) for w in weights_of(model)]
    return numbers


def loop_over_a_gan(keras, tf, **options):
    """Two tapes at once over one forward pass, as the DCGAN tutorial has it."""
    generator = small(keras, keras.Model, units=6, normalized=True)
    discriminator = small(keras, keras.Model)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    generator_optimizer = keras.optimizers.Adam(1e-2)
    discriminator_optimizer = keras.optimizers.Adam(1e-2)

    def train_step(images, noise):
        with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
            generated_images = generator(noise, training=True)
            real_output = discriminator(images, training=True)
            fake_output = discriminator(generated_images, training=True)
            gen_loss = cross_entropy(tf.ones_like(fake_output), fake_output)
            disc_loss = cross_entropy(tf.ones_like(real_output), real_output) + cross_entropy(
                tf.zeros_like(fake_output), fake_output
            )
        of_generator = gen_tape.gradient(gen_loss, generator.trainable_variables)
        of_discriminator = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
        generator_optimizer.apply_gradients(zip(of_generator, generator.trainable_variables))
        discriminator_optimizer.apply_gradients(zip(of_discriminator, discriminator.trainable_variables))
        return gen_loss, disc_loss

    if not options.get("run_eagerly"):
        train_step = tf.function(train_step)
    images, noise = arrays(19, (16, 6), (16, 6))
    losses = []
    for _ in range(3):
        for i in range(0, 16, 8):
            losses += map(float, train_step(tf.constant(images[i : i + 8]), tf.constant(noise[i : i + 8])))
    sums = [float(np.sum(np.abs(w.numpy()))) for m in (generator, discriminator) for w in weights_of(m)]
    return {"losses": losses, "weights": sums}


PROGRAMS = {
    function.__name__: function
    for function in (
        compiled_loss,
        compute_loss_and_metrics,
        lower_level,
        weights_of_samples_and_classes,
        own_evaluation,
        own_prediction,
        gan,
        wgan_gp,
        vae,
        distillation,
        contrastive,
        diffusion,
        added_losses,
        further_metrics,
        own_loss,
        own_function,
        several_outputs,
        training_loop,
        loop_over_a_gan,
    )
}
