"""A pasted key, looked at from all sides: what it says, whether it holds offline and online, and whose it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from config.kit.ids import license_id
from licenses import selectors
from licenses.domain.claim_words import Line, claim_lines
from licenses.domain.enums import Format
from licenses.domain.formats import from_paste
from licenses.domain.peeking import Peek, peek
from licenses.domain.verdict import Verdict
from licenses.domain.verification import Verification, verify
from licenses.models import Issuance, License
from licenses.validation import Question, posture_settings, text_digest, verdict_for


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. `license` is ours only when `issuance` is set; otherwise the key merely names it."""

    peek: Peek
    claims: list[Line]
    offline: Verification
    online: Verdict
    issuance: Issuance | None
    license: License | None

    @property
    def raw(self) -> str:
        """Header and claims as JSON, as far as they could be read."""
        found = {"header": self.peek.header, "claims": self.peek.payload}
        return json.dumps(found, indent=2, ensure_ascii=False)


def key_inspect(*, text: str, fingerprint: str | None = None, at: datetime) -> Inspection:
    """Look at a text that may be a key; never raises for what was pasted, writes nothing, remembers no text."""
    found = peek(text)
    payload = _payload(found)
    issuance = _issuance(text)
    return Inspection(
        peek=found,
        claims=claim_lines(payload) if payload else [],
        offline=_offline(text, fingerprint, at),
        online=verdict_for(Question(text=text, fingerprint=fingerprint), at=at),
        issuance=issuance,
        license=issuance.license if issuance else _license_named(payload.get("lic")),
    )


def _payload(found: Peek) -> dict[str, Any]:
    """The claims; a LIC1 key names its license by UUID, and people know it by its id."""
    payload = dict(found.payload or {})
    if found.recognised.format is Format.LIC1 and payload:
        payload["lic"] = license_id(UUID(payload.pop("license_uid")))
    return payload


def _offline(text: str, fingerprint: str | None, at: datetime) -> Verification:
    """What a deployment with our public keys says, without asking us."""
    keys = selectors.key_set()
    return verify(
        from_paste(text), keys, now=at, issuer=settings.ISSUER, audience=None, fingerprint=fingerprint,
        settings=posture_settings(),
    )  # fmt: skip


def _issuance(text: str) -> Issuance | None:
    rows = Issuance.objects.select_related(
        "license__account", "license__product", "license__plan", "signing_key"
    )
    return rows.defer(*selectors.UNREAD).filter(text_sha256=text_digest(text)).first()


def _license_named(name: Any) -> License | None:
    return License.objects.with_relations().by_public_id(name).first() if isinstance(name, str) else None
