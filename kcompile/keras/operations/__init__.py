"""Functions of ``keras.ops`` and TensorFlow that files call, by name, and what each of them emits."""
