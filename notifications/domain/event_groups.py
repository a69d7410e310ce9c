"""The kinds of the history in groups, as people choose among them."""

from __future__ import annotations

from history.domain.kinds import Kind

_TITLES = {
    "license": "Licenses",
    "posture": "Licenses",
    "artifact": "Licenses",
    "installation": "Installations and limits",
    "activation": "Installations and limits",
    "node_cap": "Installations and limits",
    "trial": "Trials",
    "evidence": "Trials",
    "evaluator": "Trials",
    "grace": "Trials",
    "access": "Trials",
    "payment": "Payments",
    "dispute": "Payments",
    "checkout": "Payments",
    "subscription": "Payments",
    "tier_change": "Payments",
    "maintenance": "Payments",
    "account": "Customers",
    "person": "Customers",
    "task": "Customers",
    "product": "Catalogue",
    "plan": "Catalogue",
    "preset": "Catalogue",
    "key": "Signing keys",
    "checkpoint_key": "Signing keys",
    "user": "Staff and access",
    "role": "Staff and access",
    "api_key": "Staff and access",
    "second_factor": "Staff and access",
    "recovery_codes": "Staff and access",
    "mail": "Mail",
    "suppression": "Mail",
    "webhook": "Webhooks",
}
OTHERS = "The back office"


def groups() -> list[tuple[str, list[Kind]]]:
    """Every kind once, under the title of its group, in the order of `Kind`; what fits none comes last."""
    found: dict[str, list[Kind]] = {title: [] for title in dict.fromkeys(_TITLES.values())}
    found[OTHERS] = []
    for kind in Kind:
        found[_TITLES.get(kind.value.partition(".")[0], OTHERS)].append(kind)
    return [(title, kinds) for title, kinds in found.items() if kinds]
