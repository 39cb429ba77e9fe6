"""What a layer has of this backend: nothing that Keras's own layer has not."""


class KCompileLayer:
    """Mixed into ``keras.Layer``."""
