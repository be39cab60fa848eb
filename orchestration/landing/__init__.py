"""Landing: agencies' delivered files, checked and brought into candidate and staging tables.

    contracts       what an agency agreed to deliver
    discovery       what lies in the deliveries folder
    delivery_types  what a delivery does to those before it
    registry        one row of quality.load for each file; who was seen before
    readers         bytes to rows, strictly
    staging         the tables a contract asks for
    loader          one file into its candidate tables, in one transaction
    publishing      candidates that passed their gate into staging, in one transaction
    superseding     which rows are current, now and as of any load

Every function that takes a connection leaves no open transaction behind: what it did is
committed, or nothing was done. Do not call them inside a `with connection.transaction()`.
Add here: a step between the file drop and staging. Keep out: judging rows (quality), typing
and cleaning (models/staging).
"""

from orchestration.landing.contracts import Column, Contract, Table, load_contract, load_contracts
from orchestration.landing.delivery_types import order
from orchestration.landing.discovery import DeliveredFile, discover
from orchestration.landing.loader import DeliveryRejected, LoadReport, load_candidate, recover
from orchestration.landing.publishing import drop_candidates, hold, publish
from orchestration.landing.registry import Registration, register, waiting
from orchestration.landing.staging import candidate_table, ensure_staging

__all__ = [
    "Column",
    "Contract",
    "DeliveredFile",
    "DeliveryRejected",
    "LoadReport",
    "Registration",
    "Table",
    "candidate_table",
    "discover",
    "drop_candidates",
    "ensure_staging",
    "hold",
    "load_candidate",
    "load_contract",
    "load_contracts",
    "order",
    "publish",
    "recover",
    "register",
    "waiting",
]
