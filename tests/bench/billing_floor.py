"""Floor of the webhook: a view that inserts one row of the body's size under a unique id."""

from __future__ import annotations

from uuid import uuid4

from django.apps import AppConfig
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

INSERT = "/floor/insert"
SQL = "INSERT INTO floor_event (event_id, raw, received_at) VALUES (%s, %s, now()) RETURNING id"
TABLE = (
    "CREATE TABLE IF NOT EXISTS floor_event (id bigserial PRIMARY KEY, event_id varchar(200) UNIQUE,"
    " raw bytea, received_at timestamptz)"
)


def insert(request: HttpRequest) -> HttpResponse:
    """One insert with a raw cursor."""
    with connection.cursor() as cursor:
        cursor.execute(SQL, [uuid4().hex, request.body])
        cursor.fetchone()
    return JsonResponse({"ok": True})


class BillingFloorConfig(AppConfig):
    name = "tests.bench.billing_floor"
    label = "billing_floor"

    def ready(self) -> None:
        from config.kit.middleware import hot_path

        hot_path(INSERT)(insert)
