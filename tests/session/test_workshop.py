from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import DeviceError
from napari_ood_seg.core.types import Prediction, Progress
from napari_ood_seg.session.jobs import Downloaded, Exported, Guided, TileDone, Trained
from napari_ood_seg.session.result import Result
from napari_ood_seg.session.work import (
    ExplainJob,
    ExportJob,
    GuideJob,
    PredictJob,
    TallyJob,
    TrainJob,
)
from napari_ood_seg.session.workshop import Workshop
from tests.contracts.garbage import uncollected
from tests.contracts.owner import GatedImage
from tests.contracts.scenes import assert_same_model, fit, strokes, three_textures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_ood_seg.core.models.instant import InstantModel

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)


class Bench:
    """A workshop, and an image that counts how often it is read."""

    def __init__(self) -> None:
        self.array = GatedImage(three_textures())
        self.array.gate.set()
        self.source = ImageSource.from_array(self.array, axes="YXC", rgb=True)
        self.workshop = Workshop()

    def train(
        self, *, device: str = "cpu", config: InstantConfig = CONFIG
    ) -> list[object]:
        job = TrainJob(
            source=self.source,
            learned=((self.source, strokes()),),
            classes=(),
            config=config,
            device=device,
            plane=(),
        )
        return list(self.workshop.train(job))

    def predict(self, model: InstantModel) -> list[object]:
        job = PredictJob(source=self.source, model=model, device="cpu", plane=())
        return list(self.workshop.predict(job))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def model_of(events: list[object]) -> InstantModel:
    (trained,) = (e for e in events if isinstance(e, Trained))
    return trained.model


def tiles_of(events: list[object]) -> list[TileDone]:
    return [e for e in events if isinstance(e, TileDone)]


def test_training_tells_progress_then_the_model_then_tiles(bench: Bench) -> None:
    kinds = [type(e) for e in bench.train()]
    at = kinds.index(Trained)
    assert set(kinds[:at]) == {Progress}
    assert kinds[at + 1 :] == [TileDone] * 6


def test_model_is_that_of_the_engine(bench: Bench) -> None:
    events = bench.train()
    expected = fit(three_textures(), config=CONFIG)
    assert_same_model(model_of(events), expected.model)
    whole = np.zeros((64, 96), np.float32)
    for tile in tiles_of(events):
        whole[tile.region] = tile.prediction.typicality
    np.testing.assert_allclose(whole, expected.prediction.typicality, atol=0.01)


def test_features_are_kept_between_jobs(bench: Bench) -> None:
    model = model_of(bench.train())
    reads = bench.array.reads
    assert reads > 0
    again = bench.train()
    bench.predict(model_of(again))
    assert bench.array.reads == reads
    assert_same_model(model_of(again), model)


def test_predicting_gives_what_training_did(bench: Bench) -> None:
    events = bench.train()
    fresh = Bench()
    for old, new in zip(
        tiles_of(events), tiles_of(fresh.predict(model_of(events))), strict=True
    ):
        assert old.region == new.region
        np.testing.assert_array_equal(old.prediction.classes, new.prediction.classes)
        np.testing.assert_array_equal(old.prediction.score, new.prediction.score)


def test_other_settings_start_anew(bench: Bench) -> None:
    bench.train()
    reads = bench.array.reads
    bench.train(config=InstantConfig(filters=FilterConfig(sigmas=(1.0,)), tile=32))
    assert bench.array.reads > reads


def test_a_device_that_is_not_there(bench: Bench) -> None:
    with pytest.raises(DeviceError, match="there is no device 'tpu'"):
        bench.train(device="tpu")


def test_export_writes_and_says_so(bench: Bench, tmp_path: Path) -> None:
    model = model_of(bench.train())
    path = tmp_path / "a.npz"
    job = ExportJob(
        source=bench.source,
        model=model,
        device="cpu",
        plane=(),
        path=path,
        keep=0.9,
        classes=(),
        overwrite=False,
    )
    events = list(bench.workshop.export(job))
    assert events[-1] == Exported(path=path)
    expected = fit(three_textures(), config=CONFIG).prediction
    with np.load(path) as archive:
        same = archive["classes"] == expected.labels(keep=0.9)
        assert same.mean() > 0.999


def test_an_export_that_is_stopped_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    model = model_of(bench.train())
    job = ExportJob(
        source=bench.source,
        model=model,
        device="cpu",
        plane=(),
        path=tmp_path / "a.ome.zarr",
        keep=0.9,
        classes=(),
        overwrite=False,
    )
    events = bench.workshop.export(job)
    for _ in range(3):
        next(events)
    events.close()
    assert list(tmp_path.iterdir()) == []


