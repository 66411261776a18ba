"""The pretrained encoders that are offered by name; any other can be named as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEncoder:
    """What a person should know before a download.

    Attributes
    ----------
    name
        ``owner/name`` on Hugging Face.
    title
        For people.
    purpose
        What it was trained on.
    licence
        In words. The owners may change it: what counts is what they say.
    megabytes
        About how large the download is.
    gated
        Whether its owners ask people to log in and to accept terms first.
    source
        The paper.
    """

    name: str
    title: str
    purpose: Literal["general", "pathology"]
    licence: str
    megabytes: int
    gated: bool
    source: str


_DINOV2: Final = "Oquab et al. 2023, arXiv:2304.07193"
_DINOV3: Final = "Siméoni et al. 2025, arXiv:2508.10104"
_DINOV3_LICENCE: Final = "DINOv3 licence (terms of Meta)"
_OWKIN: Final = "Owkin, non-commercial"

CATALOGUE: Final = (
    KnownEncoder(
        name="facebook/dinov2-small",
        title="DINOv2 small",
        purpose="general",
        licence="Apache-2.0",
        megabytes=88,
        gated=False,
        source=_DINOV2,
    ),
    KnownEncoder(
        name="facebook/dinov2-base",
        title="DINOv2 base",
        purpose="general",
        licence="Apache-2.0",
        megabytes=346,
        gated=False,
        source=_DINOV2,
    ),
    KnownEncoder(
        name="facebook/dinov3-vits16-pretrain-lvd1689m",
        title="DINOv3 small",
        purpose="general",
        licence=_DINOV3_LICENCE,
        megabytes=86,
        gated=True,
        source=_DINOV3,
    ),
    KnownEncoder(
        name="facebook/dinov3-convnext-tiny-pretrain-lvd1689m",
        title="DINOv3 ConvNeXt tiny",
        purpose="general",
        licence=_DINOV3_LICENCE,
        megabytes=111,
        gated=True,
        source=_DINOV3,
    ),
    KnownEncoder(
        name="facebook/convnextv2-tiny-1k-224",
        title="ConvNeXt V2 tiny",
        purpose="general",
        licence="Apache-2.0 on the hub, CC BY-NC 4.0 in the authors' repository",
        megabytes=115,
        gated=False,
        source="Woo et al. 2023, arXiv:2301.00808",
    ),
    KnownEncoder(
        name="microsoft/swin-tiny-patch4-window7-224",
        title="Swin tiny",
        purpose="general",
        licence="Apache-2.0",
        megabytes=113,
        gated=False,
        source="Liu et al. 2021, arXiv:2103.14030",
    ),
    KnownEncoder(
        name="owkin/phikon",
        title="Phikon",
        purpose="pathology",
        licence=_OWKIN,
        megabytes=346,
        gated=False,
        source="Filiot et al. 2023, medRxiv:2023.07.21.23292757",
    ),
    KnownEncoder(
        name="owkin/phikon-v2",
        title="Phikon-v2",
        purpose="pathology",
        licence=_OWKIN,
        megabytes=1213,
        gated=False,
        source="Filiot et al. 2024, arXiv:2409.09173",
    ),
)
"""In the order that they are offered in; figures of 2025."""


def known(name: str) -> KnownEncoder | None:
    """Return what is known about an encoder, if anything.

    Examples
    --------
    >>> known("owkin/phikon-v2").licence
    'Owkin, non-commercial'
    """
    return next((e for e in CATALOGUE if e.name == name), None)
