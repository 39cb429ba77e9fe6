"""Live models of stock Keras 3: the operations that it records on its symbolic tensors."""
