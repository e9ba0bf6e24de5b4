"""The routes for erasing people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field

from services.recommendations.erasing import Erasures
from services.recommendations.erasures import Receipt
from services.recommendations.schemas import LIST_ID, UserId
from services.security.scopes import Scope
from services.web import paths  # noqa: F401 - `:id` in the routes
from services.web.errors import NotFound
from services.web.gate import Caller, requires
from services.web.schemas import ErrorBody, Id, Responses, Schema

router = APIRouter()

_NONE: Responses = {404: {"model": ErrorBody, "description": "Does not exist in this workspace."}}


class ErasureReceipt(Schema):
    """What is done of an erasure, and since when; None is not yet. It does not tell whose it was."""

    receipt_id: str = Field(examples=[LIST_ID])
    status: Literal["running", "done"]
    requested_at: datetime
    rows_done_at: datetime | None = Field(description="Reactions and lists are deleted.")
    caches_done_at: datetime | None = Field(
        description="Caches are empty, and what was on its way at the time has been dropped."
    )
    model_done_at: datetime | None = Field(
        description="Only models serve that were trained without the user. A rollback may undo it."
    )


async def _erasures(request: Request) -> Erasures:
    erasures: Erasures = request.app.state.erasures
    return erasures


Erasing = Annotated[Erasures, Depends(_erasures)]
# Not `platform:admin`: the program that passes on what people ask for would get the right to empty the
# workspace with it. Who may write the catalogue may already delete what lists are made of.
Writer = Annotated[Caller, requires(Scope.CATALOGUE_WRITE)]
Reader = Annotated[Caller, requires(Scope.RECOMMENDATIONS_READ)]
ReceiptId = Annotated[Id, Path(examples=[LIST_ID])]


@router.delete("/users/{user_id:id}", response_model=ErasureReceipt, status_code=202)
async def erase_user(user_id: UserId, caller: Writer, erasing: Erasing) -> ErasureReceipt:
    """Erase a user: reactions, lists and caches now, the next model without them. Repeating it is safe.

    What the user does afterwards is a stranger's. An unknown user gets a receipt too.
    """
    return _out(await erasing.ask(caller.workspace, user_id))


@router.get("/erasures/{receipt_id:id}", response_model=ErasureReceipt, responses=_NONE)
async def get_erasure(receipt_id: ReceiptId, caller: Reader, erasing: Erasing) -> ErasureReceipt:
    """Tell what of an erasure is done, and since when."""
    receipt = await erasing.receipt(caller.workspace, receipt_id)
    if receipt is None:
        raise NotFound(f"Receipt '{receipt_id}' does not exist.", code="receipt_not_found")
    return _out(receipt)


def _out(receipt: Receipt) -> ErasureReceipt:
    parts = (receipt.rows_done_at, receipt.caches_done_at, receipt.model_done_at)
    return ErasureReceipt(
        receipt_id=receipt.receipt_id,
        status="done" if all(parts) else "running",
        requested_at=receipt.requested_at,
        rows_done_at=receipt.rows_done_at,
        caches_done_at=receipt.caches_done_at,
        model_done_at=receipt.model_done_at,
    )
