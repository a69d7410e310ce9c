"""Writing some fields of many rows in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models

from config.kit.statements import Statement

BATCH = 200


def update_rows(instances: Iterable[models.Model], names: Sequence[str]) -> None:
    """Write these fields of rows of one plain model, as `bulk_update`, whose SQL costs more than running it.

    No JSON among the fields. Call in the transaction that locked the rows.
    """
    rows = list(instances)
    if not rows:
        return
    here, model = connections[DEFAULT_DB_ALIAS], type(rows[0])
    if here.vendor != "postgresql":
        model._base_manager.bulk_update(rows, names, batch_size=BATCH)
        return
    quote = here.ops.quote_name
    fields: list[Any] = [model._meta.pk, *(model._meta.get_field(name) for name in names)]
    arrays = ", ".join(f"%s::{field.db_type(here)}[]" for field in fields)
    key, *columns = [quote(field.column) for field in fields]
    sets = ", ".join(f"{column} = new.{column}" for column in columns)
    sql = (
        f"UPDATE {quote(model._meta.db_table)} AS old SET {sets}"  # noqa: S608 - our own names
        f" FROM unnest({arrays}) AS new({', '.join([key, *columns])}) WHERE old.{key} = new.{key}"
    )
    Statement(sql).rows(*([getattr(row, field.attname) for row in rows] for field in fields))
