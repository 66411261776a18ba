from __future__ import annotations

import re

import pytest

from napari_ood_seg.core.features.catalogue import CATALOGUE, KnownEncoder, known
from napari_ood_seg.core.io.hub import is_name


@pytest.mark.parametrize("encoder", CATALOGUE, ids=lambda e: e.name)
def test_each_can_be_asked_for_and_looked_up(encoder: KnownEncoder) -> None:
    assert is_name(encoder.name)
    assert known(encoder.name) is encoder
    assert re.search(r"20\d\d, (arXiv:\d{4}\.\d{5}|medRxiv:)", encoder.source)
    assert 10 < encoder.megabytes < 2000


def test_names_and_titles_are_unique() -> None:
    assert len({e.name for e in CATALOGUE}) == len(CATALOGUE)
    assert len({e.title for e in CATALOGUE}) == len(CATALOGUE)


def test_those_with_terms() -> None:
    """Gated ones, and those that forbid commercial use, as their pages say."""
    gated = {e.name for e in CATALOGUE if e.gated}
    assert gated == {e.name for e in CATALOGUE if "dinov3" in e.name}
    assert all("non-commercial" in e.licence for e in CATALOGUE if "owkin" in e.name)
    assert known("nobody/knows-this") is None
