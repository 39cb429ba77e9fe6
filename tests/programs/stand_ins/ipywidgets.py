"""What programs lay out in notebooks, shown nowhere."""

from types import SimpleNamespace


class _Shown:
    def __init__(self, *children, **settings):
        self.children, self.settings = children, settings


Layout = HBox = VBox = Image = Output = _Shown
widgets = SimpleNamespace(Image=_Shown, HBox=_Shown, VBox=_Shown, Output=_Shown, Layout=_Shown)
