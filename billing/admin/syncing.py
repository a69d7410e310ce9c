"""The button that tells Stripe of the catalogue (E33): what differs stands there before it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from billing.domain.syncing import Do, Step
from billing.models import Offer
from billing.services.syncing import catalogue_sync
from config.kit import actors
from config.kit.admin import tell
from config.kit.clock import now
from config.kit.errors import Refusal
from config.kit.forms import ServiceForm, posted
from config.kit.pages import form_page

SYNC = "billing.sync_stripe"
TITLE = "Sync to Stripe"
TEMPLATE = "admin/signet/sync.html"
SAME = "Stripe has all of it already: nothing is to be done."
SAYS = (
    "Stripe's products, prices, coupons and promotion codes are set to what stands here.",
    "A changed price becomes a new one under the same lookup key; subscriptions that run keep theirs.",
)


class SyncButton:
    """Beside the title of the list of offers. Mix it into an admin whose `actions_list` names `sync`."""

    def has_sync_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return request.user.has_perm(SYNC)

    @action(description=TITLE, icon="sync", url_path="sync", permissions=["sync"])  # type: ignore[untyped-decorator] # unfold ships no types
    def sync(self, request: HttpRequest) -> HttpResponse:
        """Compare and show; with the button pressed, tell. Stripe is asked outside any transaction."""
        form = ServiceForm(posted(request))
        back = reverse("admin:billing_offer_changelist")
        actor = actors.user(request.user)
        done = form.submit(request, lambda _data: catalogue_sync(actor=actor, at=now()))
        if done is not None:
            report(request, done)
            return HttpResponseRedirect(back)
        try:
            steps = catalogue_sync(actor=actor, at=now(), dry_run=True)
        except Refusal as refusal:
            tell(request, refusal)
            return HttpResponseRedirect(back)
        changing = [step for step in steps if step.changing]
        return form_page(
            request, form, title=TITLE, submit=f"Tell Stripe ({len(changing)})", back=back, opts=Offer._meta,
            consequences=SAYS if changing else (SAME,), template=TEMPLATE, steps=steps, changing=changing,
        )  # fmt: skip


def report(request: HttpRequest, steps: Sequence[Step]) -> None:
    """What was done, and what Stripe would not have."""
    for step in steps:
        if step.do == Do.REFUSED:
            messages.error(request, f"Stripe refused {step.what} {step.name}: {step.reason}")
    changed = sum(step.changing for step in steps)
    if changed:
        messages.success(request, f"Stripe was told: {changed} change{'s' if changed > 1 else ''}.")
    elif not any(step.do == Do.REFUSED for step in steps):
        messages.info(request, SAME)
