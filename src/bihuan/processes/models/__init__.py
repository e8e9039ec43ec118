"""Rows of processes by topic; import them from here.

Foreign keys without an index of their own begin another index, or are never searched by.
"""

from __future__ import annotations

from bihuan.processes.models.definitions import Beginning, Definition, Version
from bihuan.processes.models.instances import Incident, Instance, Subscription
from bihuan.processes.models.items import NEVER, Offer, Turn, WorkItem, labelled
from bihuan.processes.models.jobs import Job, OnceKey
from bihuan.processes.models.messages import Message
from bihuan.processes.models.starts import AutoStart
from bihuan.processes.models.sweeps import Sweep, SweepRow

__all__ = [
    "NEVER",
    "AutoStart",
    "Beginning",
    "Definition",
    "Incident",
    "Instance",
    "Job",
    "Message",
    "Offer",
    "OnceKey",
    "Subscription",
    "Sweep",
    "SweepRow",
    "Turn",
    "Version",
    "WorkItem",
    "labelled",
]
