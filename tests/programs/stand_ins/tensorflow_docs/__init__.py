"""A stand-in for tensorflow_docs, which shows things in notebooks."""
