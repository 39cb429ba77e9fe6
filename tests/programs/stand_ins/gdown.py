"""A stand-in for gdown."""

import re


def download(url=None, output=None, quiet=False, id=None, **_):
    """Writes the stand-in for a file of Google Drive."""
    import downloads

    found = id or re.search(r"[?&/](?:id=|d/)?([\w-]{20,})", url)[1]
    with open(output, "wb") as file:
        file.write(downloads.content(found))
    return output
