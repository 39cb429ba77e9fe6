"""A folder for ``sys.path``; see ``keras`` in it."""
