"""Golden results of Keras 3 for what Keras 2.3 does not have."""
