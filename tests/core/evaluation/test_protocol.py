from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import napari_ood_seg.core as ood
from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError, ModelMismatchError, ScribbleError
from napari_ood_seg.core.evaluation import ranking
from napari_ood_seg.core.evaluation.protocol import leave_class_out
from napari_ood_seg.core.evaluation.splits import make_plan
from napari_ood_seg.core.inference.predict import predict
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
from napari_ood_seg.core.types import UNKNOWN, ClassInfo, Progress
from napari_ood_seg.samples import load_sample
from tests.contracts.scenes import CPU, MIDDLE, drive, strip, strokes, three_textures

if TYPE_CHECKING:
    from napari_ood_seg.core.evaluation.report import Audit
    from napari_ood_seg.core.evaluation.splits import Spot, Trial

QUICK = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)))
NAMES = ["left", "middle", "right"]


def run(*images: Scribbled, keep: float = 0.95, config: InstantConfig = QUICK) -> Audit:
    steps = leave_class_out(images, (), config=config, device=CPU, keep=keep)
    return drive(steps)


def scene(*class_ids: int, seed: int = 0) -> Scribbled:
    image = ImageSource.from_array(three_textures(seed=seed))
    return Scribbled(image, strokes(*(class_ids or (1, 2, 3))))


def same(a: Audit, b: Audit) -> bool:
    return a.to_dict() == b.to_dict()


@pytest.fixture(scope="module")
def three() -> Audit:
    return run(scene())


# ------------------------------------------------------------------------- values


def test_textures_that_differ_are_told_apart(three: Audit) -> None:
    assert [c.id for c in three.classes] == [1, 2, 3]
    for c in three.classes:
        assert c.auroc > 0.99
        assert c.ap > 0.98
        assert c.fpr95 < 0.05
        assert c.tpr > 0.95
        assert c.kept > 0.75
        assert c.ap_by_chance == pytest.approx(1 / 3)
        assert (c.n_strokes, c.n_pixels, c.n_folds) == (3, 3 * 54, 3)
    assert (three.folds, three.n_images, three.n_fits) == ("strokes", 1, 9)


def test_a_class_painted_as_two_is_mistaken_for_its_twin() -> None:
    """Half the strokes of one texture under another name: nothing to tell."""
    scribbles = strokes(1)
    for i, row in enumerate(range(8, 56, 6)):
        scribbles = scribbles.add(2 + i % 2, strip(row, MIDDLE))
    image = ImageSource.from_array(three_textures())
    found = {c.id: c for c in run(Scribbled(image, scribbles)).classes}
    for own, twin in ((2, 3), (3, 2)):
        assert found[own].mistaken_for == twin
        assert found[own].tpr < 0.4
        assert found[own].auroc < 0.8
    assert found[1].auroc > 0.99
    assert found[1].mistaken_for is None


def expected(trial: Trial, job: Scribbled) -> dict[str, float]:
    """Return the measures of a trial from a map of the whole image."""
    trainer = InstantTrainer(QUICK, device=CPU)
    model = drive(trainer.fit(trial.training, ()))
    store = trainer.store(job.source)
    assert store is not None
    whole = predict(model, store)

    def at(spots: tuple[Spot, ...], values: np.ndarray) -> list[np.ndarray]:
        return [values[tuple(s.piece.coords.T)] for s in spots]

    known, unknown = at(trial.known, whole.score), at(trial.unknown, whole.score)
    scores = np.concatenate([*known, *unknown])
    positive = np.arange(len(scores)) >= sum(map(len, known))
    # three strokes of one size on each class: two known classes, one piece of each
    weights = np.where(positive, 1 / sum(map(len, unknown)), 1 / len(known[0]))
    labels = whole.labels(keep=0.9)
    return {
        "auroc": ranking.auroc(scores, positive, weights),
        "ap": ranking.average_precision(scores, positive, weights),
        "fpr95": ranking.fpr_at_tpr(scores, positive, weights),
        "tpr": float(np.mean(np.concatenate(at(trial.unknown, labels)) == UNKNOWN)),
        "kept": float(
            np.mean([(k != UNKNOWN).mean() for k in at(trial.known, labels)])
        ),
    }


def test_equals_maps_of_whole_images() -> None:
    noisy = three_textures()
    noisy += np.random.default_rng(1).normal(0, 1.5, noisy.shape).astype(np.float32)
    job = Scribbled(ImageSource.from_array(noisy), strokes(1, 2, 3))
    rows: dict[int, list[dict[str, float]]] = {1: [], 2: [], 3: []}
    for group in make_plan([job], ()).rounds:
        for trial in group:
            rows[trial.class_id].append(expected(trial, job))
    audit = run(job, keep=0.9)
    for c in audit.classes:
        for name in ("auroc", "ap", "fpr95", "tpr", "kept"):
            mean = np.mean([row[name] for row in rows[c.id]])
            assert getattr(c, name) == pytest.approx(mean, abs=0.01), name
    assert min(c.auroc for c in audit.classes) < 0.999  # else nothing is tested


