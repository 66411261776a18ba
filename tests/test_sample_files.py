from __future__ import annotations

import pytest

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.sample_files import sample_file


def test_missing_file() -> None:
    with pytest.raises(FileFormatError, match="install napari-ood-seg again"):
        sample_file("nothing")


def test_a_file_that_is_there() -> None:
    assert sample_file("absorption.csv").read_text().startswith("substance")
