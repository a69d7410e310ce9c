"""Online validation: what was presented, judged with the live row (C22, C23).

The hot path of the product. The signature of a text never changes its truth, so verified texts are
remembered; whether the license holds is read from its row each time, in one statement.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef

from config.kit.ids import license_id
from config.kit.statements import SelectRows
from licenses import places, selectors
from licenses.domain.claims import fingerprint_hash
from licenses.domain.enums import KeyState, Kind, LicenseStatus
from licenses.domain.formats import from_paste
from licenses.domain.keys import KeySet
from licenses.domain.lic1 import PREFIX
from licenses.domain.posture import PostureSettings
from licenses.domain.verdict import LiveFacts, Use, Verdict, VerdictFacts, verdict
from licenses.domain.verification import Verification, verify
from licenses.models import Activation, Issuance, SigningKey

REMEMBERED = 5_000

COLUMNS = (
    "license__uid",
    "license__status",
    "license__product__audience",
    "license__product__product_key",
    "license__kind",
    "license__edition",
    "license__plan_code",
    "license__starts_at",
    "license__expires_at",
    "license__warn_days",
    "license__grace_days",
    "license__entitlements",
    "license__seats",
    "license__nodes",
    "license__machines",
    "license__collectors",
    "license__fingerprint_sha256",
    "signing_key__state",
    "superseded",
    "license_id",
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `text` in any format; `product` is a product key or audience; `users` named users in use."""

    text: str
    product: str | None = None
    fingerprint: str | None = None
    users: int | None = None
    nodes: int | None = None
    collector: bool = False


def verdict_for(question: Question, *, at: datetime) -> Verdict:
    """Judge a license text against our keys and its live row. Never raises for what was presented."""
    digest = text_digest(question.text)
    verification = _verification(question.text, digest, at)
    live = _live(digest, question, at) if verification.kid is not None else None
    product = question.product
    if live is not None and product in (live[1], None):
        product = None  # asked by product key, and it is that product's
    return verdict(
        VerdictFacts(
            now=at,
            verification=verification,
            live=live[0] if live else None,
            online=True,
            product=product,
            fingerprint=question.fingerprint,
            collector=question.collector,
            settings=posture_settings(),
        )
    )


def posture_settings() -> PostureSettings:
    """The periods of keys that carry none of their own."""
    return PostureSettings(settings.WARN_DAYS, settings.GRACE_DAYS, settings.TRIAL_GRACE_DAYS)


def text_digest(text: str) -> str:
    """SHA-256 of the text as it was issued: every format has one spelling, but LIC1 is read in any case."""
    text = from_paste(text)
    # str.upper turns some letters outside ASCII into ASCII ones; those are no spelling of a key
    if text.isascii() and text[: len(PREFIX)].upper() == PREFIX:
        text = text.upper()
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# --- signatures ---------------------------------------------------------------------------------------

_lock = threading.Lock()
_known: OrderedDict[str, Verification] = OrderedDict()
_keys = KeySet(())
_counted = 0


def text_verified(text: str, digest: str, at: datetime) -> Verification:
    """Is this text of ours? Its instants are not judged: the live row says them."""
    return _verification(text, digest, at)


def _verification(text: str, digest: str, at: datetime) -> Verification:
    """Verify the signature, or remember that it was verified. Only what held is remembered."""
    found = _known.get(digest)
    if found is not None:
        return found
    pasted = from_paste(text)
    verification = _verify(pasted, at)
    # A LIC1 key names no key: what a new one signed looks like a wrong signature.
    if verification.reason in {"kid_unknown", "signature_invalid"} and _reload_keys():
        verification = _verify(pasted, at)
    if verification.ok:
        with _lock:
            _known[digest] = verification
            while len(_known) > REMEMBERED:
                _known.popitem(last=False)
    return verification


def _verify(text: str, at: datetime) -> Verification:
    if not len(_keys):
        _reload_keys()
    return verify(text, _keys, now=at, issuer=settings.ISSUER, audience=None, check_time=False)


def _reload_keys() -> bool:
    """Read the keys again if there are more of them by now; say so. A made-up `kid` costs one small query.

    Keys are never deleted, and whether one was revoked stands in the row of each validation.
    """
    global _keys, _counted
    count = SigningKey.objects.count()
    if count == _counted:
        return False
    _keys, _counted = selectors.key_set(), count
    return True


def forget() -> None:
    """Drop what this process remembers of keys and texts."""
    global _keys, _counted
    with _lock:
        _known.clear()
    _keys, _counted = KeySet(()), 0


# --- the row ------------------------------------------------------------------------------------------


def _of_text(digest: str) -> models.QuerySet[Issuance, Any]:
    newer = Issuance.objects.filter(license_id=OuterRef("license_id"), pk__gt=OuterRef("pk"))
    rows = Issuance.objects.annotate(superseded=Exists(newer)).filter(text_sha256=digest)
    return rows.values_list(*COLUMNS)


_STATEMENT = SelectRows(_of_text, digest="the digest stands here")


@dataclass(frozen=True, slots=True)
class _Places:
    """How many places are taken, and the name under which the one that asks holds one."""

    used: int | None = None
    name: str | None = None


NO_PLACES = _Places()


def _places(license_pk: int, question: Question, at: datetime) -> _Places:
    """The places under a hard limit (C24, D21); read only where there is a limit and somebody who asks.

    A machine asks with its fingerprint, a collector with its id in the same member.
    """
    kind = Activation.Kind.COLLECTOR if question.collector else Activation.Kind.MACHINE
    asking = question.fingerprint or ""
    name = asking if question.collector else fingerprint_hash(asking)
    found = places.held(license_pk, kind, name, at)
    return _Places(found.used, name if found.mine else None)


def _live(digest: str, question: Question, at: datetime) -> tuple[LiveFacts, str] | None:
    """The live facts of the license that was issued with this text, and its product key."""
    found = _STATEMENT.rows(digest=digest)
    if not found:
        return None
    (
        uid, status, audience, product_key, kind, edition, plan, starts_at, expires_at, warn_days, grace_days,
        entitlements, seats, nodes, machines, collectors, fingerprint, key_state, superseded, license_pk,
    ) = found[0]  # fmt: skip
    cap = collectors if question.collector else machines
    taken = _places(license_pk, question, at) if cap and question.fingerprint else NO_PLACES
    facts = LiveFacts(
        license_id=license_id(uid),
        status=LicenseStatus(status),
        product=audience,
        kind=Kind(kind),
        edition=edition,
        starts_at=starts_at,
        expires_at=expires_at,
        warn_days=warn_days,
        grace_days=grace_days,
        plan=plan,
        entitlements=entitlements,
        seats=Use(seats, question.users),
        nodes=Use(nodes, question.nodes),
        machines=Use(machines, None if question.collector else taken.used),
        collectors=Use(collectors, taken.used if question.collector else None),
        machine_id=taken.name,
        machine_known=taken.name is not None and not question.collector,
        collector_known=taken.name is not None and question.collector,
        bound_fingerprint_sha256=fingerprint or None,
        key_state=KeyState(key_state),
        token_current=not superseded,
    )
    return facts, product_key