def test_tables_add_up(three: Audit) -> None:
    for c in three.classes:
        assert sum(c.taken_for.values()) == pytest.approx(1)
        assert c.taken_for[UNKNOWN] == c.tpr
        assert c.taken_for[c.id] == 0
    assert np.sum(three.confusion, axis=1) == pytest.approx(1)
    assert three.answers == (1, 2, 3, UNKNOWN)
    assert three.mean["auroc"] == pytest.approx(
        np.mean([c.auroc for c in three.classes])
    )
    kept = np.interp(0.95, three.reliability.x, three.reliability.y)
    assert kept == pytest.approx(three.mean["kept"], abs=1e-6)
    assert kept == pytest.approx(1 - np.mean(three.confusion, axis=0)[-1], abs=1e-6)


def test_keeping_more_calls_less_unknown() -> None:
    low, high = run(scene(), keep=0.5), run(scene(), keep=1.0)
    assert low.mean["kept"] < high.mean["kept"] == 1
    assert low.mean["tpr"] >= high.mean["tpr"]
    assert low.mean["auroc"] == high.mean["auroc"]


def test_smoothing_along_edges_is_audited_too(three: Audit) -> None:
    audit = run(scene(), config=replace(QUICK, edge_aware=True))
    assert audit.mean["auroc"] > 0.99
    assert audit.to_dict() != three.to_dict()


def test_two_classes_and_cut_strokes() -> None:
    one_each = Scribbles((64, 96))
    for class_id, places in ((1, 10), (2, 45)):
        rows = np.mgrid[10:50, places : places + 3].reshape(2, -1).T
        one_each = one_each.add(class_id, rows)
    audit = run(Scribbled(ImageSource.from_array(three_textures()), one_each))
    assert [c.n_folds for c in audit.classes] == [2, 2]
    assert audit.mean["auroc"] > 0.95


# ------------------------------------------------------------------ several images


def test_images_are_kept_apart() -> None:
    jobs = [scene(seed=i) for i in range(3)]
    audit = run(*jobs)
    assert (audit.folds, audit.n_images, audit.n_fits) == ("images", 3, 9)
    assert audit.mean["auroc"] > 0.98


def test_images_with_a_class_each_have_their_strokes_kept_apart() -> None:
    audit = run(scene(1), scene(2, seed=1))
    assert audit.folds == "strokes"
    assert audit.mean["auroc"] > 0.95


# ------------------------------------------------------------- behaviour of the task


def test_the_same_again(three: Audit) -> None:
    assert same(run(scene()), three)


def test_progress_runs_from_nothing_to_all() -> None:
    job = scene()
    told = list(leave_class_out([job], (), config=QUICK, device=CPU))
    own = [p for p in told if p.stage == "holding classes out"]
    assert {p.total for p in own} == {9}
    assert [p.done for p in own] == sorted(p.done for p in own)
    assert own[-1].done == 9
    assert {p.stage for p in told} >= {"computing features", "fitting"}


def test_stopping_halfway_leaves_the_scribbles_alone() -> None:
    job = scene()
    before = job.scribbles.to_labels().copy()
    steps = leave_class_out([job], (), config=QUICK, device=CPU)
    for _ in range(20):
        next(steps)
    steps.close()
    np.testing.assert_array_equal(job.scribbles.to_labels(), before)


def test_errors() -> None:
    with pytest.raises(ScribbleError, match="there is only one"):
        run(scene(1))
    with pytest.raises(ScribbleError, match="no scribbles yet"):
        run(Scribbled(scene().source, Scribbles((64, 96))))
    with pytest.raises(ScribbleError, match="9 x 9 pixels but the image"):
        run(Scribbled(scene().source, Scribbles((9, 9)).add(1, [(0, 0)])))
    other = ImageSource.from_array(three_textures(5), axes="YXC")
    with pytest.raises(ModelMismatchError, match="differ"):
        run(scene(), Scribbled(other, strokes()))
    flat = ImageSource.from_array(np.ones((64, 96)))
    with pytest.raises(ImageError, match="constant"):
        run(Scribbled(flat, strokes()))


# ------------------------------------------------------------------------------ api


def test_audit_takes_what_train_takes(three: Audit) -> None:
    image, mask = three_textures(), strokes(1, 2, 3).to_labels()
    told: list[Progress] = []
    found = ood.audit(
        image,
        mask,
        classes=[*NAMES[:2], ClassInfo(id=3, name="right", color="#123456")],
        config=QUICK,
        device="cpu",
        keep=0.8,
        on_progress=told.append,
    )
    assert [c.name for c in found.classes] == NAMES
    assert found.classes[2].color == "#123456"
    assert found.keep == 0.8
    assert found.mean["auroc"] == pytest.approx(three.mean["auroc"], abs=0.01)
    assert told[-1].done == told[-1].total


@pytest.mark.slow
@pytest.mark.parametrize("name", ["histology", "hyperspectral"])
def test_samples_take_seconds(name: str) -> None:
    sample = load_sample(name)
    start = time.perf_counter()
    audit = ood.audit(sample.image, sample.scribbles, classes=sample.classes)
    assert time.perf_counter() - start < 60
    assert audit.mean["auroc"] > 0.9
    assert audit.mean["kept"] > 0.85
