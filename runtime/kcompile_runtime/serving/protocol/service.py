"""What the protocols have in common: the models they serve, and who may do what."""

from __future__ import annotations

import hmac
import itertools
import logging
import re
import secrets
import time

from ..errors import ServingError, as_serving_error
from ..limits import Limits
from ..metrics import Metrics
from ..repository import Repository

log = logging.getLogger("kcompile.serving")
_STARTED, _NUMBERS = secrets.token_hex(8).encode(), itertools.count(1)
"""What requests are called that bring no id of their own: which server, and the how manieth."""
_ID = re.compile(rb"[ -~]{1,128}")


def request_id(given: bytes) -> bytes:
    """The client's own where it is one."""
    return given if _ID.fullmatch(given) else b"%s%016x" % (_STARTED, next(_NUMBERS))


def log_request(key: bytes, method: str, path: str, status: int, start: float) -> None:
    """A line of the log for a request that was begun at ``start``, by the clock of performance."""
    ms = round(1e3 * (time.perf_counter() - start), 3)
    fields = {"request_id": key.decode(), "method": method, "path": path, "status": status, "ms": ms}
    log.debug("request %s", " ".join(map(str, fields.values())), extra={"fields": fields})


class Service:
    """Methods of one repository.

    Args:
        repository: the models.
        metrics: where refusals are counted.
        limits: what one request may hold.
        keys: of which a client must name one as ``Authorization: Bearer KEY``; None for anybody.
        may_load: whether clients may load and unload models.
    """

    def __init__(
        self, repository: Repository, metrics: Metrics, limits: Limits, keys: list[str] | None, may_load: bool
    ) -> None:
        self._repository = repository
        self._metrics = metrics
        self._limits = limits
        self._keys = keys
        self._may_load = may_load

    def _check_key(self, authorization: str) -> None:
        """Raises ServingError 401 for a header, or metadata, that names no key of this server."""
        if self._keys is None:
            return
        given = authorization.removeprefix("Bearer ").encode()
        if not any([hmac.compare_digest(given, key.encode()) for key in self._keys]):
            raise ServingError(401, "expected 'Authorization: Bearer KEY' with a key of this server")

    def _check_may_load(self) -> None:
        """Raises ServingError 403 where clients may not change which models there are."""
        if not self._may_load:
            raise ServingError(403, "clients may not load models here: start the server with --allow-load")

    def _refusal(self, error: Exception, request: str) -> ServingError:
        """What a client is told of an error, which is counted, and logged where it is the server's."""
        refusal = as_serving_error(error)
        self._metrics.refusals[str(refusal.status)] += 1
        if refusal.status == 500:
            log.error("%s failed: %s", request, error)
        return refusal
