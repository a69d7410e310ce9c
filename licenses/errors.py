"""Refusals of the license office. Their codes are part of the API."""

from __future__ import annotations

from config.kit.errors import Conflict, Invalid, NotFound, Unavailable


class LicenseRevoked(Conflict):
    """A27: a revoked license is neither issued nor renewed."""

    code = "license_revoked"
    title = "This license has been revoked."


class AlreadyRevoked(Conflict):
    code = "already_revoked"
    title = "This license was revoked before; nothing has changed."


class LicenseSuspended(Conflict):
    code = "license_suspended"
    title = "This license is suspended; reinstate it first."


class NotSuspended(Conflict):
    code = "license_not_suspended"
    title = "This license is not suspended."


class ChangedMeanwhile(Conflict):
    """Whoever decided had looked at the license as it was before somebody else's change."""

    code = "license_changed"
    title = "The license was changed meanwhile. Look at it again: nothing was changed now."


class LicenseExpired(Conflict):
    code = "license_expired"
    title = "This license and its grace period have ended; renew it first."


class LicensePerpetual(Conflict):
    code = "license_perpetual"
    title = "A perpetual license has no end that could be moved."


class LegacyLicense(Conflict):
    """D1: a license of the older tool is a record; it cannot be signed again."""

    code = "license_legacy"
    title = "This license comes from an older tool and cannot be signed."


class RenewalNotLater(Invalid):
    """A26: the new end must be later than the old one."""

    code = "renewal_not_later"
    title = "The new end is not later than the present one."


class FormatUnsuitable(Conflict):
    code = "format_unsuitable"
    title = "This format cannot carry what the license says."


class UnknownProduct(NotFound):
    code = "unknown_product_key"
    title = "There is no product with this product key."
    status = 400


class UnknownPlan(NotFound):
    code = "unknown_plan"
    title = "The product has no plan of this code."
    status = 400


class UnknownAccount(NotFound):
    """D3: a license always belongs to an account that existed before."""

    code = "unknown_account"
    title = "There is no account of this name. Create the account first."
    status = 400


class PlanClosed(Conflict):
    code = "plan_archived"
    title = "This plan is archived or not active; licenses are no longer cut from it."


class NoSigningKey(Unavailable):
    code = "no_signing_key"
    title = "No active signing key serves this product and format."


class KeyTooYoung(Conflict):
    """A staged key becomes active only when every deployment has had time to fetch it."""

    code = "key_too_young"
    title = "The staged key has not been published for long enough."


class KeyStateWrong(Conflict):
    code = "key_state_wrong"
    title = "The key is not in a state that allows this."


class KeyInUse(Conflict):
    code = "key_in_use"
    title = "Licenses signed with this key are still live."


class KeyExists(Conflict):
    code = "key_exists"
    title = "This key is already known."


class ArtifactNotKept(NotFound):
    code = "artifact_not_kept"
    title = "The text of this license was not kept. Issue it again."


class TooManyMachines(Conflict):
    """C24: a hard limit; `limit` and `used` say where it stands."""

    code = "too_many_machines"
    title = "The license has no place left for another machine."


class TooManyCollectors(Conflict):
    """D21: collector N+1."""

    code = "too_many_collectors"
    title = "The license has no place left for another collector."


class BoundToAnother(Conflict):
    code = "fingerprint_mismatch"
    title = "The license is bound to another machine."


class NotActivated(NotFound):
    code = "not_activated"
    title = "This machine or collector holds no place under the license."


class CheckedOut(Conflict):
    code = "checked_out"
    title = "The place is checked out offline until its end; only the vendor can free it before."


class UnknownRelease(NotFound):
    code = "unknown_release"
    title = "The product has no release of this version."


class ReleaseWithdrawn(Conflict):
    code = "release_withdrawn"
    title = "This release has been withdrawn; publish another version."
