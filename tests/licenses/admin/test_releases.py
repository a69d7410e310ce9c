"""The update server at the desk: publish, change, withdraw; and who runs and who may have what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from history.models import Event
from licenses.adoption import adoption
from licenses.domain.releases import withheld_because
from licenses.models import Installation, License, Release
from licenses.releases import demand_of, release_audience, right_of
from licenses.services.catalogue import plan_create, product_create
from licenses.services.lifecycle import license_suspend
from licenses.services.releases import release_publish

pytestmark = pytest.mark.django_db

LIST = reverse("admin:licenses_release_changelist")
ADD = reverse("admin:licenses_release_add")
ADOPTION = reverse("admin:licenses_release_adoption")
DAY = timedelta(days=1)
BODY = {"version": "1.0.0", "artifact": "demo:1.0.0", "sha256": "ab" * 32, "size_bytes": 4711}


@pytest.fixture
def publish(product, at):
    def make(version: str, **fields):
        return release_publish(
            product=product, **{**BODY, "version": version, **fields}, actor="cli:test", at=at
        )

    return make


@pytest.fixture
def given(product):
    """Return what the form posts: `given(version="1.0.0")`."""
    return lambda **fields: {"product": product.pk, "channel": "stable", **BODY, **fields}


def shown(browser, url):
    """How many rows a list shows at an address."""
    return browser.get(url).context["cl"].result_count


def test_a_release_is_published_changed_and_withdrawn_at_the_desk(manager, license_manager, given, page):
    """E32."""
    answer = manager.post(ADD, given(sha256="AB" * 32, notes="One.\r\nTwo."))
    row = Release.objects.get()
    assert (answer.status_code, answer.url) == (302, page(row))
    assert (row.sha256, row.notes) == ("ab" * 32, "One.\nTwo.")
    body = {"channel": "stable", "artifact": "demo:1", "notes": "Three.", "minimum_edition": "enterprise"}
    assert manager.post(page(row, "edit"), body).status_code == 302
    assert "sha256" not in manager.get(page(row, "edit")).context["form"].fields
    assert manager.post(page(row, "withdraw"), {"reason": ""}).status_code == 200
    assert manager.post(page(row, "withdraw"), {"reason": "Loses data."}).status_code == 302
    told = manager.get(page(row)).content.decode()
    assert "Taken back: Loses data." in told
    assert page(row, "edit") not in told
    kinds = Event.objects.filter(subject="release:demo/1.0.0", actor=f"user:{license_manager.pk}")
    assert list(kinds.order_by("id").values_list("kind", flat=True)) == [
        "release.published", "release.changed", "release.withdrawn",
    ]  # fmt: skip


def test_a_refusal_stands_at_its_field(manager, given):
    """E32."""
    form = manager.post(ADD, given(version="1.0.0-rc.1", artifact="two words")).context["form"]
    assert set(form.errors) == {"channel", "artifact"}
    assert not Release.objects.exists()


def test_adoption_counts_what_its_links_list(manager, looker, publish, make_license, at):
    """E32: counts by version and product, each the number of rows behind it; what was set aside does not count."""
    publish("2.0.0-rc.1", channel="candidate")
    row = make_license()
    for number, version in enumerate(["1.9.0", "v1.10.0", "v1.10.0", "2.0.0-rc.1", "odd"]):
        Installation.objects.create(license=row, install_id=f"installation-{number}", version=version)
    Installation.objects.create(license=row, install_id="installation-9", version="odd", set_aside_at=at)
    for browser in (manager, looker):
        ((found, total_url, bars),) = browser.get(ADOPTION).context["products"]
        assert [(bar.version, bar.count, bar.note) for bar in bars] == [
            ("2.0.0-rc.1", 1, "candidate"), ("v1.10.0", 2, "no release of ours"), ("1.9.0", 1, "no release of ours"),
            ("odd", 1, "no release of ours"),
        ]  # fmt: skip
        assert [shown(browser, bar.url) for bar in bars] == [bar.count for bar in bars]
        assert (found.total, shown(browser, total_url)) == (5, 5)


def test_adoption_of_many_products_costs_no_more_queries(make_license, at, django_assert_num_queries):
    """E32: each product gets its own releases, all of them by one query."""
    for name in ("one", "two", "three"):
        made = product_create(product_key=name, name=name, actor="cli:test", at=at)
        row = make_license(plan_create(product=made, slug="p", name="P", actor="cli:test", at=at))
        Installation.objects.create(license=row, install_id=f"installation-{name}", version="v1.0.0")
        if name != "two":
            release_publish(product=made, **BODY, actor="cli:test", at=at)
    with django_assert_num_queries(4):
        found = {line.product.name: [bar.release for bar in line.versions] for line in adoption()}
    theirs = {release.product.name: release for release in Release.objects.select_related("product")}
    assert found == {"one": [theirs["one"]], "two": [None], "three": [theirs["three"]]}


def test_installations_that_run_a_release_are_counted_however_they_spell_it(
    manager, publish, make_license, page
):
    """E32: `v1.0.0` is 1.0.0; the number is that of the list behind it."""
    release = publish("1.0.0")
    for number, version in enumerate(["1.0.0", "v1.0.0", "1.0.0-rc.1"]):
        Installation.objects.create(
            license=make_license(), install_id=f"installation-{number}", version=version
        )
    context = manager.get(page(release)).context
    assert (context["running"], shown(manager, context["running_url"])) == ("2", 2)


def test_who_may_have_a_release_is_counted_as_the_rule_says(
    manager, publish, make_license, community, page, at
):
    """E32: the number, the list behind it and the rule agree on every license."""
    ended, graced, fresh, perpetual, kept, unkept = (make_license() for _ in range(6))
    make_license(community)
    license_suspend(license=make_license(), reason="x", actor="cli:test", at=at)
    for row, fields in {
        ended: {"starts_at": at - 400 * DAY, "expires_at": at - 15 * DAY},
        graced: {"starts_at": at - 400 * DAY, "expires_at": at - 13 * DAY},
        fresh: {"starts_at": at + DAY},
        perpetual: {"expires_at": None},
        kept: {"expires_at": None, "maintenance_expires_at": at + DAY},
        unkept: {"expires_at": None, "maintenance_expires_at": at},
    }.items():
        License.objects.filter(pk=row.pk).update(**fields)
    releases = [
        publish("1.0.0"),
        publish("1.1.0", minimum_edition="enterprise"),
        publish("1.2.0", published_at=at - 2 * DAY),
    ]
    counts = []
    for release in releases:
        allowed = {
            row.pk
            for row in License.objects.all()
            if not withheld_because(demand_of(release), right_of(row), at)
        }
        assert set(release_audience(release, at).values_list("pk", flat=True)) == allowed
        context = manager.get(page(release)).context
        assert (context["may_have"], shown(manager, context["may_have_url"])) == (
            str(len(allowed)),
            len(allowed),
        )
        counts.append(len(allowed))
    assert counts == [4, 3, 6]
    assert manager.get(page(publish("2.0.0", entitlement="ai"))).context["may_have"] is None


def test_the_list_needs_as_many_queries_for_few_as_for_many(manager, publish, django_assert_max_num_queries):
    for minor in range(30):
        publish(f"1.{minor}.0")
    with django_assert_max_num_queries(14):
        assert manager.get(LIST).status_code == 200
