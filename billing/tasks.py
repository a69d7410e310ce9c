"""Celery tasks: adapters over the services, safe to run late, twice and in parallel."""

from __future__ import annotations

from celery import shared_task

from billing.services.inbox import events_expire
from billing.services.maintenance import maintenance_go_on
from billing.services.processing import ACTOR, events_sweep
from billing.services.reaping import checkouts_reap
from billing.services.subscriptions import subscriptions_lapse
from billing.services.telling import tier_changes_tell
from billing.services.tier_changes import scheduled_sweep
from config.kit import actors, clock

TIER_ACTOR = actors.system("tier_changes")
MAINTENANCE_ACTOR = actors.system("maintenance")


@shared_task(name="billing.sweep_inbox")
def sweep_inbox() -> int:
    return events_sweep(clock=clock.now)


@shared_task(name="billing.lapse_subscriptions")
def lapse_subscriptions() -> int:
    return subscriptions_lapse(actor=ACTOR, at=clock.now())


@shared_task(name="billing.expire_events")
def expire_events() -> int:
    return events_expire(at=clock.now())


@shared_task(name="billing.checkouts_reap")
def reap_checkouts() -> int:
    """Every five minutes; a run that was missed is made up for by the next (C26)."""
    return checkouts_reap(at=clock.now())


@shared_task(name="billing.tier_changes_tell")
def tell_tier_changes() -> int:
    """After a change of tier, and every five minutes for what Stripe did not take."""
    return tier_changes_tell(at=clock.now())


@shared_task(name="billing.tier_changes_due")
def apply_tier_changes() -> int:
    """Every ten minutes: changes whose day has come without an invoice that would bring them (C29)."""
    return scheduled_sweep(actor=TIER_ACTOR, at=clock.now())


@shared_task(name="billing.maintenance_go_on")
def go_on_with_maintenance() -> int:
    """Daily, a week ahead; a run that was missed is made up for by the next (E32)."""
    return maintenance_go_on(actor=MAINTENANCE_ACTOR, at=clock.now())
