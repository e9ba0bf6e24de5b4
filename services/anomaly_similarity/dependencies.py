"""What the routes get from the application that `app.py` wired."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from services.anomaly_similarity import searching, waiting
from services.anomaly_similarity.asking import Asker
from services.anomaly_similarity.callbacks import Rules
from services.anomaly_similarity.directory import Directory
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.vocabulary_editing import VocabularyEditor
from services.model_store import ModelStore
from services.security.scopes import Scope
from services.web.gate import Caller, requires
from services.web.schemas import ErrorBody, Responses


def _kept(name: str) -> Any:
    async def of_the_application(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(of_the_application)


Recording = Annotated[Records, _kept("anomaly_records")]
OfComponents = Annotated[Directory, _kept("components")]
OfProfiles = Annotated[Directory, _kept("profiles")]
Asking = Annotated[Asker, _kept("similarity_asker")]
Awaiting = Annotated[waiting.Waiting, _kept("similarity_waiting")]
Searching = Annotated[searching.Searching, _kept("similarity_searching")]
CallbackRules = Annotated[Rules, _kept("callback_rules")]
OfVocabulary = Annotated[VocabularyEditor, _kept("vocabulary")]
Stored = Annotated[ModelStore, _kept("similarity_models")]
Reader = Annotated[Caller, requires(Scope.ANOMALIES_READ)]
Writer = Annotated[Caller, requires(Scope.ANOMALIES_WRITE)]

NONE: Responses = {404: {"model": ErrorBody, "description": "Does not exist in this workspace."}}
