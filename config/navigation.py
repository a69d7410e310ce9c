"""The menu of the admin. An entry shows only to who may open it; a group without entries is left out.

Sections that rooms add of themselves stand in `config.kit.navigation`.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from config import attention_page, mail_files
from config.kit.navigation import Entry, Group
from config.kit.navigation import groups as menu_groups
from config.kit.navigation import needs as _needs

MENU: tuple[Group, ...] = (
    # first and without a title: its number is to be seen wherever one is
    ("", (Entry("Needs attention", "notification_important", "admin:attention", attention_page.may_look),)),
    (
        "License office",
        (
            Entry(
                "Licenses", "license", "admin:licenses_license_changelist", _needs("licenses.view_license"),
                besides=("admin:licenses_license_test_key", "admin:licenses_license_inspect"),
            ),
            Entry("New test key", "bolt", "admin:licenses_license_test_key", _needs("licenses.create_test")),
            Entry(
                "Inspect a key", "fact_check", "admin:licenses_license_inspect",
                _needs("licenses.view_license"),
            ),
            Entry(
                "Issuances", "history_edu", "admin:licenses_issuance_changelist",
                _needs("licenses.view_issuance"),
            ),
            Entry(
                "Installations", "dns", "admin:licenses_installation_changelist",
                _needs("licenses.view_installation"),
            ),
            Entry(
                "Releases", "deployed_code_update", "admin:licenses_release_changelist",
                _needs("licenses.view_release"),
            ),
            Entry("Usage", "speed", "admin:licenses_licenseusage_changelist", _needs("licenses.view_license")),
            Entry(
                "Generate in bulk", "library_add", "admin:licenses_job_generate",
                _needs("licenses.create_commercial", "licenses.create_test"),
            ),
            Entry("Import", "upload_file", "admin:licenses_job_import", _needs("licenses.create_commercial")),
            Entry(
                "Jobs", "checklist", "admin:licenses_job_changelist", _needs("licenses.view_job"),
                besides=("admin:licenses_job_generate", "admin:licenses_job_import"),
            ),
        ),
    ),
    (
        "Catalogue",
        (
            Entry(
                "Products", "inventory_2", "admin:licenses_product_changelist",
                _needs("licenses.view_product"),
            ),
            Entry("Plans", "sell", "admin:licenses_plan_changelist", _needs("licenses.view_plan")),
            Entry("Presets", "tune", "admin:licenses_preset_changelist", _needs("licenses.view_preset")),
        ),
    ),
    (
        "Sales",
        (
            Entry(
                "Offers", "storefront", "admin:billing_offer_changelist",
                _needs("billing.view_offer", "billing.manage_catalogue"),
            ),
            Entry(
                "Coupons", "confirmation_number", "admin:billing_coupon_changelist",
                _needs("billing.view_coupon", "billing.manage_catalogue"),
            ),
            Entry(
                "Merchants", "account_balance", "admin:billing_merchantprofile_changelist",
                _needs("billing.view_merchantprofile", "billing.manage_catalogue"),
            ),
            Entry(
                "Revenue", "monitoring", "admin:billing_payment_revenue", _needs("billing.view_revenue"),
            ),
            Entry(
                "Payments", "payments", "admin:billing_payment_changelist", _needs("billing.view_payment"),
                besides=("admin:billing_payment_revenue",),
            ),
            Entry(
                "Checkouts", "shopping_cart", "admin:billing_checkout_changelist",
                _needs("billing.view_checkout"),
            ),
            Entry(
                "Subscriptions", "autorenew", "admin:billing_subscription_changelist",
                _needs("billing.view_subscription"),
            ),
            Entry(
                "Tier changes", "swap_vert", "admin:billing_tierchange_changelist",
                _needs("billing.view_tierchange"),
            ),
            Entry(
                "Stripe events", "inbox", "admin:billing_stripeevent_changelist",
                _needs("billing.view_stripeevent"),
            ),
        ),
    ),
    (
        "Customers",
        (
            Entry(
                "Accounts", "domain", "admin:accounts_account_changelist",
                _needs("accounts.view_account", "accounts.manage_account"),
            ),
        ),
    ),
    (
        "Trials",
        (
            Entry("Board", "view_kanban", "admin:trials_trial_board", _needs("trials.view_trial")),
            Entry(
                "Requests", "move_to_inbox", "admin:trials_trialrequest_changelist",
                _needs("trials.view_trialrequest"),
            ),
            Entry(
                "Trials", "hourglass_top", "admin:trials_trial_changelist", _needs("trials.view_trial"),
                besides=("admin:trials_trial_board", "admin:trials_trial_funnel"),
            ),
            Entry("Funnel", "filter_alt", "admin:trials_trial_funnel", _needs("trials.view_trial")),
            Entry(
                "Evidence", "fact_check", "admin:trials_evidencepackage_board",
                _needs("trials.view_evidencepackage"),
            ),
            Entry(
                "Approver's inbox", "gavel", "admin:trials_evidencepackage_inbox",
                _needs("trials.view_evidencepackage"),
            ),
            Entry(
                "Programs", "rule", "admin:trials_trialprogram_changelist",
                _needs("trials.view_trialprogram", "trials.change_trialprogram"),
            ),
            Entry(
                "Trial mail", "schedule_send", "admin:notifications_dripstep_changelist",
                _needs("notifications.view_expirydigest", "accounts.configure_notification"),
            ),
        ),
    ),
    (
        "Mail",
        (
            Entry(
                "Messages", "outgoing_mail", "admin:notifications_message_changelist",
                _needs("notifications.view_message"), besides=("admin:notifications_templates",),
            ),
            Entry(
                "Suppressions", "block", "admin:notifications_suppression_changelist",
                _needs("notifications.view_suppression"),
            ),
            Entry(
                "Template gallery", "gallery_thumbnail", "admin:notifications_templates",
                _needs("notifications.view_message"),
            ),
            Entry(
                "Expiry digests", "calendar_clock", "admin:notifications_expirydigest_changelist",
                _needs("notifications.view_expirydigest", "accounts.configure_notification"),
            ),
            Entry(
                "Customer notices", "notifications", "admin:notifications_noticepolicy_changelist",
                _needs("notifications.view_expirydigest", "accounts.configure_notification"),
            ),
        ),
    ),
    (
        "Integrations",
        (
            Entry(
                "Webhooks", "webhook", "admin:notifications_webhookendpoint_changelist",
                _needs("notifications.view_webhookendpoint", "notifications.manage_webhook"),
            ),
            Entry(
                "Deliveries", "outbox", "admin:notifications_delivery_changelist",
                _needs("notifications.view_delivery", "notifications.manage_webhook"),
            ),
            Entry(
                "Event bus", "conversion_path", "admin:notifications_busmessage_changelist",
                _needs("notifications.view_busmessage"),
            ),
        ),
    ),
    (
        "Access",
        (
            Entry("Users", "group", "admin:accounts_user_changelist", _needs("accounts.view_user")),
            Entry("Roles", "badge", "admin:accounts_role_changelist", _needs("accounts.view_role")),
            Entry(
                "API keys", "key", "admin:accounts_apikey_changelist",
                _needs("accounts.view_apikey", "accounts.manage_credentials"),
            ),
        ),
    ),
    (
        "Trust",
        (
            Entry(
                "Signing keys", "encrypted", "admin:licenses_signingkey_changelist",
                _needs("licenses.view_signingkey", "licenses.rotate_signingkey"),
            ),
            Entry(
                "License of this installation", "workspace_premium", "admin:own_license",
                _needs("licenses.activate_selflicense"),
            ),
            Entry("History", "history", "admin:history_event_changelist", _needs("history.view_event")),
            Entry(
                "Checkpoints", "verified", "admin:history_checkpoint_changelist",
                _needs("history.view_checkpoint"),
            ),
            Entry(
                "Parked events", "report", "admin:history_parkedevent_changelist",
                _needs("history.view_parkedevent"),
            ),
        ),
    ),
    ("System", (Entry("Mail files", "mail", "admin:mail_files", mail_files.may_look),)),
)  # fmt: skip


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the menu for one request."""
    found = (
        {"title": title, "items": [entry.item(request) for entry in entries if entry.allowed(request)]}
        for title, entries in menu_groups(MENU, request)
    )
    return [group for group in found if group["items"]]
