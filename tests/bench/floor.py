"""The smallest views that do the same database work, on the same server, pool and path through Django."""

from __future__ import annotations

from django.apps import AppConfig
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

EMPTY = "/floor/empty"
SELECT = "/floor/select"
SQL = "SELECT id, status, kind, edition, expires_at, entitlements FROM licenses_license WHERE uid = %s"


def empty(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"ok": True})


def select(request: HttpRequest) -> HttpResponse:
    """One indexed SELECT with a raw cursor, by the uid that the body names."""
    with connection.cursor() as cursor:
        cursor.execute(SQL, [request.body.decode()])
        row = cursor.fetchone()
    return JsonResponse({"ok": row is not None, "status": row[1]})


class FloorConfig(AppConfig):
    name = "tests.bench"
    label = "floor"

    def ready(self) -> None:
        from config.kit.middleware import hot_path

        hot_path(EMPTY)(empty)
        hot_path(SELECT)(select)
