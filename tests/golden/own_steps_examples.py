"""Programs with steps of their own as published examples have them: generative, contrastive, distilled."""

from __future__ import annotations

import numpy as np

from tests.golden.own_steps_models import OPTIONS, arrays, fixed, found, small


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
