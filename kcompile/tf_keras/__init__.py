"""Code of tf.keras 2 without TensorFlow: ``tensorflow`` has what Keras code uses of TensorFlow."""
