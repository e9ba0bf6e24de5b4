"""Figures in files and on pages."""

import json

import numpy as np

from services.reports.figures import as_json, figure, finite


def test_what_json_cannot_hold_is_null_and_numpy_is_plain():
    told = {"a": float("nan"), "b": [np.float32(0.5), np.int64(3)], 1: (float("inf"), "x", None)}

    assert finite(told) == {"a": None, "b": [0.5, 3], "1": [None, "x", None]}
    assert json.loads(as_json(finite(told)))["b"] == [0.5, 3]


def test_what_differs_behind_the_sixth_digit_gives_the_same_bytes():
    assert as_json(finite({"a": 0.1, "b": 1})) == as_json(finite({"b": 1, "a": 0.1 + 1e-12}))


def test_no_figure_is_a_dash():
    assert [figure(value) for value in (None, float("nan"), 0.5)] == ["–", "–", "0.5000"]
