"""Golden results of real Keras: the case tables, their runner and a reader of the stored results."""
