"""Records by topic; import them from here."""

from __future__ import annotations

from bihuan.records.models.appointments import Appointment, AppointmentStatus, SlotCapacity, SlotUse
from bihuan.records.models.assets import Vehicle
from bihuan.records.models.billing import (
    Charge,
    Payment,
    PaymentMethod,
    Settlement,
    SettlementStatus,
    Voucher,
)
from bihuan.records.models.calls import CallLog
from bihuan.records.models.cases import Case, CaseKind, CaseStatus, Check, LineStatus, OwnKind, Sheet, WorkLine
from bihuan.records.models.catalogue import JobType, Part
from bihuan.records.models.copies import CarbonCopy, CopyOn
from bihuan.records.models.custody import Custody, CustodyMove, HolderKind, Thing
from bihuan.records.models.documents import Attachment, Document, DocumentKind, Signature
from bihuan.records.models.feedback import Feedback, Satisfaction
from bihuan.records.models.imports import ImportRun, ImportStatus
from bihuan.records.models.knowledge import KnowledgeNote
from bihuan.records.models.parties import Contact, Customer, CustomerKind
from bihuan.records.models.reaching import Consent, ConsentMedium, CustomerNotice, CustomerNoticeState
from bihuan.records.models.stock import Stock, StockMove, StockMoveKind

__all__ = [
    "Appointment",
    "AppointmentStatus",
    "Attachment",
    "CallLog",
    "CarbonCopy",
    "Case",
    "CaseKind",
    "CaseStatus",
    "Charge",
    "Check",
    "Consent",
    "ConsentMedium",
    "Contact",
    "CopyOn",
    "Custody",
    "CustodyMove",
    "Customer",
    "CustomerKind",
    "CustomerNotice",
    "CustomerNoticeState",
    "Document",
    "DocumentKind",
    "Feedback",
    "HolderKind",
    "ImportRun",
    "ImportStatus",
    "JobType",
    "KnowledgeNote",
    "LineStatus",
    "OwnKind",
    "Part",
    "Payment",
    "PaymentMethod",
    "Satisfaction",
    "Settlement",
    "SettlementStatus",
    "Sheet",
    "Signature",
    "SlotCapacity",
    "SlotUse",
    "Stock",
    "StockMove",
    "StockMoveKind",
    "Thing",
    "Vehicle",
    "Voucher",
    "WorkLine",
]
