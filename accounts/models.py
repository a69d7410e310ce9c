"""Staff, customer accounts, and what calls the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from config.kit import ids
from config.kit.clock import now

SLUG = RegexValidator(r"^[a-z0-9][a-z0-9-]{0,62}$", "Lower-case letters, digits and hyphens, 63 at most.")


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a staff user; `password=None` makes an account that cannot sign in yet."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A member of staff. Everybody here may open the admin; roles (groups) say what they may do in it."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True, help_text="Off: cannot sign in. Users are never deleted.")
    is_staff = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=now)

    objects = UserManager()

    EMAIL_FIELD = USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once_in_any_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.partition(" ")[0] or self.email


class Role(Group):
    """A role of staff: Django's group under the name that staff know it by."""

    class Meta:
        proxy = True
        permissions = [
            # D15, and the master-only actions of C30
            ("manage_roles", "Can give and take roles"),
            ("manage_credentials", "Can create and revoke API keys"),
            ("configure_notification", "Can configure notifications"),
            ("activate_module", "Can activate modules with a license key"),
        ]


class Account(models.Model):
    """One customer, prospect or internal unit: the "group" of the API. `customer_id` is a token's `sub`."""

    class Kind(models.TextChoices):
        CUSTOMER = "customer"
        PROSPECT = "prospect"
        INTERNAL = "internal"

    slug = models.CharField(max_length=63, unique=True, validators=[SLUG])
    customer_id = models.CharField(max_length=18, unique=True, default=ids.customer_id, editable=False)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PROSPECT)
    email = models.EmailField(blank=True, help_text="Where licenses and notices for this account go.")
    domain = models.CharField(max_length=253, blank=True)
    crm_ref = models.CharField(
        "CRM record", max_length=100, blank=True, help_text="Id of the record in the outside CRM."
    )
    notes = models.TextField(blank=True, max_length=10_000)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="accounts"
    )
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="merged",
        help_text="Set: this account is closed, and everything it owned belongs to that one.",
    )
    merged_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="account_has_a_name"),
            models.CheckConstraint(
                condition=Q(kind__in=["customer", "prospect", "internal"]), name="account_kind_known"
            ),
        ]
        indexes = [
            # the orders of the admin's list
            models.Index(fields=["name", "-id"], name="account_by_name"),
            models.Index(fields=["domain", "-id"], name="account_by_domain"),
            models.Index(fields=["kind", "-id"], name="account_by_kind"),
        ]
        permissions = [("manage_account", "Can create, edit, promote and merge accounts")]

    def __str__(self) -> str:
        return self.name


class SavedView(models.Model):
    """A list of the admin under a name: its filters, search and order, for oneself or for everybody."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=100, help_text="The list: app_label.model.")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True, help_text="Query string of the list.")
    shared = models.BooleanField(default=False, help_text="Others see it too; only its owner changes it.")
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "page", "name"], name="saved_view_name_once_a_page")
        ]
        # the views that others share on a page
        indexes = [models.Index(fields=["page", "shared"], name="saved_view_page")]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A credential of a storefront or script. The token is shown once; its SHA-256 is kept (C30)."""

    class RoleName(models.TextChoices):
        READ_ONLY = "read-only"
        LICENSE_ISSUER = "license-issuer"
        SUPPORT = "support"
        MERCHANT_ONBOARD = "merchant-onboard"
        FULL_ADMIN = "full-admin"

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    role = models.CharField(max_length=16, choices=RoleName.choices)
    account = models.ForeignKey(
        Account,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="api_keys",
        help_text="Bound to one account: it sees that account's licenses and no others.",
    )
    created_by = models.CharField(max_length=80, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_on = models.DateField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    role__in=["read-only", "license-issuer", "support", "merchant-onboard", "full-admin"]
                ),
                name="api_key_role_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def state(self, at: datetime) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "live"


class SecondFactor(models.Model):
    """The authenticator app of one member of staff (TOTP, RFC 6238): a row is there once a code has proved it.

    A new app makes a new row, so whatever was passed with the old one counts no more.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="second_factor"
    )
    secret_sealed = models.BinaryField()
    last_step = models.BigIntegerField(help_text="Time step of the newest code taken: none is taken twice.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="Wrong codes since the last right one.")
    failed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"second factor of user {self.user_id}"


class RecoveryCode(models.Model):
    """One of the codes that stand in for a lost authenticator app, each once. Only its SHA-256 is kept."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="codes", db_index=False)
    code_sha256 = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["factor", "code_sha256"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class IdempotentRequest(models.Model):
    """The stored answer to an `Idempotency-Key` of one client, committed together with what the call did."""

    client = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField()
    answer = models.BinaryField(help_text="Headers and body, sealed: an answer may hold a license.")
    started_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "key"], name="idempotency_key_once_a_client")
        ]
        # the sweep that forgets old keys
        indexes = [models.Index(fields=["started_at"], name="idempotent_started")]

    def __str__(self) -> str:
        return f"{self.client} {self.key}"
