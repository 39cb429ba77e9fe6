"""What each version of Keras writes differently: one module for each."""
