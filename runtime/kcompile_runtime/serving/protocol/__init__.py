"""What travels: tensors and requests as the protocols write them."""
