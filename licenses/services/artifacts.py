"""The text of an issuance: shown to who may see it, and each showing is an event."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kit.sealing import unseal
from history.services import record
from licenses.domain.enums import Format
from licenses.domain.formats import CODECS
from licenses.errors import ArtifactNotKept
from licenses.models import Issuance


def artifact_text(*, issuance: Issuance, actor: str, at: datetime) -> str:
    """Return the text exactly as it was issued (E23) and record that `actor` saw it. Raises ArtifactNotKept."""
    if issuance.artifact is None:
        raise ArtifactNotKept
    text = unseal(bytes(issuance.artifact)).decode()
    with transaction.atomic():
        record(
            kind="artifact.read",
            subject=f"license:{issuance.license.public_id}",
            account=issuance.license.account.customer_id,
            actor=actor,
            data={"jti": issuance.jti_text, "sha256": issuance.text_sha256},
            at=at,
        )
    return text


def artifact_filename(issuance: Issuance) -> str:
    """`<account>-<product>-<license>.<suffix>`: letters, digits, dots and hyphens only."""
    license_ = issuance.license
    suffix = CODECS[Format(issuance.format)].file_suffix
    return f"{license_.account.slug}-{license_.product.slug}-{license_.public_id}.{suffix}"
