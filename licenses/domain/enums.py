"""The closed lists of words that licenses are described with."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a license is for (D2); a test key is not a trial."""

    COMMERCIAL = "commercial"
    TRIAL = "trial"
    TEST = "test"


class Edition(StrEnum):
    """What a license unlocks (A1)."""

    COMMUNITY = "community"
    ENTERPRISE = "enterprise"


class LicenseStatus(StrEnum):
    """State of the live right (C25); ``revoked`` is final."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Format(StrEnum):
    """How one claims object is written down."""

    JWT = "jwt"
    LIC1 = "lic1"
    ENVELOPE = "envelope"


class Posture(StrEnum):
    """How a deployment runs at an instant (A6)."""

    TRIAL = "trial"
    VALID = "valid"
    WARNING = "warning"
    GRACE = "grace"
    READ_ONLY = "read_only"
    INVALID = "invalid"


class DeploymentKind(StrEnum):
    """What an installation is without a license (A7)."""

    COMMUNITY = "community"
    ENTERPRISE = "enterprise"


class NodeCapState(StrEnum):
    """How far an over-cap episode has come (A15), lowest first."""

    WITHIN = "within"
    QUIET = "quiet"
    NOTICE = "notice"
    ESCALATED = "escalated"


class KeyState(StrEnum):
    """Life of a signing key: staged (published), active (signs), retired (still verifies), revoked."""

    STAGED = "staged"
    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


class Algorithm(StrEnum):
    """Signature algorithms, by the name that is emitted in headers."""

    RS256 = "RS256"
    EDDSA = "EdDSA"


class ReleaseChannel(StrEnum):
    """How far a release is tried, the most tried first."""

    STABLE = "stable"
    CANDIDATE = "candidate"
    BETA = "beta"
    NIGHTLY = "nightly"
