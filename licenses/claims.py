"""What signing reads of a license, and the claims that are cut from it."""

from __future__ import annotations

import uuid
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from django.conf import settings

from config.kit import ids
from licenses.domain.claims import Claims
from licenses.domain.enums import Edition, Kind
from licenses.models import License

_KINDS = {kind.value: kind for kind in Kind}
_EDITIONS = {edition.value: edition for edition in Edition}


class ToSign(NamedTuple):
    """A license with what signing reads of its account and its product, as one row of `COLUMNS`.

    Not the instances: making three of them costs a tenth of a signature, and nobody needs them to sign.
    """

    pk: int
    uid: uuid.UUID
    status: str
    origin: str
    plan_code: str
    kind: str
    edition: str
    quantity: int
    seats: int
    nodes: int
    machines: int
    collectors: int
    entitlements: dict[str, Any]
    starts_at: datetime
    expires_at: datetime | None
    warn_days: int
    grace_days: int
    fingerprint_sha256: str
    prefer_online: bool
    online_url: str
    account__customer_id: str
    product_id: int
    product__uid: uuid.UUID
    product__name: str
    product__audience: str
    product__algorithm: str
    product__default_format: str

    @classmethod
    def of(cls, row: License) -> ToSign:
        """The same of an instance, with changes that are not saved yet."""
        return cls(*_read(row))

    @property
    def is_legacy(self) -> bool:
        return self.origin == License.Origin.LEGACY


COLUMNS = tuple(ToSign.__annotations__)
_read = attrgetter(*(name.replace("__", ".") for name in COLUMNS))


def claims_of(row: ToSign, *, jti: uuid.UUID, at: datetime) -> Claims:
    """Cut the claims of a license as it stands (A3)."""
    return Claims(
        issuer=settings.ISSUER,
        subject=row.account__customer_id,
        audience=row.product__audience,
        license_id=ids.license_id(row.uid),
        jti=ids.short(jti),
        issued_at=int(at.timestamp()),
        not_before=int(row.starts_at.timestamp()),
        expires_at=None if row.expires_at is None else int(row.expires_at.timestamp()),
        kind=_KINDS[row.kind],
        edition=_EDITIONS[row.edition],
        plan=row.plan_code,
        seats=row.seats,
        nodes=row.nodes,
        machines=row.machines,
        collectors=row.collectors,
        quantity=row.quantity,
        entitlements=row.entitlements,
        warn_days=row.warn_days,
        grace_days=row.grace_days,
        fingerprint_sha256=row.fingerprint_sha256 or None,
        online_url=row.online_url or None,
        prefer_online=row.prefer_online,
    )
