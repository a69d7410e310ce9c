"""The vocabulary of evidence. Every list is closed; another word is refused (B3, B4, B14, B22-B25)."""

from __future__ import annotations

from enum import StrEnum


class StageName(StrEnum):
    """The chain, in its order (B2)."""

    ACCESS = "access"
    EXPIRY = "expiry"
    FOLLOW_UP = "follow_up"
    CONVERSION = "conversion"
    ACTIVATION = "activation"
    CLOSEOUT = "closeout"
    RENEWAL_OUTCOME = "renewal_outcome"


class State(StrEnum):
    """What the gates say of a package. Computed, never typed in (B13)."""

    BLOCKED = "blocked"
    READY = "ready"


class AccessChannel(StrEnum):
    PRIVATE_GHCR = "private_ghcr"
    PRIVATE_BINARY = "private_binary"
    HOSTED_SAAS = "hosted_saas"


class ReleaseApproval(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class ExpiryOutcome(StrEnum):
    """How access ended, or went on (B4)."""

    REVOKED = "revoked"
    RENEWED = "renewed"
    ESCALATED = "escalated"


class RenewalTerm(StrEnum):
    """Whether what a trial was renewed with ends (B5)."""

    LIMITED = "limited"
    PERPETUAL = "perpetual"


GOES_ON = frozenset({ExpiryOutcome.RENEWED, ExpiryOutcome.ESCALATED})


class NotificationChannel(StrEnum):
    """How the evaluator is told (B14)."""

    EMAIL = "email"
    CUSTOMER_SUCCESS = "customer_success"
    SUPPORT_TICKET = "support_ticket"
    CRM_TASK = "crm_task"


class DeliveryState(StrEnum):
    """How far a notification has come (B18)."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


class HandoffKind(StrEnum):
    """To whom a trial is handed (B15)."""

    CUSTOMER_SUCCESS = "customer_success"
    SALES = "sales"
    SUPPORT = "support"


class TrackingKind(StrEnum):
    """Where a handoff is followed: in the CRM here, in a support desk, or elsewhere by reference (B15)."""

    CRM_TASK = "crm_task"
    SUPPORT_TICKET = "support_ticket"
    EXTERNAL = "external"


class Readiness(StrEnum):
    PENDING = "pending"
    READY = "ready"


class Consent(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class Target(StrEnum):
    """What a conversion leads to (B22)."""

    PAID_PILOT = "paid_pilot"
    PRODUCTION = "production"


class BillingStatus(StrEnum):
    PENDING = "pending"
    INVOICED = "invoiced"
    PAID = "paid"
    NOT_BILLED = "not_billed"


class RenewalOutcome(StrEnum):
    """What became of the relation (B24)."""

    RENEWED = "renewed"
    EXPANDED = "expanded"
    DEFERRED = "deferred"
    CLOSED_LOST = "closed_lost"


class AccessCheck(StrEnum):
    """What must be closed to a trial that has ended (B25)."""

    LICENSE_VALIDATION = "license_validation"
    PACKAGE_PULL = "package_pull"
    TRIAL_PORTAL_ACCESS = "trial_portal_access"
    REPORT_RENDER = "report_render"
    SUPPORT_HANDOFF = "support_handoff"


class CheckResult(StrEnum):
    """What a check found. The expected result is always `blocked`."""

    BLOCKED = "blocked"
    ALLOWED = "allowed"
