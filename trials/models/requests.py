"""Who asked for a trial, and who has had one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account
from config.kit import ids
from config.kit.clock import now
from trials.models.programs import TrialProgram
from trials.models.trials import Trial


class TrialRequest(models.Model):
    """One request on its way to a trial: the code by mail, the operator's word, the license."""

    class State(models.TextChoices):
        UNVERIFIED = "unverified", "waits for its code"
        WAITING = "waiting", "waits for approval"
        MORE_ASKED = "more_asked", "asked for more"
        GRANTED = "granted"
        DENIED = "denied"
        LAPSED = "lapsed", "lapsed without a code"
        REFUSED = "refused", "refused: has had its trial"

    uid = models.UUIDField(unique=True, default=ids.uuid7, editable=False)
    program = models.ForeignKey(TrialProgram, on_delete=models.PROTECT, related_name="requests")
    state = models.CharField(max_length=10, choices=State.choices)
    email = models.EmailField(help_text="As it was typed.")
    address = models.EmailField(
        help_text="The canonical address: case, dots and plus by the provider's rule."
    )
    address_proven = models.BooleanField(
        default=False, help_text="By its code, or by the storefront that vouches for it."
    )
    name = models.CharField(max_length=150, blank=True)
    company = models.CharField(max_length=200, blank=True)
    domain = models.CharField(max_length=253, blank=True)
    group = models.CharField(max_length=63, blank=True, help_text="The account that a storefront named.")
    answers = models.JSONField(default=dict, blank=True)
    terms_version = models.CharField(max_length=40, blank=True)
    terms_accepted_at = models.DateTimeField(null=True)
    first_touch = models.JSONField(default=dict, blank=True)
    last_touch = models.JSONField(default=dict, blank=True)
    code_sha256 = models.CharField(max_length=64, blank=True)
    code_until = models.DateTimeField(null=True)
    code_tries = models.PositiveSmallIntegerField(default=0)
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="trial_requests"
    )
    trial = models.ForeignKey(Trial, null=True, blank=True, on_delete=models.PROTECT, related_name="requests")
    decided_by = models.CharField(max_length=80, blank=True)
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=1000, blank=True, help_text="What the requester was told.")
    created_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "unverified",
                        "waiting",
                        "more_asked",
                        "granted",
                        "denied",
                        "lapsed",
                        "refused",
                    ]
                ),
                name="trial_request_state_known",
            )
        ]
        indexes = [
            # the operator's queue
            models.Index(fields=["state", "-id"], name="trial_request_state"),
            # the requests of one person
            models.Index(fields=["address", "-id"], name="trial_request_address"),
            # the funnel by period
            models.Index(fields=["created_at"], name="trial_request_created"),
        ]

    def __str__(self) -> str:
        return f"Request of {self.email}"


class TrialUse(models.Model):
    """That an address or a company has had its trial. Outlives the account: no relation, no address in clear."""

    program = models.ForeignKey(TrialProgram, on_delete=models.CASCADE, related_name="uses")
    subject_sha256 = models.CharField(
        max_length=64, help_text="Keyed hash of the canonical address or of the company's domain."
    )
    until = models.DateTimeField(help_text="The end of the cooldown.")
    used_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["program", "subject_sha256"], name="trial_use_once_a_subject")
        ]

    def __str__(self) -> str:
        return f"{self.program_id} until {self.until:%Y-%m-%d}"
