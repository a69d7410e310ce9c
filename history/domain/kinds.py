"""The closed list of what can happen. Adding a kind is adding a line; a kind is never renamed or reused."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """What an event says happened, and the sentence in which people read it."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> Self:
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.sentence = sentence
        return kind

    LICENSE_CREATED = "license.created", "A license was made for an account."
    LICENSE_ISSUED = "license.issued", "A signed snapshot of a license was made."
    LICENSE_RENEWED = "license.renewed", "A license got a later end."
    LICENSE_CHANGED = "license.changed", "A limit, an entitlement or a note of a license changed."
    LICENSE_REISSUED = (
        "license.reissued",
        "A license was signed again, with changed terms or under another key.",
    )
    LICENSE_SUSPENDED = "license.suspended", "A license stopped being valid for a while."
    LICENSE_REINSTATED = "license.reinstated", "A suspended license became valid again."
    LICENSE_REVOKED = "license.revoked", "A license ended for good before its time."
    LICENSE_DENIED = (
        "license.denied",
        "A deployment refused something under a license, such as one user too many.",
    )
    LICENSE_GRANTED = "license.granted", "A deployment took a license into use."
    LICENSE_CLEARED = "license.cleared", "A deployment removed its license."
    LICENSE_SENT = "license.sent", "A license was mailed to its customer."
    LICENSE_NOTED = "license.noted", "Staff wrote, changed or deleted a note on a license."
    POSTURE_CHANGED = "posture.changed", "A license moved between active, warning, grace and restricted."
    POSTURE_REPORTED = "posture.reported", "A deployment said that it runs in another posture."
    INSTALLATION_SEEN_FIRST = "installation.seen_first", "An installation reported for the first time."
    INSTALLATION_CHANGED = "installation.changed", "An installation changed its version or was set aside."
    ACTIVATION_ADDED = "activation.added", "A machine or collector took a place under a hard limit."
    ACTIVATION_RELEASED = "activation.released", "A machine or collector gave its place back."
    NODE_CAP_EXCEEDED = "node_cap.exceeded", "An installation began to run more nodes than licensed."
    NODE_CAP_ESCALATED = "node_cap.escalated", "Running over the node cap reached its next stage."
    NODE_CAP_CLEARED = "node_cap.cleared", "An installation is back under its node cap."
    KEY_CREATED = "key.created", "A signing key was generated."
    KEY_IMPORTED = "key.imported", "A signing key made elsewhere was brought in."
    KEY_STAGED = "key.staged", "A signing key was published ahead of its use."
    KEY_ACTIVATED = "key.activated", "A signing key began to sign."
    KEY_ROTATED = "key.rotated", "One signing key took over from another."
    KEY_RETIRED = "key.retired", "A signing key stopped signing and still verifies."
    KEY_REVOKED = "key.revoked", "A signing key is no longer trusted."
    KEY_CHANGED = "key.changed", "The products or the description of a signing key changed."
    CHECKPOINT_KEY_CREATED = (
        "checkpoint_key.created",
        "The key that signs the history's checkpoints was made.",
    )
    ACCOUNT_CREATED = "account.created", "A customer, prospect or internal account was opened."
    ACCOUNT_CHANGED = "account.changed", "An account's particulars changed."
    ACCOUNT_PROMOTED = "account.promoted", "A prospect became a customer."
    ACCOUNT_MERGED = "account.merged", "Everything one account owned became another's."
    ACCOUNT_DELETED = "account.deleted", "An account without licenses was removed."
    SELF_LICENSE_ACTIVATED = (
        "self_license.activated",
        "A key was activated as the license of this installation.",
    )
    SELF_LICENSE_CHANGED = (
        "self_license.changed",
        "What the license of this installation grants changed, or the state of its guard.",
    )
    SELF_LICENSE_REMOVED = "self_license.removed", "This installation goes on without a license."
    PRODUCT_CREATED = "product.created", "A product was added to the catalogue."
    PRODUCT_CHANGED = "product.changed", "A product or its entitlement catalogue changed."
    PLAN_CREATED = "plan.created", "A plan was added to a product."
    PLAN_CHANGED = "plan.changed", "A plan changed for the licenses still to come."
    PRESET_CREATED = "preset.created", "A preset of the quick-generate page was added."
    PRESET_CHANGED = "preset.changed", "A preset of the quick-generate page changed."
    RELEASE_PUBLISHED = "release.published", "A release of a product was put on the update server."
    RELEASE_CHANGED = "release.changed", "A release changed: its channel, its notes, or who may have it."
    RELEASE_WITHDRAWN = "release.withdrawn", "A release was taken back; nobody gets it any more."
    USER_CREATED = "user.created", "A member of staff got an account."
    USER_CHANGED = "user.changed", "A member of staff's account changed, or was switched off."
    USER_INVITED = "user.invited", "A member of staff got a link with which to choose a password."
    ROLE_CREATED = "role.created", "A role was made."
    ROLE_CHANGED = "role.changed", "What a role may do changed, or who holds it."
    API_KEY_CREATED = "api_key.created", "An API credential was made."
    API_KEY_REVOKED = "api_key.revoked", "An API credential stopped working."
    ARTIFACT_READ = "artifact.read", "Somebody saw or downloaded the text of a license."
    ARTIFACT_ERASED = "artifact.erased", "The kept texts of an ended license were removed."
    SETTING_CHANGED = "setting.changed", "A setting that staff can edit changed."
    JOB_STARTED = "job.started", "Staff started work over many rows."
    JOB_ENDED = "job.ended", "Work over many rows ended, and how."
    SECOND_FACTOR_ADDED = "second_factor.added", "A member of staff set up a second factor."
    SECOND_FACTOR_REMOVED = "second_factor.removed", "A second factor was taken away."
    RECOVERY_CODES_CREATED = (
        "recovery_codes.created",
        "New recovery codes took the place of a member of staff's old ones.",
    )
    SECOND_FACTOR_USED = "second_factor.used", "A recovery code was used in place of the second factor."
    MAIL_RESENT = "mail.resent", "Staff sent a mail again."
    SUPPRESSION_ADDED = "suppression.added", "An address is no longer written to."
    SUPPRESSION_LIFTED = "suppression.lifted", "Staff allowed mail to an address again."
    WEBHOOK_CREATED = "webhook.created", "An endpoint for outbound webhooks was added."
    WEBHOOK_CHANGED = "webhook.changed", "An endpoint changed, or was switched on or off."
    WEBHOOK_ROTATED = "webhook.rotated", "An endpoint got a new secret."
    WEBHOOK_DELETED = "webhook.deleted", "An endpoint was removed."
    WEBHOOK_REPLAYED = "webhook.replayed", "Staff sent deliveries to an endpoint again."
    BUS_RESENT = "bus.resent", "Staff had purchase events published on the bus again."
    ATTENTION_SET_ASIDE = "attention.set_aside", "Staff left a problem as it is; it is shown no more."
    ATTENTION_BROUGHT_BACK = "attention.brought_back", "Staff had a problem shown again."
    EVENT_RERUN = "event.rerun", "Staff ran an event again that a reader had failed on."
    TRIAL_PROGRAM_CHANGED = "trial_program.changed", "The rules of a trial program changed, or it was added."
    TRIAL_APPROVED = "trial.approved", "An operator granted a request for a trial."
    TRIAL_DENIED = "trial.denied", "An operator declined a request for a trial."
    TRIAL_MORE_ASKED = "trial.more_asked", "An operator asked a requester for more."
    TRIAL_ENGAGEMENT = "trial.engagement", "A trial became stuck, active, dormant or pilot-ready."
    TRIAL_ATTENTION = "trial.attention", "A trial began or ceased to wait for a person."
    TRIAL_REFUSED = "trial.refused", "A request came from somebody who has had the trial."
    TRIAL_LAPSED = "trial.lapsed", "A request for a trial lapsed: its code was never given."
    TRIAL_CONVERTED = "trial.converted", "A trial led to a purchase or a commercial license."
    TRIAL_NUDGED = "trial.nudged", "Staff wrote to somebody who is trying."
    TRIAL_ERASED = "trial.erased", "The kept texts of an ended trial were removed."
    DRIP_CHANGED = "drip.changed", "A step of the trial mail changed."
    TRIAL_REQUESTED = "trial.requested", "Somebody asked for a trial."
    TRIAL_STARTED = "trial.started", "A trial began."
    TRIAL_EXTENDED = "trial.extended", "A trial got more time."
    TRIAL_ENDED = "trial.ended", "A trial ended, and how."
    EVIDENCE_DRAFTED = "evidence.drafted", "A package of evidence was opened for a trial."
    EVIDENCE_CHANGED = "evidence.changed", "A package of evidence changed, or got its next version."
    EVIDENCE_READY = "evidence.ready", "Nothing blocks a package of evidence any more."
    EVIDENCE_BLOCKED = "evidence.blocked", "A package of evidence is blocked again."
    EVIDENCE_APPROVED = "evidence.approved", "A version of a package of evidence was approved."
    EVIDENCE_REJECTED = "evidence.rejected", "A version of a package of evidence was rejected."
    EVIDENCE_OVERDUE = "evidence.overdue", "The follow-up of a trial that ended is late: blocked for days."
    EVIDENCE_EXPORTED = "evidence.exported", "A public-safe export of evidence was made."
    EVALUATOR_NOTIFIED = "evaluator.notified", "The evaluator is to be told how a trial ended."
    EVALUATOR_DELIVERY = "evaluator.delivery", "How far the notification of an evaluator has come."
    GRACE_APPROVED = "grace.approved", "A trial got a period of grace."
    ACCESS_CHECKED = "access.checked", "It was tried whether a door is shut to a trial that ended."
    PAYMENT_SETTLED = "payment.settled", "Money for an order arrived."
    PAYMENT_MISMATCHED = "payment.mismatched", "The amount paid differs from the amount quoted."
    PAYMENT_FAILED = "payment.failed", "A payment did not go through."
    PAYMENT_REFUNDED = "payment.refunded", "Money went back to a buyer, in part or in whole."
    DISPUTE_OPENED = "dispute.opened", "A buyer's bank asked the money of a payment back."
    DISPUTE_CLOSED = "dispute.closed", "A dispute ended, and for whom."
    MERCHANT_CREATED = "merchant.created", "A merchant profile was added."
    MERCHANT_CHANGED = "merchant.changed", "A merchant profile changed."
    MERCHANT_DELETED = "merchant.deleted", "A merchant profile that nothing used was removed."
    OFFER_CREATED = "offer.created", "An offer was added to the catalogue."
    OFFER_CHANGED = "offer.changed", "An offer changed for the purchases still to come."
    COUPON_CREATED = "coupon.created", "A coupon was made."
    COUPON_CHANGED = "coupon.changed", "A coupon changed, or was switched on or off."
    COUPON_DELETED = "coupon.deleted", "A coupon that nobody had used was removed."
    CHECKOUT_OPENED = "checkout.opened", "An order began: units and coupon are held for it."
    CHECKOUT_ENDED = "checkout.ended", "An order ended without money; what it held is free again."
    SUBSCRIPTION_STARTED = "subscription.started", "A cycle of payments began."
    SUBSCRIPTION_CHANGED = (
        "subscription.changed",
        "A cycle of payments became past due, lapsed or was cancelled.",
    )
    TIER_CHANGE_QUOTED = "tier_change.quoted", "What another plan would cost was told, and is now awaited."
    TIER_CHANGE_SCHEDULED = "tier_change.scheduled", "A license changes its plan at its next renewal."
    TIER_CHANGE_APPLIED = "tier_change.applied", "A license moved to another plan."
    TIER_CHANGE_CANCELLED = "tier_change.cancelled", "A change of plan was given up."
    TIER_CHANGE_REVERTED = "tier_change.reverted", "A change of plan was undone: its money went back."
    MAINTENANCE_EXTENDED = "maintenance.extended", "A perpetual license may use new releases for longer."
    MAINTENANCE_WITHDRAWN = (
        "maintenance.withdrawn",
        "Paid maintenance was taken back: its money went back.",
    )
    STRIPE_EVENT_PARKED = "stripe_event.parked", "A webhook event of Stripe's waits for a person."
    STRIPE_EVENT_RERUN = "stripe_event.rerun", "Staff had a webhook event of Stripe's worked on again."
    SECTION_ACTIVATED = (
        "section.activated",
        "A section of the back office was switched on with a license key.",
    )
    SECTION_DEACTIVATED = (
        "section.deactivated",
        "A section of the back office was switched off; its data stays.",
    )
    PERSON_CREATED = "person.created", "Somebody wrote down a person."
    PERSON_CHANGED = "person.changed", "A person's particulars changed."
    PERSON_MERGED = "person.merged", "Two people turned out to be one."
    PERSON_ERASED = "person.erased", "A person was erased from the CRM, with addresses and notes."
    PERSON_NOTED = "person.noted", "Staff wrote, changed or deleted a note on a person."
    TASK_CREATED = "task.created", "Somebody wrote down a task."
    TASK_CHANGED = "task.changed", "A task was assigned, put off, finished or changed."
    TRAFFIC_COUNTED = "traffic.counted", "A day of anonymous visits is over and counted."
    CATALOGUE_SYNCED = "catalogue.synced", "Stripe was told of offers and coupons."
    CRM_CONNECTION_CREATED = "crm_connection.created", "An outside CRM was connected."
    CRM_CONNECTION_CHANGED = (
        "crm_connection.changed",
        "A connection to an outside CRM changed, was switched or paused.",
    )
    CRM_CONNECTION_DELETED = "crm_connection.deleted", "A connection to an outside CRM was removed."
    CRM_COMPARED = (
        "crm_connection.compared",
        "Staff had everything compared with an outside CRM, or stopped that.",
    )
    CRM_RETRIED = "crm_connection.retried", "Staff had records sent to an outside CRM again."
    CRM_CONFLICT_SETTLED = "crm_conflict.settled", "Staff decided about a field that two sides had changed."


KINDS: dict[str, Kind] = {kind.value: kind for kind in Kind}
