"""Why evidence is not written or decided."""

from __future__ import annotations

from config.kit.errors import Conflict, Forbidden, NotFound


class NoPackage(NotFound):
    code = "no_evidence_package"
    title = "There is no such package of evidence."


class PredecessorMissing(Conflict):
    """B2: a stage begins with the package of the one before."""

    code = "predecessor_missing"
    title = "The stage before has no package yet."


class PackageBlocked(Conflict):
    """What is blocked is not approved; `blockers` has the codes."""

    code = "package_blocked"
    title = "This package is blocked: clear its blockers before it is decided."


class OwnPackage(Forbidden):
    """B19: four eyes."""

    code = "four_eyes"
    title = "Whoever wrote a package does not approve it."


class DigestDiffers(Conflict):
    """B8, B19: the package changed since it was read."""

    code = "digest_differs"
    title = "The package changed since you read it. Read it again, then decide."


class DeliveryKnown(Conflict):
    """B18: how far a mail came is said by its send log, and nothing that was sent is queued again."""

    code = "delivery_known"
    title = "How far this notification came is known already."


class AlreadyApproved(Conflict):
    code = "already_approved"
    title = "This version is approved already."


class NotSuperseded(Conflict):
    code = "not_latest"
    title = "A later version of this package exists."
