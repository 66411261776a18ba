from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from napari_ood_seg.core.evaluation.ranking import Curve
from napari_ood_seg.core.evaluation.report import (
    MEASURES,
    Audit,
    HeldOut,
    aligned,
    plain,
    to_json,
)
from napari_ood_seg.core.types import UNKNOWN

NAN = float("nan")
LINE = Curve(x=np.array([0.0, 1.0]), y=np.array([0.0, 0.75]))


def held_out(class_id: int, name: str, auroc: float = 0.8) -> HeldOut:
    return HeldOut(
        id=class_id,
        name=name,
        color="#F0E442",
        auroc=auroc,
        ap=0.7,
        fpr95=0.25,
        ap_by_chance=0.5,
        tpr=0.6,
        kept=0.9,
        taken_for={1: 0.1, 2: 0.3, UNKNOWN: 0.6},
        n_strokes=3,
        n_pixels=120,
        n_folds=3,
        roc=LINE,
        pr=LINE,
    )


@pytest.fixture
def audit() -> Audit:
    return Audit(
        classes=(held_out(1, 'a, "b"'), held_out(2, "<c>\n& d", auroc=NAN)),
        keep=0.95,
        folds="strokes",
        n_images=1,
        n_fits=6,
        confusion=((0.9, 0.0, 0.1), (NAN, NAN, NAN)),
        reliability=LINE,
    )


def test_json_has_everything_and_no_nan(audit: Audit) -> None:
    text = to_json({"audit": audit.to_dict()})
    found = json.loads(text)["audit"]
    assert "NaN" not in text
    assert found["classes"][0]["taken_for"] == {"1": 0.1, "2": 0.3, "255": 0.6}
    assert found["classes"][1]["auroc"] is None
    assert found["confusion"] == [[0.9, 0.0, 0.1], [None, None, None]]
    assert found["answers"] == [1, 2, 255]
    assert found["mean"]["auroc"] == 0.8
    assert found["max_deviation"] == 0.25
    assert found["classes"][0]["roc"] == {"x": [0.0, 1.0], "y": [0.0, 0.75]}
    assert (found["keep"], found["folds"], found["n_fits"]) == (0.95, "strokes", 6)


def test_csv_reads_back(audit: Audit) -> None:
    rows = list(csv.DictReader(io.StringIO(audit.to_csv())))
    assert [r["name"] for r in rows] == ['a, "b"', "<c>\n& d"]
    assert float(rows[0]["fpr95"]) == 0.25
    assert rows[1]["auroc"] == ""
    assert float(rows[0]["taken_for_2"]) == 0.3
    assert rows[0]["keep"] == "0.95"


def test_text_has_a_row_for_each_class_and_the_means(audit: Audit) -> None:
    named = replace(audit, classes=(held_out(1, "a"), held_out(2, "b", auroc=NAN)))
    head, *rows = (line.split() for line in named.to_text().splitlines())
    assert " ".join(head) == "held out AUROC AP FPR95 TPR kept mistaken for"
    assert rows[0] == ["a", "0.800", "0.700", "0.250", "0.600", "0.900", "b"]
    assert rows[1][1] == "-"
    assert rows[2][:2] == ["mean", "0.800"]


def test_means_leave_out_what_is_not_defined(audit: Audit) -> None:
    assert tuple(audit.mean) == MEASURES
    assert audit.mean["auroc"] == 0.8


def test_never_mistaken() -> None:
    right = replace(held_out(1, "a"), taken_for={1: 0.0, 2: 0.0, UNKNOWN: 1.0})
    assert right.mistaken_for is None
    assert held_out(1, "a").mistaken_for == 2


def test_plain_values() -> None:
    values = [np.float32(0.5), np.int64(3), np.array([1.0, np.inf]), None, "x", True]
    assert plain(values) == [0.5, 3, [1.0, None], None, "x", True]
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"a": NAN})


def test_columns_are_aligned() -> None:
    assert aligned([["", "x"], ["name", "12"]]) == "       x\nname  12"
