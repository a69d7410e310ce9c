"""The OpenAPI document, the page that shows it, and the page of contents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import yaml
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator

from config.api_documents import document
from config.kit.middleware import _hot
from licenses.domain.verdict import VerdictFacts, verdict

SHOWN = ("api/", "authlance/", "licenseoperator/", ".well-known/")
METHODS = {"get", "post", "put", "patch", "delete"}
ABSOLUTE = re.compile(rb"""(?:src|href|url)\s*[=:(]\s*["']?\s*(?:https?:)?//[^"')\s]+""")


@pytest.fixture(scope="module")
def schema():
    return json.loads(document("json"))


@pytest.fixture(scope="module")
def operations(schema):
    return {
        (path, method): operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def routes(resolver=None, prefix="") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route)
        elif route.startswith(SHOWN):
            yield "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route), entry


def methods_of(pattern: URLPattern) -> set[str]:
    callback = pattern.callback
    if hasattr(callback, "handlers"):
        return {name.lower() for name in callback.handlers}
    view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    return {name for name in METHODS if hasattr(view, name)} if view else {"get"}


def test_the_document_is_openapi_3_1(schema):
    assert schema["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(schema).iter_errors()) == []


def test_every_route_stands_in_the_document(operations):
    wanted = {(path, method) for path, pattern in routes() for method in methods_of(pattern)}
    wanted |= {(path, "post") for path in _hot if path.startswith("/api/")}
    assert wanted - set(operations) == set()
    assert set(operations) - wanted == set()


def test_every_operation_says_what_it_does_and_what_it_asks_for(operations):
    for place, operation in operations.items():
        assert operation["summary"], place
        assert operation["tags"], place
        assert (
            "Scope:" in operation["description"]
            or "Public" in operation["description"]
            or ("credential" in operation["description"])
        ), place


def test_operation_ids_are_unique(operations):
    names = [operation["operationId"] for operation in operations.values()]
    assert len(names) == len(set(names))


def test_every_tag_is_described(schema, operations):
    used = {tag for operation in operations.values() for tag in operation["tags"]}
    assert used <= {tag["name"] for tag in schema["tags"]}


def test_credentials_are_bearer_tokens_and_public_operations_ask_for_none(schema, operations):
    schemes = schema["components"]["securitySchemes"]
    assert {schemes[name]["scheme"] for name in ("apiKey", "internalToken")} == {"bearer"}
    for place, operation in operations.items():
        assert bool(operation.get("security")) is ("Public" not in operation["description"]), place


def test_every_answer_and_body_has_a_shape(operations):
    for place, operation in operations.items():
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        answers = {code: answer for code, answer in operation["responses"].items() if code[0] == "2"}
        assert answers, place
        for part in bodies + [answer for code, answer in answers.items() if code != "204"]:
            assert all("schema" in shape for shape in part["content"].values()), place


def test_every_operation_may_answer_with_a_problem(operations):
    for place, operation in operations.items():
        problem = operation["responses"]["default"]["content"]["application/problem+json"]
        assert problem["schema"]["$ref"].endswith("/Problem"), place


def test_every_number_and_text_of_a_body_is_bounded(schema):
    for name, component in schema["components"]["schemas"].items():
        if not name.endswith("Request"):
            continue
        for member, shape in component.get("properties", {}).items():
            kinds = shape.get("type", [])
            kinds = [kinds] if isinstance(kinds, str) else kinds
            if "integer" in kinds:
                assert {"minimum", "maximum"} <= set(shape), (name, member)
            if "string" in kinds and shape.get("format") != "date-time" and "enum" not in shape:
                assert "maxLength" in shape or "pattern" in shape, (name, member)


def test_the_verdict_of_the_document_is_the_verdict_of_the_code(schema, at):
    told = verdict(VerdictFacts(now=at)).to_dict()
    assert set(schema["components"]["schemas"]["Verdict"]["required"]) == set(told)


@pytest.mark.parametrize(
    ("query", "accept", "content_type", "read"),
    [
        ({}, "*/*", "application/json", json.loads),
        ({"format": "yaml"}, "*/*", "application/yaml", yaml.safe_load),
        ({}, "application/yaml", "application/yaml", yaml.safe_load),
        ({"format": "odd"}, "text/html", "application/json", json.loads),
    ],
)
def test_the_document_comes_as_json_or_yaml(*, query, accept, content_type, read, client, schema):
    answer = client.get("/api/v1/schema", query, headers={"Accept": accept})
    assert answer.headers["Content-Type"] == content_type
    assert read(answer.content) == schema


def test_who_holds_the_document_is_told_so(client):
    etag = client.get("/api/v1/schema").headers["ETag"]
    assert client.get("/api/v1/schema", headers={"If-None-Match": etag}).status_code == 304


def test_the_page_loads_nothing_from_outside_and_runs_nothing_inline(client):
    page = client.get("/api/v1/docs")
    script = client.get("/api/v1/docs", {"script": ""})
    assert (page.status_code, script.status_code) == (200, 200)
    for content in (page.content, script.content):
        assert not ABSOLUTE.search(content)
    assert not re.search(rb"<script[^>]*>[^<]", page.content)
    assert b"/static/drf_spectacular_sidecar/swagger-ui-dist/favicon-32x32.png" in page.content
    assert b'"validatorUrl": null' in script.content
    assert b"/api/v1/schema" in script.content


def test_the_page_of_contents_names_places_that_exist(client, schema):
    told = client.get("/api/").json()
    for entry in told["contents"]:
        assert entry["href"] in schema["paths"]


def test_the_page_of_contents_names_every_collection(client, schema):
    told = {entry["href"] for entry in client.get("/api/").json()["contents"]}
    collections = {path for path, operations in schema["paths"].items() if "get" in operations}
    assert {path for path in collections if re.fullmatch(r"/api/v1/[a-z-]+", path)} <= told


def test_a_browser_gets_a_page(client):
    answer = client.get("/api/", headers={"Accept": "text/html,*/*"})
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b'href="/api/v1/docs"' in answer.content
    assert not ABSOLUTE.search(answer.content)


@pytest.mark.parametrize("path", ["/api/", "/api/v1/schema", "/api/v1/docs"])
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT", "TRACE", "FOO"])
def test_another_method_is_a_problem(path, method):
    answer = Client(enforce_csrf_checks=True).generic(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/.well-known/nothing", "/.well-known/licenses/..pem"])
def test_an_unknown_path_under_the_api_is_a_problem(path, client):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_foreign_host_is_a_problem_under_the_api(client):
    answer = client.get("/api/v1/me", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
