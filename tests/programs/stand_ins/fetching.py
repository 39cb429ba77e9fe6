"""Has every way by which programs fetch files give the stand-ins of ``downloads``."""

import io
import sys
import urllib.request


def install(note):
    """Replaces what urllib, requests and pooch do with http and ftp addresses."""

    def content(url):
        import downloads

        data = downloads.content(url)
        note(f"{url}: a stand-in of {len(data):,} bytes")
        return data

    opened = urllib.request.urlopen

    def urlopen(url, *arguments, **keywords):
        address = url.full_url if isinstance(url, urllib.request.Request) else url
        if not address.startswith(("http", "ftp")):
            return opened(url, *arguments, **keywords)
        return _Response(content(address))

    urllib.request.urlopen = urlopen

    def urlretrieve(url, filename=None, *_, **__):
        filename = filename or url.rpartition("/")[2]
        with open(filename, "wb") as file:
            file.write(content(url))
        return filename, None

    urllib.request.urlretrieve = urlretrieve
    sys.meta_path.insert(0, _on_import("requests", lambda module: _requests(module, content)))
    sys.meta_path.insert(0, _on_import("pooch", lambda module: _pooch(module, content)))


def _on_import(name, then):
    from watching import _AfterImport

    return _AfterImport(name, then)


class _Response(io.BytesIO):
    """What urlopen gives."""

    status = code = 200
    headers = {"Content-Encoding": None}

    def info(self):
        """Headers."""
        return self.headers


def _requests(module, content):
    class Response:
        status_code, ok = 200, True

        def __init__(self, url):
            self.content = content(url)
            self.text = self.content.decode("utf-8", "replace")
            self.raw = io.BytesIO(self.content)

        def iter_content(self, chunk_size=1):
            return iter([self.content])

    module.get = lambda url, **_: Response(url)


def _pooch(module, content):
    def call(self, url, output_file, pooch, check_only=False):
        data = content(url)
        if hasattr(output_file, "write"):
            output_file.write(data)
        else:
            with open(output_file, "wb") as file:
                file.write(data)

    module.HTTPDownloader.__call__ = call
    module.core.hash_matches = lambda *_, **__: True
