"""Our own license at its own master: activated, narrowed, revoked, lost sight of."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError

from history.models import Event
from licenses import gates, master, selectors
from licenses.domain.claims import fingerprint_hash
from licenses.domain.own_license import GuardState, Tier
from licenses.models import License, Product, SelfLicense
from licenses.schedule import BEAT
from licenses.services.catalogue import plan_create, plan_update, product_create
from licenses.services.issuing import license_issue
from licenses.services.lifecycle import license_revoke, license_suspend
from licenses.services.selflicense import (
    LicenseInvalid,
    selflicense_activate,
    selflicense_load,
    selflicense_refresh,
    selflicense_remove,
    selflicense_reseal,
)
from licenses.tasks import refresh_own_license

pytestmark = pytest.mark.own_license
BY = {"actor": "cli:test"}


@pytest.fixture
def refresh(clock):
    """Return what refreshes our license now and gives its standing."""

    def do():
        selflicense_refresh(at=clock.at, **BY)
        return gates.standing_now(clock.at)

    return do


def make_product(number, at):
    return product_create(product_key=f"p{number}", name="P", active=False, at=at, **BY)


def fill_up(at):
    for number in range(Product.objects.exclude(audience="signet").count(), 5):
        make_product(number, at)


def narrow(row, slug):
    """Take an entitlement from the row at the master; the key that is out still carries it."""
    kept = {name: value for name, value in row.entitlements.items() if name != slug}
    License.objects.filter(pk=row.pk).update(entitlements=kept)


def kinds():
    return list(Event.objects.filter(kind__startswith="self_license.").values_list("kind", flat=True))


def test_a_full_catalogue_keeps_no_master_from_licensing_itself(db, clock):
    """C10, C13: the product of Signet needs no room and takes none; or nobody could ever upgrade."""
    from licenses.services.own_master import master_prepare

    fill_up(clock.at)
    assert len(master_prepare(at=clock.at, **BY).plans) == 3
    with pytest.raises(gates.TierCap) as refused:
        make_product(6, clock.at)
    assert refused.value.members["used"] == 5
    with pytest.raises(gates.TierCap):  # one such product is needed, not more of them
        product_create(product_key="p7", name="P", audience="signet", at=clock.at, **BY)


# --- what a key does ----------------------------------------------------------------------------------


def test_without_a_key_the_tier_is_creator_and_five_products_are_all(db, clock):
    """C2, C10, C16: inactive ones count; the refusal says tier, cap, count and where to upgrade."""
    fill_up(clock.at)
    with pytest.raises(gates.TierCap) as refused:
        make_product(6, clock.at)
    members = refused.value.members
    assert (refused.value.status, members["tier"], members["cap"], members["used"]) == (402, "creator", 5, 5)
    assert members["upgrade_url"].startswith("http")
    assert gates.standing_now(clock.at).guard is GuardState.UNLICENSED


def test_a_key_counts_at_once_and_is_told_once(own_pro, clock, refresh):
    """C1, C3, C10: verified offline, five products are no end; a refresh without change writes nothing."""
    fill_up(clock.at)
    make_product(6, clock.at)
    now = refresh()
    assert (now.guard, now.tier) == (GuardState.VALID, Tier.PRO)
    assert kinds() == ["self_license.activated"]
    event = Event.objects.get(kind="self_license.activated")
    assert event.data["license"] == own_pro.public_id


def test_an_entitlement_taken_from_the_row_closes_its_gate_and_no_other(own_pro, clock, refresh):
    """C4, C5, C7: no new key; the others stay."""
    narrow(own_pro, "unlimited_products")
    now = refresh()
    assert not gates.entitlement_held("unlimited_products")
    assert gates.entitlement_held("unlimited_policies")
    assert now.tier is Tier.CREATOR
    fill_up(clock.at)
    with pytest.raises(gates.TierCap):
        make_product(6, clock.at)
    assert kinds()[-1] == "self_license.changed"


def test_a_row_that_grants_more_than_the_key_widens_nothing(own_key, clock, refresh):
    """C4, C6: the entitlement that the row got after the key was signed waits for the next key."""
    row, text = own_key("creator")
    selflicense_activate(text=text, at=clock.at, **BY)
    License.objects.filter(pk=row.pk).update(entitlements={"patron": True, "unlimited_products": True})
    assert refresh().granted == {}


def test_a_license_with_patron_alone_passes_no_gate_of_pro(own_office, own_key, clock):
    """C3, C7."""
    plan_create(product=own_office, slug="thanks", name="Thanks", entitlements=["patron"], at=clock.at, **BY)
    selflicense_activate(text=own_key("thanks")[1], at=clock.at, **BY)
    assert gates.standing_now(clock.at).tier is Tier.PATRON
    fill_up(clock.at)
    with pytest.raises(gates.TierCap):
        make_product(6, clock.at)


@pytest.mark.parametrize("spoil", [lambda text: text[:-6] + "AAAAAA", lambda _text: "x", lambda _text: ""])
def test_a_key_that_does_not_verify_leaves_the_old_one_in_place(own_pro, own_key, clock, spoil):
    """C8: 400 `license_invalid`; key and tier stay."""
    before = SelfLicense.objects.get()
    with pytest.raises(LicenseInvalid) as refused:
        selflicense_activate(text=spoil(own_key("patron")[1]), at=clock.at, **BY)
    assert (refused.value.status, refused.value.code) == (400, "license_invalid")
    assert SelfLicense.objects.get().key_sha256 == before.key_sha256
    assert gates.standing_now(clock.at).tier is Tier.PRO


def test_a_key_for_another_product_or_another_domain_is_refused(own_key, granted, clock, settings):
    """C1: what our keys sign is not all meant for us."""
    with pytest.raises(LicenseInvalid) as refused:
        selflicense_activate(text=granted.issued.text, at=clock.at, **BY)
    assert refused.value.members["reason"] == "product_mismatch"
    bound = own_key("pro", fingerprint_sha256=fingerprint_hash("licenses.acme.example"))[1]
    with pytest.raises(LicenseInvalid) as refused:
        selflicense_activate(text=bound, at=clock.at, **BY)
    assert refused.value.members["reason"] == "fingerprint_mismatch"
    settings.SELF_LICENSE_DOMAIN = "licenses.acme.example"
    selflicense_activate(text=bound, at=clock.at, **BY)


def test_a_new_key_takes_the_place_of_the_old_one(own_pro, own_key, clock):
    """C8: re-issued, activated, another tier; no restart."""
    selflicense_activate(text=own_key("patron")[1], at=clock.at, **BY)
    assert gates.standing_now(clock.at).tier is Tier.PATRON


def test_removing_the_key_goes_back_to_creator(own_pro, clock):
    selflicense_remove(at=clock.at, **BY)
    assert gates.standing_now(clock.at).guard is GuardState.UNLICENSED
    assert kinds()[-1] == "self_license.removed"


def test_the_kept_key_is_sealed_and_sealed_again(own_pro, own_key):
    assert b"eyJ" not in bytes(SelfLicense.objects.get().key_sealed)
    assert selflicense_reseal() == 1


# --- what a refresh brings (C9) -----------------------------------------------------------------------


def test_a_revoked_license_grants_nothing_and_trips_the_guard(own_pro, clock, refresh):
    """C9, E27: the catalogue is shut; activating another key opens it."""
    license_revoke(license=own_pro, reason="unpaid", at=clock.at, **BY)
    now = refresh()
    assert (now.guard, now.reason, dict(now.granted)) == (GuardState.INVALID, "revoked", {})
    with pytest.raises(gates.CatalogueGuarded):
        make_product(6, clock.at)


def test_a_revoked_key_is_not_activated(own_key, clock):
    """C8."""
    row, text = own_key()
    license_revoke(license=row, reason="unpaid", at=clock.at, **BY)
    with pytest.raises(LicenseInvalid):
        selflicense_activate(text=text, at=clock.at, **BY)


def test_a_suspended_license_grants_nothing_and_the_guard_has_its_grace(own_pro, clock, refresh, settings):
    """C9, E27: GUARD_GRACE_DAYS after the suspension was seen the guard is invalid."""
    license_suspend(license=own_pro, reason="dispute", at=clock.at, **BY)
    now = refresh()
    assert (now.guard, dict(now.granted)) == (GuardState.GRACE, {})
    clock.advance(timedelta(days=settings.GUARD_GRACE_DAYS, seconds=-1))
    gates.catalogue_guard()
    clock.advance(timedelta(seconds=1))
    with pytest.raises(gates.CatalogueGuarded):
        gates.catalogue_guard()


def test_an_ended_key_grants_nothing_from_the_end_of_its_grace(own_pro, clock, settings):
    """C9: by the clock, without waiting for a refresh."""
    row = SelfLicense.objects.get()
    clock.set(row.ends_at - timedelta(seconds=1))
    assert gates.standing_now().guard is GuardState.GRACE
    assert gates.entitlement_held("crm")
    clock.advance(timedelta(seconds=1))
    assert not gates.entitlement_held("crm")
    clock.advance(timedelta(days=settings.GUARD_GRACE_DAYS))
    assert gates.standing_now().guard is GuardState.INVALID


def test_an_unknown_row_keeps_the_signed_set(own_pro, clock, refresh, monkeypatch):
    """C9: the master has no such license any more."""
    from licenses import validation

    narrow(own_pro, "crm")
    assert not refresh().holds("crm")
    monkeypatch.setattr(validation, "_live", lambda *_: None)
    assert refresh().holds("crm")


def test_it_is_asked_about_each_hour(own_pro, clock):
    """C5: by the clock, without restart."""
    entry = BEAT["licenses.selflicense_refresh"]
    assert (entry["task"], entry["schedule"]) == (refresh_own_license.name, 3600.0)
    assert refresh_own_license() == "live"


def test_a_database_that_does_not_answer_keeps_what_was_known(own_pro, refresh, monkeypatch):
    """C9."""

    def broken(*_, **__):
        raise DatabaseError("gone")

    monkeypatch.setattr(master, "verdict_for", broken)
    assert refresh().holds("crm")
    assert SelfLicense.objects.get().outcome == "unreachable"


# --- where the key comes from (C1) --------------------------------------------------------------------


def test_the_environment_comes_before_the_file(own_key, clock, settings, tmp_path):
    """C1."""
    settings.DATA_DIR = tmp_path
    (tmp_path / "self-license.txt").write_text(own_key("patron")[1])
    settings.SELF_LICENSE = own_key("pro")[1]
    selflicense_load(at=clock.at, **BY)
    assert gates.standing_now(clock.at).tier is Tier.PRO
    settings.SELF_LICENSE = ""
    selflicense_load(at=clock.at, **BY)
    assert gates.standing_now(clock.at).tier is Tier.PATRON


def test_a_file_that_went_away_keeps_the_last_known_set(own_key, clock, settings, tmp_path, refresh):
    """C9."""
    settings.SELF_LICENSE_FILE = str(tmp_path / "key")
    (tmp_path / "key").write_text(own_key()[1] + "\n")
    assert refresh().tier is Tier.PRO
    (tmp_path / "key").unlink()
    assert refresh().tier is Tier.PRO


def test_a_file_that_was_tampered_with_grants_nothing_and_says_why(
    own_key, clock, settings, tmp_path, refresh
):
    """C2, C9, E27: it is another text now, and no license."""
    settings.SELF_LICENSE_FILE = str(tmp_path / "key")
    text = own_key()[1]
    (tmp_path / "key").write_text(text)
    refresh()
    (tmp_path / "key").write_text(text[:-6] + "AAAAAA")
    now = refresh()
    assert (now.guard, now.reason, now.tier) == (GuardState.INVALID, "bad_signature", Tier.CREATOR)
    (tmp_path / "key").write_text(text)
    assert refresh().guard is GuardState.VALID


def test_what_the_page_activated_outlives_an_old_key_of_the_environment(own_key, clock, settings, refresh):
    """C8: an operator is not stuck with the key that the environment has."""
    settings.SELF_LICENSE = own_key("creator")[1]
    refresh()
    selflicense_activate(text=own_key("pro")[1], at=clock.at, **BY)
    assert refresh().tier is Tier.PRO


def test_another_key_of_a_revoked_license_opens_nothing(own_pro, clock, settings, refresh):
    """C9: the row was revoked, not a text; not even where the master cannot be asked."""
    again = license_issue(license=own_pro, channel="cli", at=clock.at, **BY).text
    license_revoke(license=own_pro, reason="unpaid", at=clock.at, **BY)
    refresh()
    settings.SELF_LICENSE_MASTER_URL = "http://127.0.0.1:1"
    settings.SELF_LICENSE_TRUST_ROOT = json.dumps(selectors.jwks())
    settings.SELF_LICENSE = again
    selflicense_load(at=clock.at, **BY)
    assert gates.standing_now(clock.at).guard is GuardState.INVALID


@pytest.fixture
def master_says(settings, monkeypatch):
    """Return what makes the master another server that answers this; None: it is silent. Our keys still count."""
    settings.SELF_LICENSE_TRUST_ROOT, settings.SELF_LICENSE_ISSUER = (
        json.dumps(selectors.jwks()),
        settings.ISSUER,
    )
    settings.SELF_LICENSE_MASTER_URL = "https://master.example"

    def say(verdict):
        def post(_text):
            if verdict is None:
                raise master.NoAnswer("silent")
            return verdict

        monkeypatch.setattr(master, "_post", post)

    say(None)
    return say


def test_a_row_that_somebody_widened_is_put_right_though_the_master_is_silent(
    own_key, clock, refresh, master_says
):
    """C4: the key says what is signed, not the database; the end, too."""
    selflicense_activate(text=own_key("creator")[1], at=clock.at, **BY)
    before = SelfLicense.objects.get()
    SelfLicense.objects.update(signed={"crm": True}, signed_seats=99, kind="test")
    assert refresh().granted == {}
    after = SelfLicense.objects.get()
    assert (after.signed, after.signed_seats, after.kind) == (before.signed, before.signed_seats, before.kind)


def test_a_revocation_outlives_a_spoiled_key_and_a_removal(
    own_pro, own_key, clock, settings, refresh, master_says
):
    """C9: neither another text in between, nor another license, nor none lets the revoked one in again."""
    again = license_issue(license=own_pro, channel="cli", at=clock.at, **BY).text
    other = own_key("creator")[1]
    master_says({"ok": False, "reason": "revoked"})
    refresh()
    master_says(None)
    settings.SELF_LICENSE = again[:-6] + "AAAAAA"
    refresh()
    settings.SELF_LICENSE = again
    now = refresh()
    assert (now.guard, now.reason, dict(now.granted)) == (GuardState.INVALID, "revoked", {})
    selflicense_activate(text=other, at=clock.at, **BY)
    selflicense_remove(at=clock.at, **BY)
    with pytest.raises(LicenseInvalid) as refused:
        selflicense_activate(text=again, at=clock.at, **BY)
    assert refused.value.members["reason"] == "revoked"
    assert gates.standing_now(clock.at).guard is GuardState.UNLICENSED


def test_a_suspension_and_a_narrowing_outlive_another_license_and_a_removal(
    own_pro, own_key, clock, refresh, master_says
):
    """C4, C9: with the master silent again, what it said of a license holds when its key comes back."""
    again = license_issue(license=own_pro, channel="cli", at=clock.at, **BY).text
    other = own_key("creator")[1]
    master_says({"ok": True, "entitlements": {"crm": True}, "limits": {"seats": {"cap": 3}}})
    assert refresh().granted == {"crm": True}
    master_says(None)
    selflicense_activate(text=other, at=clock.at, **BY)
    selflicense_remove(at=clock.at, **BY)
    selflicense_activate(text=again, at=clock.at, **BY)
    assert (gates.standing_now(clock.at).granted, gates.standing_now(clock.at).seats) == ({"crm": True}, 3)
    master_says({"ok": False, "reason": "suspended"})
    assert refresh().guard is GuardState.GRACE
    master_says(None)
    selflicense_remove(at=clock.at, **BY)
    with pytest.raises(LicenseInvalid) as refused:
        selflicense_activate(text=again, at=clock.at, **BY)
    assert refused.value.members["reason"] == "suspended"
    master_says({"ok": True, "entitlements": {"crm": True}, "limits": {"seats": {"cap": 3}}})
    selflicense_activate(text=again, at=clock.at, **BY)
    assert gates.standing_now(clock.at).guard is GuardState.VALID


def test_a_license_whose_key_was_revoked_counts_when_it_is_issued_again(own_key, clock, refresh, master_says):
    """C9: the new key is another one, also while the master is silent; the old text stays out."""
    row, old = own_key()
    again = license_issue(license=row, channel="cli", at=clock.at, **BY).text
    selflicense_activate(text=old, at=clock.at, **BY)
    master_says({"ok": False, "reason": "key_revoked"})
    assert refresh().guard is GuardState.INVALID
    master_says(None)
    selflicense_activate(text=again, at=clock.at, **BY)
    assert (refresh().tier, refresh().guard) == (Tier.PRO, GuardState.VALID)
    with pytest.raises(LicenseInvalid) as refused:
        selflicense_activate(text=old, at=clock.at, **BY)
    assert refused.value.members["reason"] == "key_revoked"


def test_taking_the_master_away_lifts_nothing(own_pro, refresh, settings, master_says):
    """C4, C9: neither what its row narrows nor a suspension."""
    live = {"ok": True, "entitlements": {"crm": True}, "limits": {"seats": {"cap": 3}}}
    url = settings.SELF_LICENSE_MASTER_URL
    for verdict, granted in ((live, {"crm": True}), ({"ok": False, "reason": "suspended"}, {})):
        settings.SELF_LICENSE_MASTER_URL = url
        master_says(verdict)
        assert refresh().granted == granted
        settings.SELF_LICENSE_MASTER_URL = ""
        assert refresh().granted == granted
    assert SelfLicense.objects.get().outcome == "no_master"


@pytest.mark.parametrize(("seconds", "reason"), [(1, "revoked"), (-1, "")])
def test_an_answer_that_was_overtaken_is_dropped(
    own_key, clock, refresh, master_says, monkeypatch, seconds, reason
):
    """C9: two refreshes at once; who asked first does not undo what the other one was told since."""
    selflicense_activate(text=own_key()[1], at=clock.at, **BY)
    clock.advance(timedelta(hours=1))
    live = {"ok": True, "entitlements": {"crm": True}, "limits": {"seats": {"cap": 3}}}

    def slow(_text):
        master_says({"ok": False, "reason": "revoked"})
        selflicense_refresh(at=clock.at + timedelta(seconds=seconds), **BY)
        return live

    monkeypatch.setattr(master, "_post", slow)
    assert refresh().reason == reason


def test_a_bad_file_takes_nothing_from_a_key_that_was_activated(own_pro, settings, refresh):
    """C8, C9: it came from elsewhere, and a bad key leaves the one in place."""
    settings.SELF_LICENSE = "no license"
    assert refresh().tier is Tier.PRO


def test_a_key_of_the_environment_counts_once_the_trust_root_is_mended(own_key, clock, settings, refresh):
    """C1, C2: it was taken up when it could not be verified; a start and a refresh catch up with what it carries."""
    text, keys = own_key()[1], json.dumps(selectors.jwks())
    settings.SELF_LICENSE, settings.SELF_LICENSE_TRUST_ROOT = text, "no key set"
    settings.SELF_LICENSE_ISSUER = settings.ISSUER
    selflicense_load(at=clock.at, **BY)
    assert gates.standing_now(clock.at).guard is GuardState.INVALID
    settings.SELF_LICENSE_TRUST_ROOT = keys
    selflicense_load(at=clock.at, **BY)
    assert gates.standing_now(clock.at).tier is Tier.PRO
    now = refresh()
    assert (now.tier, now.guard) == (Tier.PRO, GuardState.VALID)
    assert SelfLicense.objects.get().ends_at is not None


def test_a_key_of_the_environment_counts_from_its_start(own_key, clock, settings, refresh):
    """C1, C2: it was put there before the license begins."""
    settings.SELF_LICENSE = own_key(starts_at=clock.at + timedelta(days=1))[1]
    assert (refresh().reason, SelfLicense.objects.get().public_id) == ("not_yet_valid", "")
    clock.advance(timedelta(days=1))
    now = refresh()
    assert (now.tier, now.guard) == (Tier.PRO, GuardState.VALID)


# --- further caps -------------------------------------------------------------------------------------


def test_five_plans_of_one_product_in_any_state_are_all(product, clock):
    """C11."""
    for number in range(5):
        plan_create(
            product=product, slug=f"p{number}", name="P", archived=True, active=False, at=clock.at, **BY
        )
    with pytest.raises(gates.TierCap) as refused:
        plan_create(product=product, slug="p6", name="P", at=clock.at, **BY)
    assert refused.value.members["resource"] == "plans_per_product"
    other = make_product(2, clock.at)
    plan_create(product=other, slug="p1", name="P", at=clock.at, **BY)


def test_recurring_plans_need_their_entitlement_made_or_edited(product, own_key, clock):
    """C14."""
    fields = {"recurring": True, "period_days": 30}
    plan = plan_create(product=product, slug="plain", name="P", at=clock.at, **BY)
    with pytest.raises(gates.TierCap):
        plan_create(product=product, slug="monthly", name="P", at=clock.at, **fields, **BY)
    with pytest.raises(gates.TierCap):
        plan_update(plan=plan, at=clock.at, **fields, **BY)
    selflicense_activate(text=own_key()[1], at=clock.at, **BY)
    plan_update(plan=plan, at=clock.at, **fields, **BY)
    selflicense_remove(at=clock.at, **BY)
    plan_update(plan=plan, name="Still mine", at=clock.at, **BY)  # C17: what is there stays usable


def test_what_is_not_held_can_be_demanded(own_pro, clock):
    """C16"""
    gates.entitlement_require("crm")
    with pytest.raises(gates.TierCap) as refused:
        gates.entitlement_require("patron")
    assert (refused.value.status, refused.value.members["entitlement"]) == (402, "patron")


def test_a_gate_is_one_small_read(own_pro, django_assert_num_queries):
    """C5: so that it follows every process, and costs next to nothing."""
    with django_assert_num_queries(1):
        assert gates.entitlement_held("crm")
