"""Nothing is shown."""