def test_guide_says_where_to_look_and_leaves_the_features_there(bench: Bench) -> None:
    model = model_of(bench.train())
    reads = bench.array.reads
    job = GuideJob(
        source=bench.source,
        model=model,
        scribbles=strokes(),
        classes=(),
        config=CONFIG,
        device="cpu",
        plane=(),
        keep=0.95,
    )
    *steps, guided = bench.workshop.guide(job)
    assert {type(s) for s in steps} == {Progress}
    assert isinstance(guided, Guided)
    assert guided.doubts == ()
    assert guided.groups[0].kind == "unknown"
    assert guided.groups[0].regions[0].point[1] >= 64
    assert bench.array.reads == reads  # everything was kept from the training


def test_guide_without_strokes_has_no_doubts(bench: Bench) -> None:
    model = fit(three_textures(), config=CONFIG).model
    job = GuideJob(
        source=bench.source,
        model=model,
        scribbles=Scribbles((64, 96)),
        classes=(),
        config=CONFIG,
        device="cpu",
        plane=(),
        keep=0.95,
    )
    guided = list(bench.workshop.guide(job))[-1]
    assert isinstance(guided, Guided)
    assert guided.doubts == ()
    assert guided.groups


def explain_job(bench: Bench, model: InstantModel) -> ExplainJob:
    return ExplainJob(
        source=bench.source,
        model=model,
        scribbles=strokes(),
        device="cpu",
        plane=(),
        point=(30, 15),
    )


def test_explaining_uses_the_features_that_there_are(bench: Bench) -> None:
    model = model_of(bench.train())
    reads = bench.array.reads
    found = bench.workshop.explain(explain_job(bench, model))
    assert bench.array.reads == reads
    assert found.best.class_id == 1
    expected = fit(three_textures(), config=CONFIG).prediction
    assert found.typicality == pytest.approx(expected.typicality[30, 15], abs=0.01)
    assert len(found.strokes) == len(strokes().strokes)


def test_explaining_with_a_model_from_elsewhere(bench: Bench) -> None:
    model = model_of(bench.train())
    fresh = Bench()
    found = fresh.workshop.explain(explain_job(fresh, model))
    here = bench.workshop.explain(explain_job(bench, model))
    assert found.score == pytest.approx(here.score, abs=1e-3)
    assert [s.stroke_id for s in found.strokes] == [s.stroke_id for s in here.strokes]


def test_tally_of_a_large_result_takes_a_sample(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(bench.train())
    result = Result((64, 96))
    t = np.broadcast_to(np.linspace(0, 1, 96, dtype=np.float32), (64, 96))
    classes = np.broadcast_to(np.repeat([1, 2, 2], 32).astype(np.uint8), (64, 96))
    result.write(result.whole, Prediction(classes=classes, score=-t, typicality=t))
    whole = bench.workshop.tally(TallyJob.of(model, result))
    assert [c.share for c in whole] == pytest.approx([1 / 3, 2 / 3])
    monkeypatch.setattr("napari_ood_seg.session.work._TALLY_PIXELS", 400)
    job = TallyJob.of(model, result)
    assert job.classes.shape == (16, 24)
    np.testing.assert_array_equal(job.typicality, result.typicality[::4, ::4])
    result.write(  # the job has its own copy
        result.whole, Prediction(classes=classes, score=-t, typicality=0 * t)
    )
    assert job.typicality.max() > 0.9
    some = bench.workshop.tally(job)
    assert [c.share for c in some] == pytest.approx([1 / 3, 2 / 3])


def test_images_that_are_gone_take_no_memory(bench: Bench) -> None:
    """A removed image frees its features at once, not with the next job or garbage."""
    model = model_of(bench.train())
    bench.predict(model)
    stores = [ref(s) for own in bench.workshop._stores().values() for s in own]
    bench.workshop.keep_only((bench.source,))
    assert all(store() is not None for store in stores)
    assert stores
    with uncollected():
        bench.workshop.keep_only(())
        assert all(store() is None for store in stores)
    assert bench.workshop._stores() == {}


def test_a_download_tells_that_the_encoder_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there: set[str] = set()
    progress = Progress(done=3, total=9, stage="downloading")

    def download(name: str) -> Iterator[Progress]:
        yield progress
        there.add(name)

    monkeypatch.setattr("napari_ood_seg.core.io.download.download", download)
    monkeypatch.setattr("napari_ood_seg.core.io.hub.is_on_disk", there.__contains__)
    assert Workshop.on_disk(["a/b", "c/d"]) == frozenset()
    assert list(Workshop.download("a/b")) == [progress, Downloaded(name="a/b")]
    assert Workshop.on_disk(["a/b", "c/d"]) == {"a/b"}


def test_release_drops_all_that_can_be_computed_again(bench: Bench) -> None:
    model = model_of(bench.train())
    bench.predict(model)
    bench.workshop.release()
    assert bench.workshop._stores() == {}
    reads = bench.array.reads
    again = model_of(bench.train())
    assert bench.array.reads > reads
    assert_same_model(model, again)
