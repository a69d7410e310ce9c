"""Signing keys."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from config.kit.clock import now
from licenses.domain.enums import Algorithm, KeyState
from licenses.models.catalogue import Product, choices


class SigningKey(models.Model):
    """One key pair. The private half is sealed at rest; `kid` names the public half (RFC 7638 thumbprint).

    `slot` makes "one active key for each product (or for all) and algorithm" a law of the table: it
    holds "<product id or shared>:<algorithm>" while the key is active and null otherwise.
    """

    kid = models.CharField("key id", max_length=43, unique=True)
    algorithm = models.CharField(max_length=5, choices=choices(Algorithm))
    product = models.ForeignKey(
        Product,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="signing_keys",
        help_text="Empty: shared by every product without a key of its own.",
    )
    state = models.CharField(max_length=8, choices=choices(KeyState), default=KeyState.STAGED)
    slot = models.CharField(max_length=40, null=True, unique=True, editable=False)  # noqa: DJ001 - null is never equal to null
    public_pem = models.TextField()
    private_sealed = models.BinaryField(
        null=True, help_text="Empty once a key is known to have leaked and was destroyed."
    )
    origin = models.CharField(max_length=10, default="generated", help_text="generated or imported")
    staged_at = models.DateTimeField(default=now)
    activated_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    replace = models.BooleanField(
        default=False, help_text="Revoked, and every license it signed is to be signed anew."
    )
    revoked_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["staged", "active", "retired", "revoked"]),
                name="signing_key_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="active", slot__isnull=False) | (~Q(state="active") & Q(slot__isnull=True)),
                name="signing_key_slot_only_while_active",
            ),
        ]
        permissions = [("rotate_signingkey", "Can create, import, rotate, retire and revoke signing keys")]

    def __str__(self) -> str:
        return f"{self.kid} ({self.algorithm})"
