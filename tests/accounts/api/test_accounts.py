"""Accounts over HTTP."""

from __future__ import annotations

import pytest

from accounts.models import Account
from history.models import Event

pytestmark = pytest.mark.django_db

URL = "/api/v1/accounts"


def codes(response) -> dict[str, str]:
    return {error["pointer"]: error["code"] for error in response.json()["errors"]}


def test_an_account_is_opened(back_office):
    """D5: create."""
    answer = back_office.post(URL, {"name": "Initech", "email": "it@initech.example"})
    assert answer.status_code == 201
    assert answer.json()["slug"] == "initech"
    assert answer.json()["kind"] == "prospect"
    assert Event.objects.get(kind="account.created").actor.startswith("api-key:")


def test_every_wrong_field_is_named_by_pointer(back_office):
    answer = back_office.post(URL, {"kind": "partner", "email": "nobody", "name": ""})
    assert answer.status_code == 400
    assert codes(answer) == {"/kind": "invalid_choice", "/email": "invalid", "/name": "blank"}


@pytest.mark.parametrize("name", ["Initech\nBcc: all@victim.example", "Ini\u0007tech", "Ini\u2028tech"])
def test_a_name_is_one_line(name, back_office):
    """It stands in subjects of mail, in lists and in the names of files (trust: People)."""
    answer = back_office.post(URL, {"name": name})
    assert (answer.status_code, codes(answer)) == (400, {"/name": "control_character"})


@pytest.mark.parametrize("field", ["customer_id", "id", "created_at", "owner", "is_superuser"])
def test_an_unknown_field_is_refused_by_name(field, back_office):
    answer = back_office.post(URL, {"name": "Initech", field: "x"})
    assert (answer.status_code, codes(answer)) == (400, {f"/{field}": "unknown_field"})
    assert not Account.objects.exists()


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_a_body_that_is_no_object_is_refused(body, back_office):
    answer = back_office.client.generic(
        "POST", URL, "null" if body is None else str(body).replace("text", '"text"'),
        content_type="application/json", headers={"Authorization": f"Bearer {back_office.token}"},
    )  # fmt: skip
    assert answer.status_code == 400


@pytest.mark.parametrize("slug", ["-acme", "a b", "x" * 64, "ümlaut", "a/b"])
def test_a_slug_that_breaks_the_rule_is_refused(slug, back_office):
    answer = back_office.post(URL, {"name": "Initech", "slug": slug})
    assert answer.status_code == 400
    assert "/slug" in codes(answer)


def test_a_taken_slug_is_a_conflict_at_its_field(back_office, customer):
    answer = back_office.post(URL, {"name": "Acme", "slug": "ACME"})
    assert (answer.status_code, answer.json()["code"], codes(answer)) == (
        409,
        "slug_taken",
        {"/slug": "slug_taken"},
    )


def test_accounts_are_listed_newest_first_in_pages(viewer, make_account):
    """D5: list."""
    for name in ("One", "Two", "Three"):
        make_account(name)
    first = viewer.get(URL, page_size=2).json()
    assert [row["slug"] for row in first["results"]] == ["three", "two"]
    second = viewer.get(URL, page_size=2, cursor=first["next"]).json()
    assert [row["slug"] for row in second["results"]] == ["one"]
    assert second["next"] is None
    assert viewer.get(URL, page_size=2, cursor=second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"kind": "prospect"}, ["globex"]),
        ({"q": "ACM"}, ["acme"]),
        ({"domain": "Acme.Example"}, ["acme"]),
        ({"q": "nothing"}, []),
    ],
)
def test_accounts_are_filtered_and_searched(query, found, viewer, customer, prospect):
    """D5: search."""
    assert [row["slug"] for row in viewer.get(URL, **query).json()["results"]] == found


@pytest.mark.parametrize("query", [{"kind": "partner"}, {"q": "a\x00b"}, {"q": "x" * 101}])
def test_a_filter_that_cannot_be_used_is_refused(query, viewer):
    assert viewer.get(URL, **query).status_code == 400


def test_one_account_is_read(viewer, customer):
    assert viewer.get(f"{URL}/acme").json()["customer_id"] == customer.customer_id


def test_an_account_is_changed(back_office, customer):
    """D5: edit."""
    answer = back_office.patch(f"{URL}/acme", {"name": "Acme Inc"})
    assert answer.json()["name"] == "Acme Inc"
    assert answer.json()["domain"] == "acme.example"


@pytest.mark.parametrize("field", ["slug", "kind", "customer_id"])
def test_what_never_changes_is_refused(field, back_office, customer):
    answer = back_office.patch(f"{URL}/acme", {field: "internal"})
    assert codes(answer) == {f"/{field}": "unknown_field"}


def test_a_prospect_is_promoted_once(back_office, prospect):
    """D5: promote prospect to customer."""
    assert back_office.post(f"{URL}/globex/promote").json()["kind"] == "customer"
    again = back_office.post(f"{URL}/globex/promote")
    assert (again.status_code, again.json()["code"]) == (409, "not_a_prospect")


def test_another_account_answers_like_an_unknown_one(api, make_key, customer, prospect):
    bound = api.as_(make_key("support", account=customer))
    assert bound.get(f"{URL}/acme").status_code == 200
    other, unknown = bound.get(f"{URL}/globex"), bound.get(f"{URL}/nobody")
    other_problem, unknown_problem = other.json(), unknown.json()
    other_problem.pop("request_id", None), unknown_problem.pop("request_id", None)
    assert (other.status_code, other_problem) == (404, unknown_problem)
    assert bound.patch(f"{URL}/globex", {"name": "Hacked"}).status_code == 404


def test_a_bound_key_lists_its_own_account_only(api, make_key, customer, prospect):
    """C30: bound to an account, it sees only it."""
    rows = api.as_(make_key("support", account=customer)).get(URL).json()["results"]
    assert [row["slug"] for row in rows] == ["acme"]


def test_a_bound_key_opens_and_promotes_nothing(api, make_key, prospect):
    bound = api.as_(make_key("support", account=prospect))
    assert bound.post(URL, {"name": "Another"}).json()["code"] == "back_office_only"
    assert bound.post(f"{URL}/globex/promote").status_code == 403


def test_a_read_only_key_writes_nothing(viewer, prospect):
    """C30: scopes."""
    for answer in (
        viewer.post(URL, {"name": "X"}),
        viewer.patch(f"{URL}/globex", {"name": "X"}),
        viewer.post(f"{URL}/globex/promote"),
    ):
        assert (answer.status_code, answer.json()["scope"]) == (403, "accounts:write")


def test_a_stranger_is_asked_for_credentials(api):
    answer = api.get(URL)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="signet"'


def test_a_method_that_the_path_does_not_know_says_which_it_does(back_office):
    answer = back_office.client.delete(URL, headers={"Authorization": f"Bearer {back_office.token}"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert answer.json()["code"] == "method_not_allowed"


def test_the_list_takes_the_same_queries_for_any_number_of_rows(
    viewer, make_account, django_assert_max_num_queries
):
    for number in range(12):
        make_account(f"Account {number}")
    viewer.get(URL)
    with django_assert_max_num_queries(2):
        viewer.get(URL)
