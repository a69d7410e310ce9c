"""Shapes of the history."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from history.models import Event


class EventOutput(serializers.ModelSerializer[Event]):
    position = serializers.SerializerMethodField(
        help_text="Place in the tree, gapless from 0; null until sequenced."
    )
    data = serializers.DictField(  # type: ignore[assignment] # the event's name; declared fields leave the class
        read_only=True, help_text="Ids, states, counts and hashes."
    )
    at = serializers.DateTimeField(read_only=True, format="%Y-%m-%dT%H:%M:%S.%fZ")

    class Meta:
        model = Event
        fields = ["uid", "position", "kind", "sentence", "subject", "account", "actor", "at", "data"]
        read_only_fields = fields

    def get_position(self, row: Event) -> int | None:
        entry = getattr(row, "entry", None)
        return entry.position if entry else None


class InclusionOutput(serializers.Serializer[Any]):
    """An RFC 6962 inclusion proof, with the keys of the transparency-dev/merkle test data; hashes in base64."""

    desc = serializers.CharField()
    leafIdx = serializers.IntegerField()  # noqa: N815 - the key of that data
    treeSize = serializers.IntegerField()  # noqa: N815 - as above
    root = serializers.CharField()  # type: ignore[assignment] # as above
    leafHash = serializers.CharField()  # noqa: N815 - as above
    proof = serializers.ListField(child=serializers.CharField())
    leaf = serializers.CharField(help_text="The RFC 8785 JSON that is hashed.")
    checkpoint = serializers.CharField(help_text="The signed note that the proof leads to.")


class ConsistencyOutput(serializers.Serializer[Any]):
    """An RFC 6962 consistency proof; hashes in base64."""

    size1 = serializers.IntegerField()
    size2 = serializers.IntegerField()
    root1 = serializers.CharField()
    root2 = serializers.CharField()
    proof = serializers.ListField(child=serializers.CharField())
