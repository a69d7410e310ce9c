"""Names of enumerations in the OpenAPI document, for drf-spectacular's ENUM_NAME_OVERRIDES."""

from __future__ import annotations

from licenses.models.catalogue import choices
from trials.domain.evidence.words import DeliveryState, NotificationChannel, StageName, State

EVIDENCE_STAGES, EVIDENCE_STATES = choices(StageName), choices(State)
NOTIFICATION_CHANNELS, NOTIFICATION_STATES = choices(NotificationChannel), choices(DeliveryState)
