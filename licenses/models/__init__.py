"""Tables of the license office."""

from licenses.models.catalogue import Plan, Preset, Product
from licenses.models.installations import (
    Activation,
    BeatCursor,
    Installation,
    InstallationDay,
    InstallationSignal,
    NodeCapEpisode,
    PlaceCount,
)
from licenses.models.issuances import Channel, Issuance, Renewal
from licenses.models.jobs import Job, JobRow
from licenses.models.keys import SigningKey
from licenses.models.licenses import License, LicenseUsage
from licenses.models.notes import LicenseNote, StatusReason
from licenses.models.own import SelfLicense
from licenses.models.releases import Release

__all__ = [
    "Activation",
    "BeatCursor",
    "Channel",
    "Installation",
    "InstallationDay",
    "InstallationSignal",
    "Issuance",
    "Job",
    "JobRow",
    "License",
    "LicenseNote",
    "LicenseUsage",
    "NodeCapEpisode",
    "PlaceCount",
    "Plan",
    "Preset",
    "Product",
    "Release",
    "Renewal",
    "SelfLicense",
    "SigningKey",
    "StatusReason",
]
