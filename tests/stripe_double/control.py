"""`/_control/…`: how tests make buyers, banks, clocks and networks do what they want. JSON in, JSON out."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import time
from typing import Any

from tests.stripe_double import cycles, money, sessions
from tests.stripe_double.hooks import post, signature
from tests.stripe_double.refusals import Refused
from tests.stripe_double.shapes import VERSIONS, shaped
from tests.stripe_double.store import Shape, Store
from tests.stripe_double.world import Fault, World

COMMANDS: dict[str, Callable[[World, Shape], Any]] = {}


def command(work: Callable[[World, Shape], Any]) -> Callable[[World, Shape], Any]:
    COMMANDS[work.__name__.replace("_", "-")] = work
    return work


def perform(world: World, name: str, given: Shape) -> Any:
    """Run one command. Raises Refused."""
    if name not in COMMANDS:
        raise Refused(404, f"No such command; there are {', '.join(sorted(COMMANDS))}.")
    return COMMANDS[name](world, given)


def _shown(store: Store, shape: Shape) -> Shape:
    return store.shown(shape)


# --- buyers and banks -----------------------------------------------------------------------------


@command
def pay(world: World, given: Shape) -> Shape:
    """{session, how: card | declined | bank, email, name}"""
    store, _ = world.owner(given["session"])
    return _shown(store, sessions.session_pay(store, given["session"], given, given.get("how", "card")))


@command
def money_arrives(world: World, given: Shape) -> Shape:
    """{session, arrives}: the end of a payment by bank debit"""
    store, _ = world.owner(given["session"])
    return _shown(store, sessions.session_money(store, given["session"], arrives=given.get("arrives", True)))


@command
def expire(world: World, given: Shape) -> Shape:
    """{session}: as if its time had come"""
    store, _ = world.owner(given["session"])
    return _shown(store, sessions.session_expire(store, given["session"]))


@command
def advance(world: World, given: Shape) -> Shape:
    """{subscription, declined}: the next cycle"""
    store, _ = world.owner(given["subscription"])
    declined = given.get("declined", False)
    return _shown(store, cycles.cycle_advance(store, given["subscription"], declined=declined))


@command
def pay_invoice(world: World, given: Shape) -> Shape:
    """{invoice}: an invoice that failed is paid after all"""
    store, invoice = world.owner(given["invoice"])
    return _shown(store, cycles.invoice_pay(store, invoice, store.get("customer", invoice["customer"])))


@command
def cancel(world: World, given: Shape) -> Shape:
    """{subscription, now}: at the end of its cycle, or at once"""
    store, _ = world.owner(given["subscription"])
    if given.get("now"):
        return _shown(store, cycles.subscription_end(store, given["subscription"]))
    return _shown(
        store, cycles.subscription_update(store, given["subscription"], {"cancel_at_period_end": True})
    )


@command
def refund(world: World, given: Shape) -> Shape:
    """{payment_intent | charge, amount}"""
    store, _ = world.owner(given.get("payment_intent") or given["charge"])
    return _shown(store, money.refund_create(store, given))


@command
def dispute(world: World, given: Shape) -> Shape:
    """{payment_intent | charge, status}"""
    store, _ = world.owner(given.get("payment_intent") or given["charge"])
    return _shown(store, money.dispute_open(store, given))


@command
def close_dispute(world: World, given: Shape) -> Shape:
    """{dispute, status: won | lost | warning_closed}"""
    store, _ = world.owner(given["dispute"])
    return _shown(store, money.dispute_close(store, given["dispute"], given["status"]))


# --- the world ------------------------------------------------------------------------------------


@command
def reset(world: World, given: Shape) -> Shape:
    """{}"""
    world.reset()
    return {}


@command
def clock(world: World, given: Shape) -> Shape:
    """{at: seconds} stands there; {advance: seconds} moves on"""
    if "at" in given:
        world.clock.stand(int(given["at"]))
    world.clock.advance(int(given.get("advance", 0)))
    return {"now": world.clock.now()}


@command
def webhook(world: World, given: Shape) -> Shape:
    """{url, secret}: where events go; an empty address keeps them here"""
    world.webhook, world.secret = given.get("url", world.webhook), given.get("secret", world.secret)
    return {"url": world.webhook}


@command
def hold(world: World, given: Shape) -> Shape:
    """{on}: while on, new events are noted and not delivered"""
    world.held = bool(given.get("on", True))
    return {"held": world.held}


@command
def fail(world: World, given: Shape) -> Shape:
    """{path, method, status, times, after, html, seconds}: see `Fault`; {clear: true} forgets them"""
    if given.pop("clear", False):
        world.faults.clear()
    else:
        world.faults.append(Fault(**given))
    return {"faults": len(world.faults)}


@command
def requests(world: World, given: Shape) -> list[Shape]:
    """{path}: what was asked, the oldest first"""
    return [entry for entry in world.requests if given.get("path", "") in entry["path"]]


@command
def objects(world: World, given: Shape) -> list[Shape]:
    """{kind}: all of a kind, the oldest first"""
    rows = [(store, row) for store in world.stores.values() for row in store.all(given["kind"])]
    return [store.shown(row) for store, row in reversed(rows)]


# --- events ---------------------------------------------------------------------------------------


@command
def events(world: World, given: Shape) -> list[Shape]:
    """{type, object, version}: events in the order in which they happened, in one shape"""
    version = given.get("version", VERSIONS[0])
    return [
        shaped(store, event, version)
        for store in world.stores.values()
        for event in [*store.all("event")][::-1]
        if given.get("type") in {None, event["type"]}
        and given.get("object") in {None, event["data"]["object"]["id"]}
    ]


@command
def deliveries(world: World, given: Shape) -> Shape:
    """{}: attempts made, and how many deliveries are still under way"""
    return {"log": world.courier.log, "waiting": world.courier.waiting()}


@command
def storm(world: World, given: Shape) -> Callable[[], Shape]:
    """{types, times, seed, versions, bad, workers, urls}: every event so often, shuffled, all at once.

    Each delivery in one of the `versions` by turns, `bad` of them besides with a wrong signature. A delivery
    is repeated until it is taken, as Stripe does; answers {statuses: {code: count}, untaken}.
    """
    chance = random.Random(given.get("seed", 1))
    urls = given.get("urls") or [world.webhook]
    jobs = []
    for store in world.stores.values():
        for event in [*store.all("event")]:
            if given.get("types") and event["type"] not in given["types"]:
                continue
            for turn in range(given.get("times", 1)):
                version = chance.choice(given.get("versions") or [*VERSIONS])
                jobs.append((chance.choice(urls), shaped(store, event, version), world.secret, turn))
    for number in range(given.get("bad", 0)):
        url, body, _, turn = chance.choice(jobs)
        forged = {**body, "id": f"evt_forged{number}"}
        jobs.append((url, forged, "whsec_" + secrets.token_hex(8), turn))
    chance.shuffle(jobs)
    return lambda: _deliver_all(jobs, world.secret, given)


def _deliver_all(jobs: list[Any], secret: str, given: Shape) -> Shape:
    """Outside the lock: those who get the events ask us about them meanwhile."""
    statuses: dict[str, int] = {}
    left = [(url, json.dumps(body).encode(), key) for url, body, key, _ in jobs]
    for _ in range(given.get("tries", 20)):
        with ThreadPoolExecutor(given.get("workers", 8)) as pool:
            codes = [
                *pool.map(lambda job: post(job[0], job[1], signature(job[1], job[2], int(time()))), left)
            ]
        for code in codes:
            statuses[str(code)] = statuses.get(str(code), 0) + 1
        left = [
            job for job, code in zip(left, codes, strict=True) if job[2] == secret and not 200 <= code < 300
        ]
        if not left:
            break
    return {"statuses": statuses, "untaken": len(left)}
