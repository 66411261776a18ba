from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import ndimage as ndi
from skimage.measure import block_reduce

from napari_ood_seg.core.config import FilterConfig
from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.features.descriptor import Descriptor
from napari_ood_seg.core.features.encoder import Encoder, load_encoder
from napari_ood_seg.core.features.filters import enlarge

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])


def conv_weights(
    name: str, n_out: int, n_in: int, size: int
) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(n_out * 100 + n_in)
    weight = torch.randn(n_out, n_in, size, size, generator=generator) / (n_in * size)
    return {
        f"{name}.weight": weight,
        f"{name}.bias": torch.randn(n_out, generator=generator),
    }


def vgg() -> dict[str, torch.Tensor]:
    """Three convolutions; a pool between the second and third, as the numbers say."""
    return (
        conv_weights("features.0", 4, 3, 3)
        | conv_weights("features.2", 5, 4, 3)
        | conv_weights("features.5", 6, 5, 3)
    )


def squeezenet() -> dict[str, torch.Tensor]:
    """SqueezeNet 1.0 up to its second pool, with few channels.

    No weight is negative, or so few channels would all die at the first ReLUs.
    """
    out = conv_weights("features.0", 6, 3, 7)
    before = 6
    for i in (3, 4, 5, 7):
        out |= conv_weights(f"features.{i}.squeeze", 2, before, 1)
        out |= conv_weights(f"features.{i}.expand1x1", 3, 2, 1)
        out |= conv_weights(f"features.{i}.expand3x3", 3, 2, 3)
        before = 6
    positive = {k: v.abs() for k, v in out.items()}
    return positive | conv_weights("classifier.1", 10, 6, 1)


def relu_conv(
    x: npt.NDArray[np.float64], weights: dict[str, torch.Tensor], name: str
) -> npt.NDArray[np.float64]:
    """Convolve with scipy, one pair of channels at a time; borders are mirrored."""
    kernel = weights[f"{name}.weight"].double().numpy()
    bias = weights[f"{name}.bias"].double().numpy()
    out = [
        sum(ndi.correlate(x[i], k[i], mode="mirror") for i in range(len(x))) + b
        for k, b in zip(kernel, bias, strict=True)
    ]
    rectified: npt.NDArray[np.float64] = np.maximum(np.stack(out), 0)
    return rectified


