from __future__ import annotations

import pytest
import torch

from napari_ood_seg.core.config import FilterConfig
from napari_ood_seg.core.features import descriptor as module
from napari_ood_seg.core.features.channels import ColorMap, mixed
from napari_ood_seg.core.features.descriptor import Descriptor
from napari_ood_seg.core.features.seen import Seen
from tests.contracts.scenes import three_textures

QUICK = FilterConfig(sigmas=(0.5, 2.0))


def image(n_channels: int) -> torch.Tensor:
    return torch.from_numpy(three_textures(n_channels)).permute(2, 0, 1) + 1


def in_memory(x: torch.Tensor, first: str) -> torch.Tensor:
    """The same values with channels or with pixels first in memory."""
    if first == "channels":
        return x.contiguous()
    return x.permute(1, 2, 0).contiguous().permute(2, 0, 1)


@pytest.mark.parametrize("first", ["channels", "pixels"])
def test_sums_of_channels_are_those_of_einsum(first: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(5, 40, 30, generator=generator)
    weights = torch.rand(2, 5, generator=generator)
    expected = torch.einsum("kc,chw->khw", weights, x)[:, 3:17, 5:]
    found = mixed(weights, in_memory(x, first)[:, 3:17, 5:])
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous()


@pytest.mark.parametrize("spectral", ["auto", "snv", "derivative"])
@pytest.mark.parametrize("first", ["channels", "pixels"])
@pytest.mark.parametrize("n_channels", [3, 12])
def test_rows_at_a_time_are_the_whole_as_it_lies_in_memory(
    n_channels: int, first: str, spectral: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = image(n_channels)
    config = FilterConfig(sigmas=(0.5, 2.0), spectral=spectral)  # type: ignore[arg-type]
    descriptor = Descriptor.fit(config, lambda: iter([x]))
    x[1, 4, 5] = float("nan")
    whole = descriptor.see(x)
    monkeypatch.setattr(module, "_VALUES", 7 * n_channels * x.shape[2])
    parts = descriptor.see(in_memory(x, first))
    torch.testing.assert_close(parts.channels, whole.channels, rtol=1e-4, atol=1e-4)
    assert parts.colors is None
    assert parts.unusable.nonzero().tolist() == [[4, 5]]
    assert torch.equal(parts.unusable, whole.unusable)


def test_what_is_seen_is_joined_row_by_row() -> None:
    x = image(5)
    colors = ColorMap.fit([x])(x)
    broken = torch.zeros(x.shape[1:], dtype=torch.bool)
    broken[7] = True
    parts = [
        Seen(x[:, a:b], colors[:, a:b], broken[a:b]) for a, b in ((0, 9), (9, None))
    ]
    found = Seen.joined(parts)
    assert torch.equal(found.channels, x)
    assert found.colors is not None
    assert torch.equal(found.colors, colors)
    assert torch.equal(found.unusable, broken)
    without = Seen.joined([Seen(x, None, broken)] * 2)
    assert without.colors is None


def test_a_look_gives_the_features_of_each_part_and_the_statistics() -> None:
    x, other = image(3), image(3).flip(1) * 2
    descriptor = Descriptor.fit(QUICK, lambda: iter([x]))
    look = descriptor.look(other)
    adapted = descriptor.adapted(lambda: iter([other]), look)
    again = descriptor.adapted(lambda: iter([other]))
    spans = [(8, 40), (16, 64)]
    expected = again(other, spans)
    for found, wanted in zip(adapted.reduced(look.raw, spans), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
