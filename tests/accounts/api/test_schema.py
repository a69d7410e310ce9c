"""What the schema says about the operations of this app."""

from __future__ import annotations

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings

from accounts.api.urls import urlpatterns

OPERATIONS = {
    ("get", "/accounts"): "accounts_list",
    ("post", "/accounts"): "accounts_create",
    ("get", "/accounts/{slug}"): "accounts_read",
    ("patch", "/accounts/{slug}"): "accounts_update",
    ("post", "/accounts/{slug}/promote"): "accounts_promote",
    ("post", "/accounts/{slug}/merge"): "accounts_merge",
    ("get", "/api-keys"): "api_keys_list",
    ("post", "/api-keys"): "api_keys_create",
    ("post", "/api-keys/{prefix}/revoke"): "api_keys_revoke",
    ("get", "/me"): "me",
}


@pytest.fixture(scope="module")
def schema():
    with patched_settings({"PREPROCESSING_HOOKS": ["config.kit.api.routing.each_method"]}):
        return SchemaGenerator(patterns=urlpatterns).get_schema(request=None, public=True)


def operations(schema):
    return {
        (method, path): operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    }


def test_every_operation_stands_in_the_schema(schema):
    found = {place: operation["operationId"] for place, operation in operations(schema).items()}
    assert found == OPERATIONS


@pytest.mark.parametrize("place", OPERATIONS)
def test_every_operation_shows_an_example_of_its_answer(place, schema):
    responses = operations(schema)[place]["responses"]
    success = next(answer for status, answer in responses.items() if status in {"200", "201"})
    assert success["content"]["application/json"]["examples"]


def test_creating_operations_take_an_idempotency_key(schema):
    takers = {
        place
        for place, operation in operations(schema).items()
        if any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", ()))
    }
    assert takers == {("post", "/accounts"), ("post", "/api-keys")}


def test_lists_show_their_filters_and_pages(schema):
    names = {p["name"] for p in operations(schema)["get", "/accounts"]["parameters"]}
    assert names >= {"cursor", "page_size", "kind", "q", "domain"}


def test_no_answer_but_the_creation_of_a_key_has_a_token(schema):
    owners = {
        name
        for name, component in schema["components"]["schemas"].items()
        if "token" in component.get("properties", {})
    }
    assert owners == {"ApiKeyCreated"}
