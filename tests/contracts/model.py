"""What every DenseModel must do. Subclass in the test of each model."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest
import torch

from napari_ood_seg.core.models.base import DenseModel


class DenseModelContract(ABC):
    """Subclasses give a fitted model and the region that it was fitted on."""

    @pytest.fixture
    @abstractmethod
    def model(self) -> DenseModel: ...

    @pytest.fixture
    @abstractmethod
    def region(self) -> torch.Tensor: ...

    @pytest.fixture
    @abstractmethod
    def aligned(self) -> int:
        """Multiple at which a tile may start."""

    @pytest.fixture
    @abstractmethod
    def truth(self) -> dict[int, tuple[slice, slice]]:
        """Where each class surely is."""

    def logits(self, model: DenseModel, region: torch.Tensor) -> torch.Tensor:
        _, h, w = region.shape
        return model.logits(model.features(region), (h, w))

    def test_satisfies_the_protocol(self, model: DenseModel) -> None:
        assert isinstance(model, DenseModel)

    def test_channels(self, model: DenseModel, region: torch.Tensor) -> None:
        assert model.n_channels == len(region)

    def test_features_and_logits_are_finite(
        self, model: DenseModel, region: torch.Tensor
    ) -> None:
        for level in model.features(region):
            assert level.dtype == torch.float32
            assert torch.isfinite(level).all()
        logits = self.logits(model, region)
        assert logits.shape == (len(model.class_ids), *region.shape[1:])
        assert torch.isfinite(logits).all()

    def test_deterministic(self, model: DenseModel, region: torch.Tensor) -> None:
        again = model.features(region.clone())
        for first, second in zip(model.features(region), again, strict=True):
            assert torch.equal(first, second)
        assert torch.equal(self.logits(model, region), self.logits(model, region))

    def test_tile_with_halo_equals_whole(
        self, model: DenseModel, region: torch.Tensor, aligned: int
    ) -> None:
        whole = self.logits(model, region)
        size, halo = 3 * aligned, model.halo
        assert halo % aligned == 0
        h, w = region.shape[1:]
        n_smaller = 0
        for top in range(0, h, size):
            for left in range(0, w, size):
                t, le = max(top - halo, 0), max(left - halo, 0)
                outer = region[:, t : top + size + halo, le : left + size + halo]
                n_smaller += outer.shape != region.shape
                part = self.logits(model, outer)[:, top - t :, left - le :]
                torch.testing.assert_close(
                    part[:, :size, :size],
                    whole[:, top : top + size, left : left + size],
                    rtol=1e-4,
                    atol=1e-3,
                )
        assert n_smaller > 0, "the region is too small for this test"

    def test_class_ids_ascend(self, model: DenseModel) -> None:
        assert list(model.class_ids) == sorted(set(model.class_ids))

    def test_logits_are_in_the_order_of_class_ids(
        self,
        model: DenseModel,
        region: torch.Tensor,
        truth: dict[int, tuple[slice, slice]],
    ) -> None:
        assert set(truth) == set(model.class_ids)
        best = torch.tensor(model.class_ids)[self.logits(model, region).argmax(0)]
        for class_id, where in truth.items():
            assert (best[where] == class_id).float().mean() > 0.99
