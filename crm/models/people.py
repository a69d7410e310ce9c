"""Who is behind an account: people, their addresses, where they came from, and what their deployments say.

Columns that name rows of other rooms bind nothing in the database (`db_constraint=False`): with this app taken out
of an installation its tables stay, and the rest must go on changing and deleting rows without knowing of them.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Account
from config.kit import ids
from config.kit.clock import now
from crm.domain.words import Consent, Origin
from licenses.models import License
from licenses.models.catalogue import choices


class Person(models.Model):
    """One human being we know by address. `email` is the address to write to, one of `emails`.

    A person who was merged into another stays as a row that names the other; its addresses moved.
    `engagement` to `cap_state` are what the deployments of the person's licenses say, written on change only (A20).
    """

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=150, blank=True)
    email = models.EmailField(blank=True, help_text="Where to write to, as it was typed.")
    company = models.CharField(max_length=200, blank=True)
    job_title = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    account = models.ForeignKey(
        Account,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="people",
        db_constraint=False,
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="people",
        db_constraint=False,
    )
    consent = models.CharField(max_length=9, choices=choices(Consent), default=Consent.UNKNOWN)
    consent_at = models.DateTimeField(null=True, blank=True, editable=False)
    origin = models.CharField(max_length=8, choices=choices(Origin), default=Origin.STAFF, editable=False)
    # A23: the first is never overwritten, the last is kept beside it
    first_source = models.CharField(max_length=60, blank=True)
    first_medium = models.CharField(max_length=60, blank=True)
    first_campaign = models.CharField(max_length=60, blank=True)
    first_touch_at = models.DateTimeField(null=True, blank=True)
    last_source = models.CharField(max_length=60, blank=True)
    last_medium = models.CharField(max_length=60, blank=True)
    last_campaign = models.CharField(max_length=60, blank=True)
    last_touch_at = models.DateTimeField(null=True, blank=True)
    # A20
    engagement = models.CharField(max_length=11, blank=True, help_text="Of the newest trial.")
    last_seen_at = models.DateTimeField(null=True, blank=True)
    version = models.CharField(max_length=64, blank=True, help_text="Of the installation seen last.")
    operating_system = models.CharField(max_length=64, blank=True)
    nodes = models.PositiveIntegerField(null=True, blank=True, help_text="Of all installations together.")
    cap_state = models.CharField(max_length=9, blank=True, help_text="The furthest of all installations.")
    facts_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When these changed last."
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="merged"
    )
    merged_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    changed_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name_plural = "people"
        constraints = [
            models.CheckConstraint(condition=~Q(name="") | ~Q(email=""), name="person_is_called_something"),
            models.CheckConstraint(
                condition=Q(consent__in=["unknown", "given", "withdrawn"]), name="person_consent_known"
            ),
        ]
        # the orders and the filters of the list, each newest first
        indexes = [
            models.Index(fields=["name", "-id"], name="person_by_name"),
            models.Index(fields=["engagement", "-id"], name="person_engagement"),
            models.Index(fields=["cap_state", "-id"], name="person_cap_state"),
            models.Index(fields=["consent", "-id"], name="person_consent"),
            models.Index(fields=["origin", "-id"], name="person_origin"),
            models.Index(fields=["first_source", "-id"], name="person_first_source"),
            models.Index(fields=["last_seen_at", "-id"], name="person_last_seen"),
            # what changed since: the way out of here
            models.Index(fields=["changed_at", "id"], name="person_changed"),
        ]
        permissions = [
            ("manage_people", "Can write, edit and merge people and write notes on them"),
            ("erase_people", "Can erase people for good"),
        ]

    def __str__(self) -> str:
        return self.name or self.email


class PersonEmail(models.Model):
    """An address by which one person is known, and nobody else. `address` is its canonical form (A21)."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="emails")
    address = models.EmailField(unique=True)
    email = models.EmailField(help_text="As it was typed.")
    created_at = models.DateTimeField(default=now)

    class Meta:
        default_permissions = ()
        verbose_name = "address"
        verbose_name_plural = "addresses"

    def __str__(self) -> str:
        return self.email


class FormerAddress(models.Model):
    """An address that a person had until then, or that an erased person had: nobody's name, only a keyed hash.

    What happened before then is that person's, or nobody's, however often history is read again.
    """

    digest = models.CharField(max_length=64, db_index=True)
    person = models.ForeignKey(
        Person,
        null=True,
        on_delete=models.CASCADE,
        related_name="former_addresses",
        help_text="None: erased.",
    )
    until = models.DateTimeField()

    class Meta:
        default_permissions = ()
        verbose_name_plural = "former addresses"

    def __str__(self) -> str:
        return self.digest[:12]


class PersonLicense(models.Model):
    """A license that a person asked for, bought or looks after: what it says is said of this person (A20)."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="licenses", db_index=False)
    license = models.ForeignKey(License, on_delete=models.CASCADE, related_name="people", db_constraint=False)
    created_at = models.DateTimeField(default=now)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["person", "license"], name="person_license_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.license_id}"


class Touchpoint(models.Model):
    """One entry of a known person from a campaign (A23). `key` says where it was told, so that it counts once."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="touchpoints", db_index=False)
    key = models.CharField(max_length=120, unique=True)
    source = models.CharField(max_length=60, blank=True)
    medium = models.CharField(max_length=60, blank=True)
    campaign = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [
            # those of a person in their order: the first and the last
            models.Index(fields=["person", "at", "id"], name="touchpoint_person"),
        ]

    def __str__(self) -> str:
        return f"{self.source}/{self.medium}/{self.campaign}"


class PersonNote(models.Model):
    """What staff write down about a person. Only its author may change or delete it."""

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="notes", db_index=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    text = models.TextField(max_length=10_000)
    created_at = models.DateTimeField(default=now)
    edited_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        # the timeline of a person, newest first
        indexes = [models.Index(fields=["person", "-created_at"], name="person_note_timeline")]

    def __str__(self) -> str:
        return self.text[:60]
