"""Operations on accounts, API keys and the caller itself. Each parses, calls one service and renders."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors
from accounts.api import examples, serializers
from accounts.api.filters import AccountFilter, ApiKeyFilter
from accounts.api.idempotency import idempotent
from accounts.models import Account, ApiKey
from accounts.services.accounts import account_create, account_promote, account_update
from accounts.services.api_keys import api_key_create, api_key_revoke
from accounts.services.merging import Source, account_merge
from config.kit.api.inspector import listed
from config.kit.api.permissions import SIGNED_IN, Scope
from config.kit.api.views import ListOperation, Operation


@listed(
    operation_id="accounts_list",
    tags=["accounts"],
    summary="List the accounts that you may see, newest first",
    responses=serializers.AccountOutput(many=True),
    examples=[examples.ACCOUNT],
)
class AccountList(ListOperation):
    required_scope = Scope.ACCOUNTS_READ
    filterset_class = AccountFilter
    output = serializers.AccountOutput

    def rows(self) -> QuerySet[Account]:
        return selectors.accounts_for(self.principal)


class AccountCreate(Operation):
    required_scope = Scope.ACCOUNTS_WRITE

    @extend_schema(
        operation_id="accounts_create",
        tags=["accounts"],
        summary="Open an account",
        request=serializers.AccountCreateInput,
        responses={201: serializers.AccountOutput},
        examples=[examples.ACCOUNT],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        selectors.demand_back_office(self.principal)
        given = serializers.AccountCreateInput(data=request.data)
        given.is_valid(raise_exception=True)
        account = account_create(**given.validated_data, actor=self.principal.actor, at=self.at)
        return Response(serializers.AccountOutput(account).data, status=status.HTTP_201_CREATED)


class AccountRead(Operation):
    required_scope = Scope.ACCOUNTS_READ

    @extend_schema(
        operation_id="accounts_read",
        tags=["accounts"],
        summary="Read one account",
        responses=serializers.AccountOutput,
        examples=[examples.ACCOUNT],
    )
    def get(self, request: Request, slug: str) -> Response:
        account = selectors.account_get(slug, self.principal)
        return Response(serializers.AccountOutput(account).data)


class AccountUpdate(Operation):
    required_scope = Scope.ACCOUNTS_WRITE

    @extend_schema(
        operation_id="accounts_update",
        tags=["accounts"],
        summary="Change an account's particulars",
        request=serializers.AccountUpdateInput,
        responses=serializers.AccountOutput,
        examples=[examples.ACCOUNT],
    )
    def patch(self, request: Request, slug: str) -> Response:
        account = selectors.account_get(slug, self.principal)
        given = serializers.AccountUpdateInput(data=request.data)
        given.is_valid(raise_exception=True)
        account = account_update(
            account=account, changes=given.validated_data, actor=self.principal.actor, at=self.at
        )
        return Response(serializers.AccountOutput(account).data)


class AccountPromote(Operation):
    required_scope = Scope.ACCOUNTS_WRITE

    @extend_schema(
        operation_id="accounts_promote",
        tags=["accounts"],
        summary="Make a prospect a customer",
        request=None,
        responses=serializers.AccountOutput,
        examples=[examples.ACCOUNT],
    )
    def post(self, request: Request, slug: str) -> Response:
        selectors.demand_back_office(self.principal)
        account = selectors.account_get(slug, self.principal)
        account = account_promote(account=account, actor=self.principal.actor, at=self.at)
        return Response(serializers.AccountOutput(account).data)


class AccountMerge(Operation):
    required_scope = Scope.ACCOUNTS_WRITE

    @extend_schema(
        operation_id="accounts_merge",
        tags=["accounts"],
        summary="Merge an account into another one, with everything it owns",
        description=(
            "The account of the path closes; its licenses, API keys, mail and all else belong to `into` from then"
            " on. Its slug and customer id keep naming the winner, so that storefronts and tokens go on working."
            " Answers with the winner; calling it again changes nothing."
        ),
        request=serializers.AccountMergeInput,
        responses=serializers.AccountOutput,
        examples=[examples.ACCOUNT, examples.MERGE],
    )
    def post(self, request: Request, slug: str) -> Response:
        selectors.demand_back_office(self.principal)
        loser = selectors.account_row(slug)
        given = serializers.AccountMergeInput(data=request.data)
        given.is_valid(raise_exception=True)
        winner = selectors.account_named(given.validated_data["into"], self.principal, field="into")
        keep = {name: Source(value) for name, value in given.validated_data.get("keep", {}).items()}
        merged = account_merge(account=loser, into=winner, keep=keep, actor=self.principal.actor, at=self.at)
        return Response(serializers.AccountOutput(merged).data)


@listed(
    operation_id="api_keys_list",
    tags=["API keys"],
    summary="List the API keys (superadmins only)",
    responses=serializers.ApiKeyOutput(many=True),
    examples=[examples.API_KEY],
)
class ApiKeyList(ListOperation):
    required_scope = Scope.CREDENTIALS_WRITE
    filterset_class = ApiKeyFilter
    output = serializers.ApiKeyOutput

    def rows(self) -> QuerySet[ApiKey]:
        return selectors.api_keys()


class ApiKeyCreate(Operation):
    required_scope = Scope.CREDENTIALS_WRITE

    @extend_schema(
        operation_id="api_keys_create",
        tags=["API keys"],
        summary="Make an API key; the token is in this answer only (superadmins only)",
        request=serializers.ApiKeyCreateInput,
        responses={201: serializers.ApiKeyCreated},
        examples=[examples.API_KEY_CREATED],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        given = serializers.ApiKeyCreateInput(data=request.data)
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = given.validated_data
        named = values.pop("account", None)
        account = None if named is None else selectors.account_named(named, self.principal)
        key, token = api_key_create(**values, account=account, actor=self.principal.actor, at=self.at)
        data = {**serializers.ApiKeyOutput(key).data, "token": token}
        return Response(data, status=status.HTTP_201_CREATED)


class ApiKeyRevoke(Operation):
    required_scope = Scope.CREDENTIALS_WRITE

    @extend_schema(
        operation_id="api_keys_revoke",
        tags=["API keys"],
        summary="Revoke an API key for good (superadmins only)",
        request=None,
        responses=serializers.ApiKeyOutput,
        examples=[examples.API_KEY_REVOKED],
    )
    def post(self, request: Request, prefix: str) -> Response:
        key = selectors.api_key_get(prefix)
        key = api_key_revoke(key=key, actor=self.principal.actor, at=self.at)
        return Response(serializers.ApiKeyOutput(key).data)


class Me(Operation):
    required_scope = SIGNED_IN

    @extend_schema(
        operation_id="me",
        tags=["API keys"],
        summary="Say who these credentials are and what they may do",
        responses=serializers.MeOutput,
        examples=[examples.ME],
    )
    def get(self, request: Request) -> Response:
        caller = self.principal
        return Response(
            {
                "client": caller.client,
                "actor": caller.actor,
                "roles": sorted(caller.roles),
                "scopes": sorted(caller.scopes),
                "groups": sorted(caller.groups),
                "sees_every_group": caller.sees_every_group,
            }
        )
