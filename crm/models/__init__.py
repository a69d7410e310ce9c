from __future__ import annotations

from crm.models.people import FormerAddress, Person, PersonEmail, PersonLicense, PersonNote, Touchpoint
from crm.models.section import Section
from crm.models.sync import Connection, CrmLink, InboundChange, SyncConflict, SyncJob, SyncRun
from crm.models.tasks import Task, TaskRule

__all__ = [
    "Connection",
    "CrmLink",
    "FormerAddress",
    "InboundChange",
    "Person",
    "PersonEmail",
    "PersonLicense",
    "PersonNote",
    "Section",
    "SyncConflict",
    "SyncJob",
    "SyncRun",
    "Task",
    "TaskRule",
    "Touchpoint",
]
