"""Models with training steps of their own, written as the published guides and examples write them.

Each program takes ``keras`` and ``tf`` and returns numbers by name: what fit() logged, and the weights after
it. Weights start from fixed numbers and noise is data, so that every Keras computes the same.
"""

from __future__ import annotations

import numpy as np


def arrays(seed, *shapes):
    draw = np.random.RandomState(seed)
    return [draw.uniform(-1.0, 1.0, shape).astype("float32") for shape in shapes]


def weights_of(model):
    """The weights of layers alone: some versions of Keras count those of metrics among a model's."""
    return [w for layer in model.layers for w in layer.weights] if hasattr(model, "layers") else model.weights


def fixed(model, seed=0):
    """The model with weights that do not depend on initializers."""
    draw = np.random.RandomState(seed)
    for weight in weights_of(model):
        value = draw.normal(size=tuple(weight.shape)) * 0.3
        weight.assign((np.abs(value) + 0.5 if value.ndim == 1 else value).astype("float32"))
    return model


def found(history, *models):
    numbers = {name: values for name, values in history.history.items()}
    for i, model in enumerate(models):
        numbers[f"weights_{i}"] = [float(np.sum(np.abs(w.numpy()))) for w in weights_of(model)]
    return numbers


def small(keras, cls, units=1, activation=None, **kwargs):
    inputs = keras.Input(shape=(6,))
    x = keras.layers.Dense(5, activation="tanh", kernel_regularizer=kwargs.pop("regularizer", None))(inputs)
    x = keras.layers.BatchNormalization()(x) if kwargs.pop("normalized", False) else x
    return fixed(cls(inputs, keras.layers.Dense(units, activation=activation)(x)))


OPTIONS = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}


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


# --- published examples -------------------------------------------------------------------------------------


def wgan_gp(keras, tf, **options):
    class WGAN(keras.Model):
        def __init__(self, discriminator, generator, discriminator_extra_steps=2, gp_weight=10.0):
            super().__init__()
            self.discriminator = discriminator
            self.generator = generator
            self.d_steps = discriminator_extra_steps
            self.gp_weight = gp_weight

        def compile(self, d_optimizer, g_optimizer, d_loss_fn, g_loss_fn, **kwargs):
            super().compile(**kwargs)
            self.d_optimizer = d_optimizer
            self.g_optimizer = g_optimizer
            self.d_loss_fn = d_loss_fn
            self.g_loss_fn = g_loss_fn

        def gradient_penalty(self, alpha, real_images, fake_images):
            diff = fake_images - real_images
            interpolated = real_images + alpha * diff
            with tf.GradientTape() as gp_tape:
                gp_tape.watch(interpolated)
                pred = self.discriminator(interpolated, training=True)
            grads = gp_tape.gradient(pred, [interpolated])[0]
            norm = tf.sqrt(tf.reduce_sum(tf.square(grads), axis=[1]))
            return tf.reduce_mean((norm - 1.0) ** 2)

        def train_step(self, data):
            real_images, noise, alpha = data[0]
            for _ in range(self.d_steps):
                with tf.GradientTape() as tape:
                    fake_images = self.generator(noise, training=True)
                    fake_logits = self.discriminator(fake_images, training=True)
                    real_logits = self.discriminator(real_images, training=True)
                    d_cost = self.d_loss_fn(real_img=real_logits, fake_img=fake_logits)
                    gp = self.gradient_penalty(alpha, real_images, fake_images)
                    d_loss = d_cost + gp * self.gp_weight
                d_gradient = tape.gradient(d_loss, self.discriminator.trainable_variables)
                self.d_optimizer.apply_gradients(zip(d_gradient, self.discriminator.trainable_variables))
            with tf.GradientTape() as tape:
                generated_images = self.generator(noise, training=True)
                gen_img_logits = self.discriminator(generated_images, training=True)
                g_loss = self.g_loss_fn(gen_img_logits)
            gen_gradient = tape.gradient(g_loss, self.generator.trainable_variables)
            self.g_optimizer.apply_gradients(zip(gen_gradient, self.generator.trainable_variables))
            return {"d_loss": d_loss, "g_loss": g_loss}

    def discriminator_loss(real_img, fake_img):
        return tf.reduce_mean(fake_img) - tf.reduce_mean(real_img)

    def generator_loss(fake_img):
        return -tf.reduce_mean(fake_img)

    discriminator = small(keras, keras.Model)
    generator = small(keras, keras.Model, units=6, normalized=True)
    model = WGAN(discriminator, generator)
    model.compile(
        d_optimizer=keras.optimizers.Adam(0.01, beta_1=0.5, beta_2=0.9),
        g_optimizer=keras.optimizers.Adam(0.01, beta_1=0.5, beta_2=0.9),
        d_loss_fn=discriminator_loss,
        g_loss_fn=generator_loss,
        **options,
    )
    images, noise, alpha = arrays(8, (20, 6), (20, 6), (20, 1))
    return found(model.fit((images, noise, np.abs(alpha)), **OPTIONS), discriminator, generator)


