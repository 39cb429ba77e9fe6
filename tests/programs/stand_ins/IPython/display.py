"""What programs show; nothing is shown."""


class _Shown:
    def __init__(self, *_, **__):
        pass

    def __getattr__(self, name):
        return lambda *_, **__: None


Image = Audio = HTML = Markdown = Video = Code = SVG = YouTubeVideo = DisplayHandle = _Shown


def display(*_, **__):
    """Shows nothing."""


def clear_output(wait=False):
    """There is nothing to clear."""
