"""The roles of staff and what each may do (D15), and the roles of API keys and their scopes (C30).

Both are one table each. A staff role is a Django group of the same name, kept equal to the table by
`roles_sync` after every migration; groups of other names are left alone. The role superadmin is Django's
`is_superuser` and needs no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from accounts.models import ApiKey
from config.kit.api.permissions import Scope

LICENSE_MANAGER = "license manager"
ISSUER = "issuer"
BILLING = "billing"
SUPPORT = "support"
SALES = "sales"
CUSTOMER_SUCCESS = "customer success"
EVIDENCE_APPROVER = "evidence approver"
AUDITOR = "auditor"

SUPERADMIN = "May do everything, and alone gives roles, makes API keys and rotates signing keys."
# what staff read beside the check box
DESCRIPTIONS: dict[str, str] = {
    LICENSE_MANAGER: "Runs the office: makes, renews and revokes licenses of every kind; keeps catalogue, accounts, "
    "trials, digests and mail.",
    ISSUER: "Makes test keys and nothing else.",
    BILLING: "Keeps offers, coupons and payments, renews, suspends and reinstates licenses, keeps accounts. Reads no "
    "key.",
    SUPPORT: "Looks everything up, reads keys and history, sends mail again. Changes no license.",
    SALES: "Keeps accounts, runs trials and makes test keys. Reads no other key.",
    CUSTOMER_SUCCESS: "Keeps accounts, trials, installations, digests and mail. Makes no license.",
    EVIDENCE_APPROVER: "Sees accounts, licenses, trials and history, and approves evidence.",
    AUDITOR: "Sees everything, changes nothing, reads no key.",
}

_VIEW_ACCOUNTS = {"accounts.view_account"}
_VIEW_CATALOGUE = {f"licenses.view_{model}" for model in ("product", "plan", "preset", "release")}
_VIEW_LICENSES = {
    f"licenses.view_{model}"
    for model in ("license", "issuance", "renewal", "licensenote", "installation", "activation", "job")
}
_VIEW_TRIALS = {
    f"trials.view_{model}" for model in ("trial", "trialrequest", "trialprogram", "evidencepackage")
}
_MIND_INSTALLATIONS = {"licenses.change_installation", "licenses.change_activation"}  # set aside, release
_VIEW_OFFERS = {f"billing.view_{model}" for model in ("offer", "coupon", "merchantprofile")}
_VIEW_MONEY = {
    f"billing.view_{model}" for model in ("checkout", "payment", "subscription", "stripeevent", "tierchange")
} | {"billing.view_revenue"}
_WRITE_NOTES = {"licenses.add_licensenote"}  # and change one's own
_RUN_TRIALS = {"trials.approve_trial", "trials.manage_trial", "trials.edit_evidence"}
_VIEW_MAIL = {f"notifications.view_{model}" for model in ("message", "suppression", "expirydigest")}
_VIEW_BUS = {"notifications.view_busmessage"}
_VIEW_WEBHOOKS = {"notifications.view_webhookendpoint", "notifications.view_delivery"} | _VIEW_BUS
_VIEW_OFFICE = _VIEW_ACCOUNTS | _VIEW_CATALOGUE | _VIEW_LICENSES | _VIEW_TRIALS | _VIEW_OFFERS
_EDIT_CATALOGUE = {
    f"licenses.{verb}_{model}"
    for verb in ("add", "change")
    for model in ("product", "plan", "preset", "release")
}
_VIEW_HISTORY = {
    "history.view_event",
    "history.view_checkpoint",
    "history.view_reader",
    "history.view_parkedevent",
}
_VIEW_ACCESS = {"accounts.view_user", "accounts.view_role", "accounts.view_apikey"}

PERMISSIONS: dict[str, set[str]] = {
    LICENSE_MANAGER: _VIEW_OFFICE
    | _WRITE_NOTES
    | _MIND_INSTALLATIONS
    | _EDIT_CATALOGUE
    | _VIEW_MAIL
    | _VIEW_WEBHOOKS
    | _VIEW_MONEY
    | {
        *_RUN_TRIALS,
        "billing.manage_catalogue",
        "billing.change_tier",
        "trials.change_trialprogram",
        "notifications.resend_message",
        "accounts.manage_account",
        "accounts.configure_notification",
        "licenses.create_commercial",
        "licenses.create_test",
        "licenses.renew_license",
        "licenses.revoke_license",
        "licenses.see_key_text",
        "licenses.view_signingkey",
        "history.view_event",
    },
    # issues test keys and nothing else; who makes them reads them, and no key that was sold
    ISSUER: _VIEW_OFFICE | _WRITE_NOTES | {"licenses.create_test"},
    BILLING: _VIEW_OFFICE
    | _WRITE_NOTES
    | _VIEW_MONEY
    | _VIEW_BUS
    | {
        "accounts.manage_account",
        "licenses.renew_license",
        "billing.manage_catalogue",
        "billing.sync_stripe",
        "billing.refund_payment",
        "billing.change_tier",
    },
    SUPPORT: _VIEW_OFFICE
    | _WRITE_NOTES
    | _MIND_INSTALLATIONS
    | _VIEW_MAIL
    | {"licenses.see_key_text", "history.view_event", "notifications.resend_message"},
    SALES: _VIEW_OFFICE
    | _WRITE_NOTES
    | _VIEW_MONEY
    | _RUN_TRIALS
    | {"accounts.manage_account", "licenses.create_test"},
    CUSTOMER_SUCCESS: _VIEW_OFFICE
    | _WRITE_NOTES
    | _MIND_INSTALLATIONS
    | _VIEW_MAIL
    | {
        "trials.manage_trial",
        "trials.edit_evidence",
        "accounts.manage_account",
        "accounts.configure_notification",
        "notifications.resend_message",
    },
    EVIDENCE_APPROVER: _VIEW_OFFICE | {"history.view_event", "trials.approve_evidence"},
    # sees everything, changes nothing, reads no key
    AUDITOR: _VIEW_OFFICE
    | _VIEW_HISTORY
    | _VIEW_ACCESS
    | _VIEW_MAIL
    | _VIEW_WEBHOOKS
    | _VIEW_MONEY
    | {"licenses.view_signingkey"},
}

_READ = {
    Scope.LICENSES_READ,
    Scope.ACCOUNTS_READ,
    Scope.CATALOGUE_READ,
    Scope.KEYS_READ,
    Scope.TRIALS_READ,
    Scope.PAYMENTS_READ,
    Scope.CRM_READ,
}

SCOPES: dict[str, frozenset[Scope]] = {
    ApiKey.RoleName.READ_ONLY: frozenset(_READ | {Scope.HISTORY_READ}),
    ApiKey.RoleName.LICENSE_ISSUER: frozenset(
        _READ
        | {
            Scope.LICENSES_ISSUE,
            Scope.LICENSES_RENEW,
            Scope.ARTIFACTS_READ,
            Scope.TRIALS_REQUEST,
            Scope.CHECKOUT_CREATE,
        }
    ),
    ApiKey.RoleName.SUPPORT: frozenset(
        _READ
        | {
            Scope.LICENSES_RENEW,
            Scope.ARTIFACTS_READ,
            Scope.ACCOUNTS_WRITE,
            Scope.HISTORY_READ,
            Scope.TRIALS_MANAGE,
            Scope.CRM_WRITE,
        }
    ),
    ApiKey.RoleName.MERCHANT_ONBOARD: frozenset(_READ | {Scope.ACCOUNTS_WRITE, Scope.CATALOGUE_WRITE}),
    # all but the master-only ones
    ApiKey.RoleName.FULL_ADMIN: frozenset(
        _READ
        | {
            Scope.LICENSES_ISSUE,
            Scope.LICENSES_RENEW,
            Scope.LICENSES_REVOKE,
            Scope.ARTIFACTS_READ,
            Scope.ACCOUNTS_WRITE,
            Scope.CATALOGUE_WRITE,
            Scope.HISTORY_READ,
            Scope.WEBHOOKS_MANAGE,
            Scope.TRIALS_REQUEST,
            Scope.TRIALS_MANAGE,
            Scope.EVIDENCE_APPROVE,
            Scope.CHECKOUT_CREATE,
            Scope.CRM_WRITE,
        }
    ),
}


def permissions_register(permissions: Mapping[str, Iterable[str]]) -> None:
    """Let an app that may be left out give permissions to roles; to be called in its `ready`.

    Raises KeyError for a role that the table does not have.
    """
    for role, names in permissions.items():
        PERMISSIONS[role].update(names)


def roles_sync() -> None:
    """Make every group of the table with exactly its permissions; safe to repeat.

    Permissions of apps that are not installed are passed over: the next migration with them adds them.
    """
    known = _known(name for names in PERMISSIONS.values() for name in names)
    with transaction.atomic():
        for role, names in PERMISSIONS.items():
            group, _ = Group.objects.get_or_create(name=role)
            group.permissions.set(known[name] for name in names if name in known)


def _known(names: Iterable[str]) -> dict[str, Permission]:
    codenames = {name.partition(".")[2] for name in names}
    rows = Permission.objects.filter(codename__in=codenames).select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}": row for row in rows}
