from __future__ import annotations

import pytest
from sqlalchemy import Table

from services.accounts.tables import metadata as accounts
from services.anomaly_similarity.tables import metadata as anomaly_similarity
from services.recommendations.tables import metadata as recommendations

TABLES = [
    table
    for metadata in (recommendations, accounts, anomaly_similarity)
    for table in metadata.tables.values()
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_workspace_leads_every_primary_key(table: Table) -> None:
    assert next(iter(table.primary_key.columns)).name == "workspace"
