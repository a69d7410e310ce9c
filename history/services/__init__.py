"""What the rest of the product calls: `record` above all."""

from __future__ import annotations

from history.services.checkpoints import checkpoint, checkpoint_key_ensure
from history.services.exporting import export
from history.services.feed import parked_rerun, reader_register, reader_run, readers_ensure
from history.services.proving import consistency_prove, inclusion_prove
from history.services.recording import InvalidEvent, NewEvent, record, record_many
from history.services.sequencing import sequence
from history.services.verifying import verify

__all__ = [
    "InvalidEvent",
    "NewEvent",
    "checkpoint",
    "checkpoint_key_ensure",
    "consistency_prove",
    "export",
    "inclusion_prove",
    "parked_rerun",
    "reader_register",
    "reader_run",
    "readers_ensure",
    "record",
    "record_many",
    "sequence",
    "verify",
]
