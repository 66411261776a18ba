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

    def test_satisfies_the_protocol(self, model: DenseModel) -> None:
        assert isinstance(model, DenseModel)

    def test_channels(self, model: DenseModel, region: torch.Tensor) -> None:
        assert model.n_channels == len(region)

    def test_features_are_finite_and_dense(
        self, model: DenseModel, region: torch.Tensor
    ) -> None:
        features = model.features(region)
        assert features.shape[1:] == region.shape[1:]
        assert features.dtype == torch.float32
        assert torch.isfinite(features).all()

    def test_deterministic(self, model: DenseModel, region: torch.Tensor) -> None:
        first, second = model.features(region), model.features(region.clone())
        assert torch.equal(first, second)
        rows = first.flatten(1).T
        assert torch.equal(model.logits(rows), model.logits(rows))

    def test_tile_with_halo_equals_whole(
        self, model: DenseModel, region: torch.Tensor, aligned: int
    ) -> None:
        whole = model.features(region)
        size, halo = 3 * aligned, model.halo
        h, w = region.shape[1:]
        for top in range(0, h, size):
            for left in range(0, w, size):
                t, le = max(top - halo, 0), max(left - halo, 0)
                outer = region[:, t : top + size + halo, le : left + size + halo]
                part = model.features(outer)[:, top - t :, left - le :]
                torch.testing.assert_close(
                    part[:, :size, :size],
                    whole[:, top : top + size, left : left + size],
                    rtol=1e-4,
                    atol=1e-4,
                )

    def test_class_ids_ascend(self, model: DenseModel) -> None:
        assert list(model.class_ids) == sorted(set(model.class_ids))

    def test_logits_are_in_the_order_of_class_ids(
        self,
        model: DenseModel,
        region: torch.Tensor,
        truth: dict[int, tuple[slice, slice]],
    ) -> None:
        features = model.features(region)
        assert set(truth) == set(model.class_ids)
        for class_id, (rows, columns) in truth.items():
            logits = model.logits(features[:, rows, columns].flatten(1).T)
            assert logits.shape[1] == len(model.class_ids)
            best = torch.tensor(model.class_ids)[logits.argmax(1)]
            assert (best == class_id).float().mean() > 0.99
