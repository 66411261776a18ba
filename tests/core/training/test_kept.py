from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import FileFormatError, OutputError
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.kept import (
    file_of,
    forget,
    kept_since,
    prepare_folder,
    seen_before,
    told,
)
from tests.contracts.networks import SMALL
from tests.contracts.scenes import LEFT, strip, strokes, three_textures

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ood_seg.core.training.warm import Seen


def image(*, seed: int = 0, name: str = "it") -> Scribbled:
    source = ImageSource.from_array(three_textures(seed=seed), axes="YXC", name=name)
    return Scribbled(source, strokes())


def test_the_same_strokes_have_the_same_file(tmp_path: Path) -> None:
    """Whatever an image is called when it is opened again."""
    first = file_of(tmp_path, [image()], SMALL)
    assert first.parent == tmp_path
    assert file_of(tmp_path, [image(name="again")], SMALL) == first
    it = image()
    others = [
        file_of(tmp_path, [image(seed=1)], SMALL),
        file_of(tmp_path, [image(), image()], SMALL),
        file_of(tmp_path, [image()], replace(SMALL, steps=13)),
        file_of(
            tmp_path,
            [it._replace(scribbles=it.scribbles.add(1, strip(20, LEFT)))],
            SMALL,
        ),
        file_of(
            tmp_path,
            [it._replace(scribbles=type(it.scribbles)(it.scribbles.shape))],
            SMALL,
        ),
    ]
    assert len({first, *others}) == 6


def test_what_was_seen_before_comes_back(tmp_path: Path) -> None:
    it, path = image(), tmp_path / "a.training"
    seen: Seen = {(it.source, ()): np.array([3, 5, 800])}
    torch.save({"about": told([it], seen)}, path)
    again = image()
    found = seen_before(path, [again])
    assert found is not None
    assert list(found) == [(again.source, ())]
    np.testing.assert_array_equal(found[again.source, ()], [3, 5, 800])
    torch.save({"about": told([it], None)}, path)
    assert seen_before(path, [again]) is None


@pytest.mark.parametrize("content", [{}, {"about": {"before": [[7, [], None]]}}])
def test_other_files_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "a.training"
    torch.save(content, path)
    with pytest.raises(FileFormatError, match="is damaged: train a network anew"):
        seen_before(path, [image()])


def test_what_nobody_takes_up_is_removed_after_a_month(tmp_path: Path) -> None:
    old, new, other = (tmp_path / n for n in ("a.training", "b.training", "c.txt"))
    for path in (old, new, other):
        path.write_bytes(b"")
    for path in (old, other):
        os.utime(path, (0, 1_000_000))
    prepare_folder(tmp_path)
    assert set(tmp_path.iterdir()) == {new, other}


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be kept in"):
        prepare_folder(tmp_path / "file" / "training")
    prepare_folder(tmp_path / "new" / "training")
    assert (tmp_path / "new" / "training").is_dir()


def test_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.training"
    assert kept_since(path) is None
    path.write_bytes(b"")
    os.utime(path, (0, 1234.5))
    assert kept_since(path) == pytest.approx(1234.5)
    forget(path)
    forget(path)
    forget(None)
    assert not path.exists()
