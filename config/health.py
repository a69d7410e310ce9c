"""Answers for machines that watch: `/healthz` (alive), `/readyz` (able to serve), `/metrics` (Prometheus).

All three are answered before the other middleware: a load balancer asks by address, not by host name,
and over plain HTTP, and must be answered neither with a redirect nor with "bad host".
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from config import metrics
from config.kit.api import problems
from config.kit.errors import Forbidden, Refusal, Unauthenticated, Unavailable
from config.kit.middleware import hot_path
from config.kit.sealing import SealingKeyMissing
from config.probing import within
from licenses.domain.enums import KeyState
from licenses.models import SigningKey
from licenses.signers import signer_of

RETRY_AFTER = 5
BROKER_SECONDS = 2
FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PROTO")
log = structlog.get_logger(__name__)


class MethodNotAllowed(Refusal):
    code = "method_not_allowed"
    status = 405
    title = "Only GET and HEAD are answered here."


class NotReady(Unavailable):
    """A part that serving needs is out of order; `checks` names it."""

    code = "not_ready"
    title = "Some parts are out of order."


class NotReadyPart(Exception):
    """What is wrong with a part, in words that may be shown to anybody."""


View = Callable[[HttpRequest], HttpResponse]


def watched(path: str) -> Callable[[View], View]:
    """Serve a view at `path` before the other middleware: GET and HEAD, never cached, refusals as problems."""

    def decorate(view: View) -> View:
        def guarded(request: HttpRequest) -> HttpResponse:
            try:
                if request.method not in {"GET", "HEAD"}:
                    raise MethodNotAllowed
                response = view(request)
            except Refusal as refusal:
                response = problems.response(refusal)
                if isinstance(refusal, MethodNotAllowed):
                    response["Allow"] = "GET, HEAD"
            response["Cache-Control"] = "no-store"
            response["X-Content-Type-Options"] = "nosniff"
            return response

        return hot_path(path)(guarded)

    return decorate


@watched("/healthz")
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all (E5). Looks at nothing else, the database least of all."""
    return JsonResponse({"status": "ok"})


@watched("/readyz")
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when this process can serve, 503 with the parts that fail when it cannot."""
    states = {name: _state(name, check) for name, check in READINESS.items()}
    if any(state != "ok" for state in states.values()):
        raise NotReady(retry_after=RETRY_AFTER, checks=states)
    return JsonResponse({"status": "ok", "checks": states})


def _state(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except NotReadyPart as problem:
        return str(problem)
    except Exception as error:  # noqa: BLE001 - whatever fails, the answer says which part
        # The text of such errors may hold addresses and passwords: it goes to the log, which redacts.
        log.warning("not_ready", part=name, error=repr(error))
        return "does not answer"
    return "ok"


def check_database() -> None:
    """Raise unless the database answers a query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def pending_migrations() -> list[str]:
    """Return the names of migrations that this code has and the database has not. Reads files and a table."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


_migrated: set[str] = set()


def check_migrations() -> None:
    """Raise while migrations are missing. Asked until the answer is yes: code does not change in a process."""
    alias = str(connection.settings_dict["NAME"])
    if alias in _migrated:
        return
    try:
        missing = len(pending_migrations())
    except DatabaseError as error:
        raise NotReadyPart("cannot be told: the database does not answer") from error
    if missing:
        raise NotReadyPart(f"{missing} not applied")
    _migrated.add(alias)


def check_broker() -> None:
    """Raise unless the broker takes a connection."""
    within(BROKER_SECONDS, "broker", broker_connect)


def broker_connect() -> None:
    """Open a connection to the broker and close it. May hang: use it through `within`."""
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)


def check_signing_key() -> None:
    """Raise when no key would sign a license."""
    try:
        key = SigningKey.objects.filter(state=KeyState.ACTIVE).order_by("pk").first()
        if key is None:
            raise NotReadyPart("none is active")
        signer_of(key)  # opened and parsed once in the life of the process
    except DatabaseError as error:
        raise NotReadyPart("cannot be told: the database does not answer") from error
    except SealingKeyMissing as error:
        raise NotReadyPart("the active one does not open: key-encryption key") from error


READINESS: Mapping[str, Callable[[], None]] = {
    "database": check_database,
    "migrations": check_migrations,
    "broker": check_broker,
    "signing_key": check_signing_key,
}


@watched("/metrics")
def prometheus(request: HttpRequest) -> HttpResponse:
    """Metrics for Prometheus: to this machine itself, and to whoever shows SIGNET_METRICS_TOKEN."""
    demand_metrics_access(request.META)
    body, content_type = metrics.render(request.headers.get("Accept", ""))
    return HttpResponse(body, content_type=content_type)


def demand_metrics_access(meta: Mapping[str, Any]) -> None:
    """Raise Unauthenticated or Forbidden unless the request may read metrics."""
    if _is_direct_loopback(meta):
        return
    if not settings.METRICS_TOKEN:
        raise Forbidden("Metrics are answered on loopback only; SIGNET_METRICS_TOKEN opens them further.")
    scheme, _, token = str(meta.get("HTTP_AUTHORIZATION", "")).partition(" ")
    expected = settings.METRICS_TOKEN.encode()
    # Compared as bytes: a header may hold any character.
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected):
        raise Unauthenticated


def _is_direct_loopback(meta: Mapping[str, Any]) -> bool:
    # A reverse proxy on this machine also comes from loopback, and speaks for anybody.
    if any(meta.get(name) for name in FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(str(meta.get("REMOTE_ADDR", "")))
    except ValueError:
        return False
    return bool((getattr(address, "ipv4_mapped", None) or address).is_loopback)
