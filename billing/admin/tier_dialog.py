"""The button "Change plan" on the page of a license (C29): what a buyer would pay stands there before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminSelectWidget

from billing.admin.subscriptions import money
from billing.domain.changes import SAYS, ChangeQuote
from billing.domain.enums import TierChangeState
from billing.models import Offer, TierChange
from billing.selectors.orders import subscription_of
from billing.services.tier_changes import FROM_PLAN, RENEWING
from billing.services.tier_orders import tier_change_force
from billing.tier_errors import TierRefused, TierUnknown
from billing.tiers import offer_for, tier_quote
from config.kit.display import instant
from config.kit.errors import Refusal
from config.kit.forms import ServiceForm, posted, select, switch
from licenses.admin.pages import done
from licenses.admin.parts import Asked, Dialog, dialog_register
from licenses.domain.enums import LicenseStatus
from licenses.models import License, Plan
from licenses.services.amending import amendments

NOW, RENEWAL = "now", "renewal"
WHEN = [(NOW, "Now"), (RENEWAL, "With the next renewal")]


class TierForm(ServiceForm):
    WIDE = ("plan",)

    plan = forms.ModelChoiceField(
        label="New plan", queryset=Plan.objects.none(), widget=UnfoldAdminSelectWidget(),
        help_text="Any plan of the product, also one that is not sold any more.",
    )  # fmt: skip
    when = select("When", list(WHEN))
    reprice = switch(
        "Charge its price from the next period on",
        "The subscription pays what the new plan's offer costs. Otherwise its price stays.",
    )

    def __init__(self, data: Any, *, row: License) -> None:
        super().__init__(data)
        plans = Plan.objects.filter(product=row.product_id).exclude(pk=row.plan_id)
        field: Any = self.fields["plan"]
        field.queryset = plans.order_by("tier_rank", "name")
        field.label_from_instance = _plan_name
        cycle = subscription_of(row)
        if cycle is None or cycle.state not in RENEWING:
            del self.fields["reprice"]
        if row.expires_at is None:
            del self.fields["when"]


def _plan_name(plan: Plan) -> str:
    rank = "no rank" if plan.tier_rank is None else f"rank {plan.tier_rank}"
    shut = "" if plan.active and not plan.archived else ", closed"
    return f"{plan.name} ({rank}{shut})"


def _may(request: HttpRequest, _row: License | None) -> bool:
    return request.user.has_perm("billing.change_tier")


def _fits(row: License) -> bool:
    return row.status == LicenseStatus.ACTIVE and not row.is_legacy


def _says(_asked: Asked) -> tuple[str, ...]:
    return (
        "The license takes entitlements, limits, warning and grace from the new plan. Its seats stay.",
        "Online validation follows at once. Keys that are out stay as they are until another is issued.",
        "It is free of charge: to have the buyer pay, let the storefront ask for the change.",
    )


def _preview(asked: Asked, form: TierForm) -> Sequence[str]:
    plan: Plan = form.cleaned_data["plan"]
    changes = {name: getattr(plan, name) for name in FROM_PLAN}
    changed = [pair.says for pair in amendments(license=asked.row, changes=changes, at=asked.at)]
    when = "At once" if form.cleaned_data.get("when", NOW) == NOW else _at_renewal(asked.row)
    return [
        f"{when} the plan goes from {asked.row.plan.name} to {plan.name}.",
        *(changed or ["Limits and entitlements stay as they are."]),
        _for_a_buyer(asked, plan),
    ]


def _at_renewal(row: License) -> str:
    return f"With the next renewal, after {instant(row.expires_at)},"


def _for_a_buyer(asked: Asked, plan: Plan) -> str:
    """What the storefront would say to the same change."""
    try:
        quote = tier_quote(license=asked.row, offer=offer_for(asked.row, plan), at=asked.at).quote
    except TierRefused as refused:
        rules = (SAYS[rule] for rule in SAYS if str(rule) in {e["code"] for e in refused.members["errors"]})
        return f"A buyer could not do this: {' '.join(rules)}"
    except TierUnknown:
        return "A buyer could not do this: no offer sells that plan."
    except Refusal as refusal:
        return f"A buyer could not do this: {refusal.detail}"
    return f"A buyer would {_paying(quote)}"


def _paying(quote: ChangeQuote) -> str:
    if quote.effective_at is not None:
        return f"pay nothing now and get it on {instant(quote.effective_at)}."
    due = money(quote.due_minor, quote.currency)
    if quote.period is None:
        return f"pay the difference: {due}."
    whole = money(quote.difference_minor, quote.currency)
    return f"pay {due} now: {whole} for {quote.period.days_left} of {quote.period.days} days."


def _act(asked: Asked, form: TierForm) -> TierChange:
    data = form.cleaned_data
    plan: Plan = data["plan"]
    offer: Offer | None = offer_for(asked.row, plan) if data.get("reprice") else None
    return tier_change_force(
        license=asked.row, plan=plan, offer=offer, at_renewal=data.get("when") == RENEWAL, actor=asked.actor,
        at=asked.at,
    )  # fmt: skip


def _done(asked: Asked, change: TierChange) -> HttpResponse:
    said = f"The plan is {change.to_plan.name} now."
    if change.state == TierChangeState.SCHEDULED:
        said = f"The plan becomes {change.to_plan.name} with the next renewal."
    messages.success(asked.request, said)
    return done(asked.row)


dialog_register(
    Dialog(
        slug="tier", title="Change plan", icon="swap_vert", order=55, submit="Change the plan", allowed=_may,
        fits=_fits, form=lambda asked: TierForm(posted(asked.request), row=asked.row), says=_says,
        preview=_preview, act=_act, done=_done,
    )
)  # fmt: skip
