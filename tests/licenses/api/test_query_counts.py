"""A list costs the same number of queries for one row as for many."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db

V1 = "/api/v1"
MANY = 4


def queries(caller, path: str) -> tuple[int, int]:
    """How many queries a list costs, and how many rows it gave."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = caller.get(path)
    assert answer.status_code == 200
    told = answer.json()
    return len(captured), len(told if isinstance(told, list) else told.get("results", told.get("items")))


@pytest.fixture
def grow(*, granted, issue, make_license, make_plan, import_key, at):
    """Return a maker of one more of everything that lists show."""
    from licenses.domain.enums import Algorithm
    from licenses.services.catalogue import preset_create, product_create
    from licenses.services.keys import key_generate
    from licenses.services.renewing import license_renew

    def more(number: int) -> None:
        facts = {"actor": "cli:test", "at": at}
        product_create(product_key=f"p{number}", name=f"P{number}", **facts)
        plan = make_plan(f"plan{number}")
        preset_create(name=f"Preset {number}", plan=plan, **facts)
        key_generate(algorithm=Algorithm.EDDSA, **facts)
        issue(make_license(plan, seats=number))
        issue(granted.license)
        license_renew(license=granted.license, days=number, channel="api", **facts)

    return more


LISTS = {
    "licenses": "/api/v1/licenses",
    "searched": "/api/v1/licenses?q=ac&status=active&kind=commercial",
    "issuances": "/api/v1/licenses/{license}/issuances",
    "renewals": "/api/v1/licenses/{license}/renewals",
    "of a license": "/api/v1/licenses/{license}/history",
    "products": "/api/v1/products",
    "plans": "/api/v1/products/demo/plans",
    "presets": "/api/v1/presets",
    "keys": "/api/v1/signing-keys",
    "history": "/api/v1/history",
    "product keys": "/authlance/license/product-keys",
    "group": "/authlance/license/groups/acme/licenses",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_for_one_row_as_for_many(name, viewer, grow, granted):
    path = LISTS[name].format(license=granted.license.public_id)
    grow(1)
    viewer.get(path)  # the first call of a day notes that the key is in use
    few, before = queries(viewer, path)
    for number in range(2, 2 + MANY):
        grow(number)
    many, after = queries(viewer, path)
    assert after >= before + MANY
    assert many == few <= 4


def test_a_list_leaves_the_texts_in_their_table(viewer, granted):
    with CaptureQueriesContext(connection) as captured:
        viewer.get(f"{V1}/licenses/{granted.license.public_id}/issuances")
    assert not any('"artifact",' in query["sql"] for query in captured)
    assert not any("private_sealed" in query["sql"] for query in captured)