def vae(keras, tf, **options):
    layers = keras.layers

    class Sampling(layers.Layer):
        def call(self, inputs):
            z_mean, z_log_var, epsilon = inputs
            return z_mean + tf.exp(0.5 * z_log_var) * epsilon

    class VAE(keras.Model):
        def __init__(self, encoder, decoder, **kwargs):
            super().__init__(**kwargs)
            self.encoder = encoder
            self.decoder = decoder
            self.total_loss_tracker = keras.metrics.Mean(name="total_loss")
            self.reconstruction_loss_tracker = keras.metrics.Mean(name="reconstruction_loss")
            self.kl_loss_tracker = keras.metrics.Mean(name="kl_loss")

        @property
        def metrics(self):
            return [self.total_loss_tracker, self.reconstruction_loss_tracker, self.kl_loss_tracker]

        def train_step(self, data):
            data, epsilon = data
            with tf.GradientTape() as tape:
                z_mean, z_log_var, z = self.encoder([data, epsilon])
                reconstruction = self.decoder(z)
                reconstruction_loss = tf.reduce_mean(
                    tf.reduce_sum(keras.losses.binary_crossentropy(data, reconstruction), axis=(1,))
                )
                kl_loss = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
                kl_loss = tf.reduce_mean(tf.reduce_sum(kl_loss, axis=1))
                total_loss = reconstruction_loss + kl_loss
            grads = tape.gradient(total_loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
            self.total_loss_tracker.update_state(total_loss)
            self.reconstruction_loss_tracker.update_state(reconstruction_loss)
            self.kl_loss_tracker.update_state(kl_loss)
            return {
                "loss": self.total_loss_tracker.result(),
                "reconstruction_loss": self.reconstruction_loss_tracker.result(),
                "kl_loss": self.kl_loss_tracker.result(),
            }

    images, noise = keras.Input(shape=(4, 5)), keras.Input(shape=(2,))
    x = layers.Dense(5, activation="relu")(layers.Flatten()(images))
    z_mean, z_log_var = layers.Dense(2, name="z_mean")(x), layers.Dense(2, name="z_log_var")(x)
    z = Sampling()([z_mean, z_log_var, noise])
    encoder = fixed(keras.Model([images, noise], [z_mean, z_log_var, z]))
    latent = keras.Input(shape=(2,))
    x = layers.Dense(20, activation="sigmoid")(latent)
    decoder = fixed(keras.Model(latent, layers.Reshape((4, 5))(x)), 1)
    model = VAE(encoder, decoder)
    model.compile(optimizer=keras.optimizers.Adam(0.01), **options)
    data, epsilon = arrays(9, (20, 4, 5), (20, 2))
    return found(model.fit(np.abs(data), epsilon, **OPTIONS), encoder, decoder)


def distillation(keras, tf, **options):
    class Distiller(keras.Model):
        def __init__(self, student, teacher):
            super().__init__()
            self.teacher = teacher
            self.student = student

        def compile(
            self, optimizer, metrics, student_loss_fn, distillation_loss_fn, alpha, temperature, **kwargs
        ):
            super().compile(optimizer=optimizer, metrics=metrics, **kwargs)
            self.student_loss_fn = student_loss_fn
            self.distillation_loss_fn = distillation_loss_fn
            self.alpha = alpha
            self.temperature = temperature

        def train_step(self, data):
            x, y = data
            teacher_predictions = self.teacher(x, training=False)
            with tf.GradientTape() as tape:
                student_predictions = self.student(x, training=True)
                student_loss = self.student_loss_fn(y, student_predictions)
                distillation_loss = (
                    self.distillation_loss_fn(
                        tf.nn.softmax(teacher_predictions / self.temperature, axis=1),
                        tf.nn.softmax(student_predictions / self.temperature, axis=1),
                    )
                    * self.temperature**2
                )
                loss = self.alpha * student_loss + (1 - self.alpha) * distillation_loss
            trainable_vars = self.student.trainable_variables
            gradients = tape.gradient(loss, trainable_vars)
            self.optimizer.apply_gradients(zip(gradients, trainable_vars))
            self.compiled_metrics.update_state(y, student_predictions)
            results = {m.name: m.result() for m in self.metrics}
            results.update({"student_loss": student_loss, "distillation_loss": distillation_loss})
            return results

        def test_step(self, data):
            x, y = data
            y_prediction = self.student(x, training=False)
            student_loss = self.student_loss_fn(y, y_prediction)
            self.compiled_metrics.update_state(y, y_prediction)
            results = {m.name: m.result() for m in self.metrics}
            results.update({"student_loss": student_loss})
            return results

    x, y = arrays(10, (20, 6), (20,))
    student, teacher = small(keras, keras.Model, units=3), small(keras, keras.Model, units=3, normalized=True)
    model = Distiller(student=student, teacher=teacher)
    model.compile(
        optimizer=keras.optimizers.Adam(0.02),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
        student_loss_fn=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        distillation_loss_fn=keras.losses.KLDivergence(),
        alpha=0.1,
        temperature=10,
        **options,
    )
    labels = np.digitize(y, [-0.3, 0.3])
    return found(model.fit(x, labels, validation_data=(x, labels), **OPTIONS), student, teacher)


def contrastive(keras, tf, **options):
    class ContrastiveModel(keras.Model):
        def __init__(self):
            super().__init__()
            self.temperature = 0.1
            self.encoder = small(keras, keras.Model, units=4, normalized=True)
            self.projection_head = fixed(
                keras.Sequential(
                    [keras.Input(shape=(4,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(4)]
                )
            )
            self.linear_probe = fixed(keras.Sequential([keras.Input(shape=(4,)), keras.layers.Dense(3)]))

        def compile(self, contrastive_optimizer, probe_optimizer, **kwargs):
            super().compile(**kwargs)
            self.contrastive_optimizer = contrastive_optimizer
            self.probe_optimizer = probe_optimizer
            self.probe_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            self.contrastive_loss_tracker = keras.metrics.Mean(name="c_loss")
            self.contrastive_accuracy = keras.metrics.SparseCategoricalAccuracy(name="c_acc")
            self.probe_loss_tracker = keras.metrics.Mean(name="p_loss")
            self.probe_accuracy = keras.metrics.SparseCategoricalAccuracy(name="p_acc")

        @property
        def metrics(self):
            return [
                self.contrastive_loss_tracker,
                self.contrastive_accuracy,
                self.probe_loss_tracker,
                self.probe_accuracy,
            ]

        def contrastive_loss(self, projections_1, projections_2):
            projections_1 = tf.math.l2_normalize(projections_1, axis=1)
            projections_2 = tf.math.l2_normalize(projections_2, axis=1)
            similarities = tf.matmul(projections_1, projections_2, transpose_b=True) / self.temperature
            batch_size = tf.shape(projections_1)[0]
            contrastive_labels = tf.range(batch_size)
            self.contrastive_accuracy.update_state(contrastive_labels, similarities)
            self.contrastive_accuracy.update_state(contrastive_labels, tf.transpose(similarities))
            loss_1_2 = keras.losses.sparse_categorical_crossentropy(
                contrastive_labels, similarities, from_logits=True
            )
            loss_2_1 = keras.losses.sparse_categorical_crossentropy(
                contrastive_labels, tf.transpose(similarities), from_logits=True
            )
            return tf.reduce_mean((loss_1_2 + loss_2_1) / 2)

        def train_step(self, data):
            images_1, images_2, labels = data[0]
            with tf.GradientTape() as tape:
                features_1 = self.encoder(images_1, training=True)
                features_2 = self.encoder(images_2, training=True)
                projections_1 = self.projection_head(features_1, training=True)
                projections_2 = self.projection_head(features_2, training=True)
                contrastive_loss = self.contrastive_loss(projections_1, projections_2)
            gradients = tape.gradient(
                contrastive_loss, self.encoder.trainable_weights + self.projection_head.trainable_weights
            )
            self.contrastive_optimizer.apply_gradients(
                zip(gradients, self.encoder.trainable_weights + self.projection_head.trainable_weights)
            )
            self.contrastive_loss_tracker.update_state(contrastive_loss)
            with tf.GradientTape() as tape:
                features = self.encoder(images_1, training=False)
                class_logits = self.linear_probe(features, training=True)
                probe_loss = self.probe_loss(labels, class_logits)
            gradients = tape.gradient(probe_loss, self.linear_probe.trainable_weights)
            self.probe_optimizer.apply_gradients(zip(gradients, self.linear_probe.trainable_weights))
            self.probe_loss_tracker.update_state(probe_loss)
            self.probe_accuracy.update_state(labels, class_logits)
            return {m.name: m.result() for m in self.metrics}

    first, second, y = arrays(11, (20, 6), (20, 6), (20,))
    model = ContrastiveModel()
    model.compile(
        contrastive_optimizer=keras.optimizers.SGD(0.05), probe_optimizer=keras.optimizers.Adam(), **options
    )
    labels = np.digitize(y, [-0.3, 0.3])
    history = model.fit((first, second, labels), **OPTIONS)
    return found(history, model.encoder, model.projection_head, model.linear_probe)


def diffusion(keras, tf, **options):
    class DiffusionModel(keras.Model):
        def __init__(self):
            super().__init__()
            self.normalizer = keras.layers.BatchNormalization()
            self.network = self.make()
            self.ema_network = self.make()

        def make(self):
            image, rate = keras.Input(shape=(4,)), keras.Input(shape=(1,))
            x = keras.layers.Concatenate()([image, rate])
            return fixed(keras.Model([image, rate], keras.layers.Dense(4)(keras.layers.Dense(6, "swish")(x))))

        def compile(self, **kwargs):
            super().compile(**kwargs)
            self.noise_loss_tracker = keras.metrics.Mean(name="n_loss")
            self.image_loss_tracker = keras.metrics.Mean(name="i_loss")

        @property
        def metrics(self):
            return [self.noise_loss_tracker, self.image_loss_tracker]

        def diffusion_schedule(self, diffusion_times):
            start_angle, end_angle = tf.acos(0.95), tf.acos(0.02)
            diffusion_angles = start_angle + diffusion_times * (end_angle - start_angle)
            return tf.sin(diffusion_angles), tf.cos(diffusion_angles)

        def denoise(self, noisy_images, noise_rates, signal_rates, training):
            network = self.network if training else self.ema_network
            pred_noises = network([noisy_images, noise_rates**2], training=training)
            return pred_noises, (noisy_images - noise_rates * pred_noises) / signal_rates

        def train_step(self, data):
            images, noises, diffusion_times = data[0]
            images = self.normalizer(images, training=True)
            noise_rates, signal_rates = self.diffusion_schedule(diffusion_times)
            noisy_images = signal_rates * images + noise_rates * noises
            with tf.GradientTape() as tape:
                pred_noises, pred_images = self.denoise(
                    noisy_images, noise_rates, signal_rates, training=True
                )
                noise_loss = self.loss(noises, pred_noises)
                image_loss = self.loss(images, pred_images)
            gradients = tape.gradient(noise_loss, self.network.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.network.trainable_weights))
            self.noise_loss_tracker.update_state(noise_loss)
            self.image_loss_tracker.update_state(image_loss)
            for weight, ema_weight in zip(self.network.weights, self.ema_network.weights):
                ema_weight.assign(0.9 * ema_weight + (1 - 0.9) * weight)
            return {m.name: m.result() for m in self.metrics}

        def test_step(self, data):
            images, noises, diffusion_times = data[0]
            images = self.normalizer(images, training=False)
            noise_rates, signal_rates = self.diffusion_schedule(diffusion_times)
            noisy_images = signal_rates * images + noise_rates * noises
            pred_noises, pred_images = self.denoise(noisy_images, noise_rates, signal_rates, training=False)
            self.image_loss_tracker.update_state(self.loss(images, pred_images))
            self.noise_loss_tracker.update_state(self.loss(noises, pred_noises))
            return {m.name: m.result() for m in self.metrics}

    images, noises, times = arrays(12, (20, 4), (20, 4), (20, 1))
    data = (images, noises, np.abs(times))
    model = DiffusionModel()
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=keras.losses.MeanAbsoluteError(), **options)
    history = model.fit(data, validation_data=(data,), **OPTIONS)
    return found(history, model.network, model.ema_network, model.normalizer)


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
