"""What Keras 2.3.1 makes of sequences, texts, images and word lists: cases.py, and the answers beside it."""