@pytest.fixture
def picture(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return rng.uniform(size=(3, 21, 18))


def test_vgg_equals_scipy(picture: npt.NDArray[np.float64]) -> None:
    weights = vgg()
    encoder = Encoder.from_weights(weights, name="tiny")
    assert encoder.factors == (1, 2)
    stages = encoder(torch.from_numpy(picture).float())
    z = (picture - MEAN[:, None, None]) / STD[:, None, None]
    first = relu_conv(relu_conv(z, weights, "features.0"), weights, "features.2")
    np.testing.assert_allclose(stages[0].numpy(), first, atol=1e-4)
    mirrored = np.pad(first, ((0, 0), (0, 1), (0, 0)), mode="reflect")
    pooled = block_reduce(mirrored, (1, 2, 2), np.max)
    second = relu_conv(pooled, weights, "features.5")
    np.testing.assert_allclose(stages[1].numpy(), second, atol=1e-4)


def test_squeezenet_equals_scipy(picture: npt.NDArray[np.float64]) -> None:
    weights = squeezenet()
    encoder = Encoder.from_weights(weights, name="tiny")
    assert encoder.factors == (2, 4, 8)
    stages = encoder(torch.from_numpy(picture).float())
    z = (picture - MEAN[:, None, None]) / STD[:, None, None]
    first = relu_conv(z, weights, "features.0")[:, ::2, ::2]
    np.testing.assert_allclose(stages[0].numpy(), first, atol=1e-4)
    wide = np.pad(first, ((0, 0), (0, 2), (0, 2)), mode="reflect")
    pooled = ndi.maximum_filter(wide, (1, 3, 3))[:, 1:-1, 1:-1][:, ::2, ::2]
    z = pooled[:, : stages[1].shape[1], : stages[1].shape[2]]
    for i in (3, 4, 5):
        small = relu_conv(z, weights, f"features.{i}.squeeze")
        z = np.concatenate(
            [
                relu_conv(small, weights, f"features.{i}.expand{k}")
                for k in ("1x1", "3x3")
            ]
        )
    np.testing.assert_allclose(stages[1].numpy(), z, atol=1e-4)


def test_a_first_1x1_layer_takes_the_colours_as_they_are() -> None:
    weights = conv_weights("0", 3, 3, 1) | conv_weights("2", 4, 3, 3)
    encoder = Encoder.from_weights(weights, name="own colours")
    assert [s.kind for s in encoder.steps] == ["colour", "conv"]
    x = torch.rand(3, 8, 8)
    colours = torch.einsum("oi,ihw->ohw", weights["0.weight"][:, :, 0, 0], x)
    colours += weights["0.bias"][:, None, None]
    expected = relu_conv(colours.double().numpy(), weights, "2")
    np.testing.assert_allclose(encoder(x)[0].numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("weights", [vgg(), squeezenet()], ids=["vgg", "squeezenet"])
def test_a_region_with_its_halo_equals_the_whole(
    weights: dict[str, torch.Tensor], rng: np.random.Generator
) -> None:
    encoder = Encoder.from_weights(weights, name="tiny")
    x = torch.from_numpy(rng.uniform(size=(3, 160, 160))).float()
    halo, start, size = encoder.halo, 80, 24
    assert halo % max(encoder.factors) == 0
    region = x[
        :, start - halo : start + size + halo, start - halo : start + size + halo
    ]
    for f, whole, part in zip(
        encoder.factors, encoder(x), encoder(region), strict=True
    ):
        a, b, c = start // f, (start + size) // f, halo // f
        n = size // f
        torch.testing.assert_close(whole[:, a:b, a:b], part[:, c : c + n, c : c + n])


@pytest.mark.parametrize("shape", [(1, 1), (5, 2), (33, 47)], ids=str)
def test_sizes_are_those_of_the_pyramid(shape: tuple[int, int]) -> None:
    encoder = Encoder.from_weights(squeezenet(), name="tiny")
    for f, stage in zip(encoder.factors, encoder(torch.rand(3, *shape)), strict=True):
        assert stage.shape[1:] == (-(-shape[0] // f), -(-shape[1] // f))


@pytest.mark.parametrize("weights", [vgg(), squeezenet()], ids=["vgg", "squeezenet"])
def test_stages_are_reduced_at_their_own_stride(
    weights: dict[str, torch.Tensor], rng: np.random.Generator
) -> None:
    encoder = Encoder.from_weights(weights, name="tiny")
    size = (50, 70)
    blocks = np.kron(rng.uniform(size=(3, 5, 7)), np.ones((10, 10)))
    x = torch.from_numpy(blocks + 0.1 * rng.normal(size=(3, *size))).float()
    config = FilterConfig(sigmas=(1.0,), n_features=2)
    descriptor = Descriptor.fit(config, lambda: [x], encoder=encoder)
    assert descriptor.colors is not None
    for f, got, reduction, stage in zip(
        encoder.factors,
        descriptor(x)[1:],
        descriptor.reductions[1:],
        encoder(descriptor.colors(x)),
        strict=True,
    ):
        assert float(stage.flatten(1).std(1).max()) > 0.05
        assert got.shape == (2, -(-size[0] // f), -(-size[1] // f))
        enlarged_first = reduction(enlarge(stage, f, size))
        torch.testing.assert_close(
            enlarge(got, f, size), enlarged_first, rtol=0, atol=1e-4
        )


def test_files_of_both_kinds_give_the_same(tmp_path: Path) -> None:
    torch.save(vgg(), tmp_path / "a.pth")
    save_file(vgg(), tmp_path / "a.safetensors")
    x = torch.rand(3, 16, 16)
    first = load_encoder(tmp_path / "a.pth")(x)
    second = load_encoder(tmp_path / "a.safetensors")(x)
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def write_truncated(path: Path) -> None:
    torch.save(vgg(), path)
    path.write_bytes(path.read_bytes()[:200])


def write_foreign(path: Path) -> None:
    torch.save({"blocks.0.attn.qkv.weight": torch.zeros(3, 3)}, path)


def write_code(path: Path) -> None:
    torch.save({"0.weight": Encoder}, path)  # a class: never unpickled


@pytest.mark.parametrize(
    ("write", "words"),
    [
        pytest.param(lambda path: None, "there are no weights", id="missing"),
        pytest.param(lambda path: path.write_bytes(b"hello"), "damaged", id="text"),
        pytest.param(write_truncated, "damaged", id="truncated"),
        pytest.param(write_foreign, "no known architecture", id="foreign"),
        pytest.param(write_code, "damaged", id="code"),
    ],
)
def test_bad_files_end_in_one_sentence(
    write: object, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    assert callable(write)
    write(path)
    with pytest.raises(FileFormatError, match=words):
        load_encoder(path)
