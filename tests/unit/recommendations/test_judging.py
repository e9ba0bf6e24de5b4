from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from services.model_store import LoadedVersion, ModelStore
from services.recommendations.datasets import Dataset, NotEnoughData, from_columns
from services.recommendations.judging import judge_models, judge_version
from services.recommendations.loading import MODEL
from services.recommendations.protocols import make_task
from services.recommendations.training import train_on

LATER = 1_000_000.0  # seconds; after everything on the board


def version_of(dataset: Dataset, store: ModelStore) -> LoadedVersion:
    return store.load("default", MODEL, train_on(dataset, store, "default").version)


def test_every_kind_of_model_is_judged_by_what_it_has_not_learned_from(
    checkerboard: Dataset,
) -> None:
    shares: list[float] = []
    found = judge_models(make_task(checkerboard, "leave-last-out"), progress=shares.append)
    by_name = {row.model: row.measures for row in found.rows}
    assert found.rows[0].model == "popularity"
    assert len(by_name) > 1
    assert found.chosen in by_name
    assert {measures.users for measures in by_name.values()} == {40}
    assert by_name["lightfm"].ndcg > by_name["popularity"].ndcg
    assert (found.learned_from, found.held_out) == (len(checkerboard.interactions) - 40, 40)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_the_same_seed_gives_the_same_figures(checkerboard: Dataset) -> None:
    task = make_task(checkerboard, "time-each", relevant="rated")
    one, same = (judge_models(task, seed=3) for _ in range(2))
    assert [row.measures.ndcg for row in one.rows] == [row.measures.ndcg for row in same.rows]


def test_lists_are_as_long_as_asked(checkerboard: Dataset) -> None:
    task = make_task(checkerboard, "time-each")
    short, long = (judge_models(task, k=k).rows[0].measures for k in (1, 15))
    assert short.recall < long.recall
    assert short.coverage < long.coverage


def test_too_little_to_choose_by_is_a_sentence(checkerboard: Dataset) -> None:
    rows = from_columns(["a", "a", "b", "b"], [0, 1, 1, 0], [1.0] * 4, [0.0, 1.0, 2.0, 3.0])
    with pytest.raises(NotEnoughData, match="too little to choose"):
        judge_models(make_task(replace(checkerboard, interactions=rows), "leave-last-out"))


def test_a_version_that_has_seen_what_it_is_judged_by_is_said_to_have(
    checkerboard: Dataset, store: ModelStore
) -> None:
    version = version_of(checkerboard, store)
    found = judge_version(make_task(checkerboard, "time-each"), version)
    assert [row.model for row in found.rows] == ["popularity", version.manifest.version]
    assert found.rows[1].measures.ndcg > found.rows[0].measures.ndcg
    assert "Not a fair figure" in found.notes[0]
    assert "100%" in found.notes[0]


def test_a_version_from_before_it_is_fair(
    make_checkerboard: Callable[..., Dataset], store: ModelStore
) -> None:
    board = make_checkerboard()
    told = board.interactions
    newest = np.concatenate([np.arange(n) >= 2 * n // 3 for n in np.diff(told.starts)])
    later = board.only(replace(told, times=told.times + LATER * newest))
    version = version_of(later.only(later.interactions.where(~newest)), store)
    found = judge_version(make_task(later, "time-each"), version)
    assert "before anything happened" in found.notes[0]


def test_a_version_from_before_a_cleanup_is_refused(
    checkerboard: Dataset, store: ModelStore
) -> None:
    version = version_of(checkerboard, store)
    task = make_task(replace(checkerboard, epoch=1), "time-each")
    with pytest.raises(NotEnoughData, match="cleanup"):
        judge_version(task, version)
