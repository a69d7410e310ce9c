"""Floors of the signals: a view that upserts one row, and an authenticated view of DRF that does nothing."""

from __future__ import annotations

from django.apps import AppConfig
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

UPSERT = "/floor/upsert"
AUTHENTICATED = "/floor/authenticated"
SQL = (
    "INSERT INTO floor_seen AS s (id, seen_at, beats) VALUES (%s, now(), 1)"
    " ON CONFLICT (id) DO UPDATE SET seen_at = now(), beats = s.beats + 1 RETURNING beats"
)
TABLE = "CREATE TABLE IF NOT EXISTS floor_seen (id bigint PRIMARY KEY, seen_at timestamptz, beats bigint)"
NO_LIMIT = "1000000000/hour"


def upsert(request: HttpRequest) -> HttpResponse:
    """One upsert with a raw cursor, of the id that the body names."""
    with connection.cursor() as cursor:
        cursor.execute(SQL, [request.body.decode()])
        beats = cursor.fetchone()[0]
    return JsonResponse({"ok": True, "beats": beats})


class SignalsFloorConfig(AppConfig):
    name = "tests.bench.signals_floor"
    label = "signals_floor"

    def ready(self) -> None:
        from config.kit.middleware import hot_path
        from licenses.api import activations, heartbeat

        hot_path(UPSERT)(upsert)
        activations.LIMIT = heartbeat.LIMIT = NO_LIMIT
        heartbeat.PER_HOUR = 10**9
