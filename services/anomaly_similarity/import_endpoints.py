"""The routes that import files and give back what was refused."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from services.anomaly_similarity import mapping, schemas
from services.anomaly_similarity.dependencies import NONE, Reader, Recording, Writer
from services.anomaly_similarity.importing import load
from services.anomaly_similarity.imports import Batch, Reject, Source, as_csv
from services.anomaly_similarity.mapping import ImportRefused
from services.web.errors import NotFound, Unprocessable

router = APIRouter()

PATH = "/anomalies/import"
BODY_LIMIT = (
    16 * 1024 * 1024
)  # bytes; some 100,000 work orders, a minute. `akin import` has no limit
MAX_REJECTS = 10_000  # refused rows that are kept to be fetched, some 5 MB; all are counted

HEADER = "line,reason,text\r\n"
_REJECTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The refused rows.",
        "content": {"text/csv": {"example": f"{HEADER}7,timestamp: '2004-02-30' does not exist,…"}},
    }
}


class ImportForm(BaseModel):
    """A CSV file (UTF-8, with a header), and which columns tell what."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile
    map: list[str] = Field(
        min_length=1,
        examples=[["description=OriginalShorttext", "timestamp=BscStartDate", "attributes=FM"]],
    )


@router.post(PATH, response_model=schemas.Imported)
async def import_anomalies(
    form: Annotated[ImportForm, Form(media_type="multipart/form-data")],
    caller: Writer,
    records: Recording,
) -> schemas.Imported:
    """Record the anomalies of a CSV file; what cannot be read is set aside, with the reason.

    `map` says `field=column`, once for each column. Importing a file again changes nothing.
    """
    try:
        source = Source(form.file.file, mapping.parse(form.map))
    except ImportRefused as error:
        detail = {"field": "body.map", "message": str(error)}
        raise Unprocessable(str(error), code="import_refused", details=[detail]) from error
    rejects: list[Reject] = []

    def keep(batch: Batch) -> None:
        rejects.extend(batch.rejects[: MAX_REJECTS - len(rejects)])

    loaded = await load(records, caller.workspace, source, report=keep)
    kept = None
    if rejects:
        kept = await records.keep_rejects(caller.workspace, HEADER + as_csv(rejects))
    return schemas.Imported(
        accepted=loaded.accepted,
        added=loaded.added,
        updated=loaded.updated,
        unchanged=loaded.unchanged,
        rejected=loaded.rejected,
        rejects=f"/imports/{kept}" if kept else None,
    )


@router.get("/imports/{import_id}", response_class=Response, responses=_REJECTS | NONE)
async def get_rejects(import_id: schemas.ImportId, caller: Reader, records: Recording) -> Response:
    """Return the rows that an import refused, as CSV: line, reason, text. They are kept for a week."""
    rejects = await records.kept_rejects(caller.workspace, import_id)
    if rejects is None:
        raise NotFound(f"Import '{import_id}' does not exist.", code="import_not_found")
    name = f'attachment; filename="rejects-{import_id}.csv"'
    return Response(rejects, media_type="text/csv", headers={"Content-Disposition": name})
