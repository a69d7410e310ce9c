"""Releases of the update server (E32): published, changed, withdrawn. None is ever deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from history.services import record
from licenses.domain.release_fields import ReleaseFields, release_problems
from licenses.domain.versions import parse_version
from licenses.errors import ReleaseWithdrawn
from licenses.models import Product, Release
from licenses.models.releases import MAX_REASON
from licenses.services.row_writing import full_clean, known_fields, name_problems, row_assign, row_save

FIELDS = frozenset(
    {
        "version", "channel", "notes", "artifact", "sha256", "size_bytes", "entitlement", "minimum_edition",
        "published_at",
    }
)  # fmt: skip
FIXED_ONCE_OUT = ("sha256", "size_bytes", "published_at")
"""Who fetched the version holds these: other bytes are another version."""


def release_publish(*, product: Product, actor: str, at: datetime, **fields: Any) -> Release:
    """Put a version on the update server, out from `published_at` on (default: now; it may lie ahead or behind).

    Raises Invalid (400), and Exists (409) for a version that is there already, with other build metadata, too.
    """
    given = _given({"published_at": at, **fields})
    release = Release(product=product, **given, created_by=actor, created_at=at)
    _check(release)
    release.precedence = parse_version(release.version).precedence
    with transaction.atomic():
        row_save(release, ("version",))
        _record("release.published", release, _data(release), actor, at)
    return release


def release_update(*, release: Release, actor: str, at: datetime, **fields: Any) -> Release:
    """Change channel, notes, where the artifact is, or who may have a release.

    The version stays; checksum, size and day stay, too, once it is out. Raises Invalid, ReleaseWithdrawn (409).
    """
    given = _given(fields)
    with transaction.atomic():
        release = _locked(release)
        if release.is_withdrawn:
            raise ReleaseWithdrawn
        changed = row_assign(release, given)
        _refuse_fixed(changed, was_out=_was_out(release, changed, at))
        _check(release)
        if changed:
            row_save(release, (), changed)
            _record("release.changed", release, {"fields": changed, **_data(release)}, actor, at)
    return release


def release_withdraw(*, release: Release, reason: str, actor: str, at: datetime) -> Release:
    """Take a release back for good: no license gets it, and manifests name it with the reason.

    Raises Invalid without a reason, ReleaseWithdrawn (409) the second time.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        detail = f"Say why, in {MAX_REASON} characters at most: customers read it."
        raise Invalid([FieldError("reason", "required" if not reason else "invalid", detail)])
    with transaction.atomic():
        release = _locked(release)
        if release.is_withdrawn:
            raise ReleaseWithdrawn
        release.withdrawn_at, release.withdrawn_reason = _whole(at), reason
        row_save(release, (), ["withdrawn_at", "withdrawn_reason"])
        data = {"version": release.version, "channel": str(release.channel), "reason_given": True}
        _record("release.withdrawn", release, data, actor, at)
    return release


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Line ends as one character, instants in whole seconds. Raises Invalid for a field that is unknown."""
    given = known_fields(fields, FIELDS)
    if isinstance(given.get("notes"), str):
        given["notes"] = given["notes"].replace("\r\n", "\n")
    if "published_at" in given:
        given["published_at"] = _whole(given["published_at"])
    return given


def _locked(release: Release) -> Release:
    return locked(Release.objects.select_related("product").filter(pk=release.pk)).get()


def _was_out(release: Release, changed: list[str], at: datetime) -> bool:
    """Whether it was out before the change, of which `release` has the new values already."""
    if "published_at" not in changed:
        return release.published_at <= at
    return Release.objects.filter(pk=release.pk, published_at__lte=at).exists()


def _refuse_fixed(changed: list[str], *, was_out: bool) -> None:
    fixed = [name for name in ("version", *(FIXED_ONCE_OUT if was_out else ())) if name in changed]
    if fixed:
        detail = "What customers may have fetched stays as it is. Withdraw it and publish another version."
        raise Invalid([FieldError(name, "fixed", detail) for name in fixed])


def _check(release: Release) -> None:
    full_clean(release)
    fields = ReleaseFields(
        version=release.version,
        channel=release.channel,
        artifact=release.artifact,
        sha256=release.sha256,
        size_bytes=release.size_bytes,
        notes=release.notes,
        entitlement=release.entitlement,
    )
    problems = [
        FieldError(p.field, p.code, p.detail)
        for p in release_problems(fields, release.product.entitlement_slugs)
    ]
    problems += name_problems("version", _subject(release)) if not problems else []
    if problems:
        raise Invalid(problems)


def _whole(at: datetime) -> datetime:
    """Whole seconds, as a manifest says them."""
    return at.replace(microsecond=0)


def _subject(release: Release) -> str:
    return f"release:{release.product.product_key}/{release.version}"


def _data(release: Release) -> dict[str, Any]:
    return {
        "version": release.version,
        "channel": str(release.channel),
        "published_at": release.published_at.isoformat(),
        "sha256": release.sha256,
        "size_bytes": release.size_bytes,
    }


def _record(kind: str, release: Release, data: dict[str, Any], actor: str, at: datetime) -> None:
    record(kind=kind, subject=_subject(release), actor=actor, data=data, at=at)
