"""The DCGAN of Keras's guide "Customizing what happens in fit()", for any Keras."""

from __future__ import annotations

from typing import Any

LATENT = 128


def discriminator(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(64, (3, 3), strides=(2, 2), padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(128, (3, 3), strides=(2, 2), padding="same"),
            layers.LeakyReLU(0.2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(1),
        ]
    )


def generator(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape=(LATENT,)),
            layers.Dense(7 * 7 * 128),
            layers.LeakyReLU(0.2),
            layers.Reshape((7, 7, 128)),
            layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(1, (7, 7), padding="same", activation="sigmoid"),
        ]
    )


def dcgan(keras: Any, tf: Any, normal: Any, uniform: Any) -> Any:
    """The compiled GAN; its step is written with tf's functions and its tape.

    Args:
        normal, uniform: draw random numbers of a shape.
    """

    class GAN(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.discriminator = discriminator(keras)
            self.generator = generator(keras)
            self.d_loss_tracker = keras.metrics.Mean(name="d_loss")
            self.g_loss_tracker = keras.metrics.Mean(name="g_loss")

        @property
        def metrics(self) -> list[Any]:
            return [self.d_loss_tracker, self.g_loss_tracker]

        def compile(self, d_optimizer: Any, g_optimizer: Any, loss_fn: Any) -> None:
            super().compile()
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

        def train_step(self, real_images: Any) -> dict[str, Any]:
            if isinstance(real_images, tuple):
                real_images = real_images[0]
            batch_size = tf.shape(real_images)[0]
            generated_images = self.generator(normal((batch_size, LATENT)))
            combined_images = tf.concat([generated_images, real_images], axis=0)
            labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
            labels += 0.05 * uniform(tf.shape(labels))
            with tf.GradientTape() as tape:
                predictions = self.discriminator(combined_images)
                d_loss = self.loss_fn(labels, predictions)
            grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
            self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights, strict=True))
            random_latent_vectors = normal((batch_size, LATENT))
            misleading_labels = tf.zeros((batch_size, 1))
            with tf.GradientTape() as tape:
                predictions = self.discriminator(self.generator(random_latent_vectors))
                g_loss = self.loss_fn(misleading_labels, predictions)
            grads = tape.gradient(g_loss, self.generator.trainable_weights)
            self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights, strict=True))
            self.d_loss_tracker.update_state(d_loss)
            self.g_loss_tracker.update_state(g_loss)
            return {"d_loss": self.d_loss_tracker.result(), "g_loss": self.g_loss_tracker.result()}

    return _compiled(GAN(), keras)


def torch_dcgan(keras: Any) -> Any:
    """The same for Keras 3 on PyTorch, its step in the style of Keras's guide for that backend."""
    import torch

    class GAN(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.discriminator = discriminator(keras)
            self.generator = generator(keras)
            self.d_loss_tracker = keras.metrics.Mean(name="d_loss")
            self.g_loss_tracker = keras.metrics.Mean(name="g_loss")
            self.built = True

        @property
        def metrics(self) -> list[Any]:
            return [self.d_loss_tracker, self.g_loss_tracker]

        def compile(self, d_optimizer: Any, g_optimizer: Any, loss_fn: Any) -> None:
            super().compile()
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

        def train_step(self, real_images: Any) -> dict[str, Any]:
            if isinstance(real_images, tuple):
                real_images = real_images[0]
            real_images = torch.as_tensor(real_images)
            batch_size = real_images.shape[0]
            generated_images = self.generator(torch.randn(batch_size, LATENT))
            combined_images = torch.concat([generated_images, real_images])
            labels = torch.concat([torch.ones(batch_size, 1), torch.zeros(batch_size, 1)])
            labels += 0.05 * torch.rand(labels.shape)
            self.zero_grad()
            d_loss = self.loss_fn(labels, self.discriminator(combined_images))
            d_loss.backward()
            weights = list(self.discriminator.trainable_weights)
            with torch.no_grad():
                self.d_optimizer.apply([weight.value.grad for weight in weights], weights)
            self.zero_grad()
            fooled = self.discriminator(self.generator(torch.randn(batch_size, LATENT)))
            g_loss = self.loss_fn(torch.zeros(batch_size, 1), fooled)
            g_loss.backward()
            weights = list(self.generator.trainable_weights)
            with torch.no_grad():
                self.g_optimizer.apply([weight.value.grad for weight in weights], weights)
            self.d_loss_tracker.update_state(d_loss)
            self.g_loss_tracker.update_state(g_loss)
            return {"d_loss": self.d_loss_tracker.result(), "g_loss": self.g_loss_tracker.result()}

    return _compiled(GAN(), keras)


def _compiled(model: Any, keras: Any) -> Any:
    model.compile(
        d_optimizer=keras.optimizers.Adam(learning_rate=0.0003),
        g_optimizer=keras.optimizers.Adam(learning_rate=0.0003),
        loss_fn=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    return model
