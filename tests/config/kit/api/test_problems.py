"""RFC 9457 problem documents."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, OperationalError
from django.http import Http404
from rest_framework import exceptions, serializers

from config.kit.api import problems
from config.kit.errors import Conflict, FieldError, Invalid, Malformed, Unauthenticated, Unavailable


class SlotGone(Conflict):
    code = "slot_gone"
    title = "Somebody else was first."


def test_a_refusal_becomes_a_document_with_its_members():
    assert problems.document(SlotGone("Taken by seven.", limit=7)) == {
        "type": "urn:signet:problem:slot_gone",
        "title": "Somebody else was first.",
        "status": 409,
        "detail": "Taken by seven.",
        "code": "slot_gone",
        "limit": 7,
    }


@pytest.mark.parametrize(
    ("field", "pointer"),
    [
        ("name", "/name"),
        ("terms.seats", "/terms/seats"),
        ("items.0.a/b", "/items/0/a~1b"),
        ("a~b", "/a~0b"),
        ("", ""),
    ],
)
def test_a_field_is_named_by_json_pointer(field, pointer):
    """RFC 6901 section 3."""
    assert FieldError(field, "invalid", "No.").pointer == pointer


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Malformed(), 400, "malformed"),
        (exceptions.ParseError(), 400, "malformed"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (PermissionDenied(), 403, "forbidden"),
        (Http404(), 404, "not_found"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.Throttled(wait=7), 429, "rate_limited"),
        (OperationalError("gone"), 503, "unavailable"),
        (DatabaseError("deadlock detected"), 503, "unavailable"),
    ],
)
def test_known_errors_have_their_status_and_code(error, status, code):
    refusal = problems.refusal_of(error)
    assert (refusal.status, refusal.code) == (status, code)


def test_a_fault_of_ours_is_no_refusal():
    assert problems.refusal_of(ZeroDivisionError()) is None


def test_nested_errors_of_a_serializer_are_flattened():
    class Row(serializers.Serializer):
        seats = serializers.IntegerField(min_value=1)

    class Order(serializers.Serializer):
        rows = Row(many=True)

    order = Order(data={"rows": [{"seats": 1}, {"seats": 0}]})
    order.is_valid()
    refusal = problems.refusal_of(exceptions.ValidationError(order.errors))
    assert isinstance(refusal, Invalid)
    assert [(e.pointer, e.code) for e in refusal.errors] == [("/rows/1/seats", "min_value")]


def test_headers_say_when_to_come_back_and_how_to_sign_in():
    assert problems.headers(Unavailable(retry_after=5))["Retry-After"] == "5"
    assert problems.headers(Unauthenticated())["WWW-Authenticate"] == 'Bearer realm="signet"'
    assert problems.headers(SlotGone())["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_an_unknown_path_of_the_api_answers_with_a_problem(api):
    assert api.get("/api/v1/nothing").json()["code"] == "not_found"


@pytest.mark.django_db
def test_every_problem_carries_the_request_id(api):
    assert api.get("/api/v1/me").json()["request_id"]
