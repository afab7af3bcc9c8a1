"""All tables in one place: importing this fills the metadata. Nothing is defined here."""

from db.ai import AiCall
from db.base import Table
from db.control import Command, EngineStatus, Scheduled, Snapshot
from db.journal import ImportedTrade, JournalConflict, JournalEntry, JournalWord, SavedFilter
from db.live import CashFlow, ExternalTrade, Intent, OrderEvent, Protection, Watermark
from db.orders import Fill, Order
from db.reports import ReportPlan
from db.research import Job, Note, SealOpening, Trial
from db.runs import ConfigVersion, Equity, Instrument, Run, RunMarker, Slot
from db.safety import Alert, AlertChannel, AlertDelivery, Breaker, BreakerEvent, Outage
from db.signals import Signal, SignalOutcome
from db.steering import Allocation, SourceWeight
from db.trades import Position, StopMove, Trade

metadata = Table.metadata

__all__ = [
    "AiCall",
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "Allocation",
    "Breaker",
    "BreakerEvent",
    "CashFlow",
    "Command",
    "ConfigVersion",
    "EngineStatus",
    "Equity",
    "ExternalTrade",
    "Fill",
    "ImportedTrade",
    "Instrument",
    "Intent",
    "Job",
    "JournalConflict",
    "JournalEntry",
    "JournalWord",
    "Note",
    "Order",
    "OrderEvent",
    "Outage",
    "Position",
    "Protection",
    "ReportPlan",
    "Run",
    "RunMarker",
    "SavedFilter",
    "Scheduled",
    "SealOpening",
    "Signal",
    "SignalOutcome",
    "Slot",
    "Snapshot",
    "SourceWeight",
    "StopMove",
    "Trade",
    "Trial",
    "Watermark",
    "metadata",
]
