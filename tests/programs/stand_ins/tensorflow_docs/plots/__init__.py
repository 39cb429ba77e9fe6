"""Plots of histories; nothing is drawn."""


class HistoryPlotter:
    """Draws nothing."""

    def __init__(self, **_):
        pass

    def plot(self, *_, **__):
        """Draws nothing."""
