"""Live models of stock Keras 3 as models of kcompile: ``from_keras``, ``push_weights``.

A layer that Keras brings along is made again from its configuration. A layer of the user's own is called on
Keras's symbolic tensors, and the operations that it records are emitted by the table of operations. Nothing
here imports Keras before a model of it is given.
"""
