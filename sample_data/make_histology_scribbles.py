"""Write histology.oodscribbles: what a person painted on the histology sample.

Run it after a change here: python sample_data/make_histology_scribbles.py
"""

from __future__ import annotations

from pathlib import Path

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.io.scribble_files import save_scribbles
from napari_ood_seg.core.types import ClassInfo
from napari_ood_seg.samples import stroke_pixels

SHAPE = (512, 512)

# Okabe-Ito colours that stand out: sky blue on brown, yellow on blue, bluish green on
# the pale stroma.
CLASSES = (
    ClassInfo(id=1, name="Gland epithelium (brown)", color="#56B4E9"),
    ClassInfo(id=2, name="Stroma nuclei (blue)", color="#F0E442"),
    ClassInfo(id=3, name="Stroma fibres (pale)", color="#009E73"),
)

# Radius of the pen in pixels, then points as (x, y) in pixels of the picture. The
# white lumina and the empty background are left out: they are the unknown.
STROKES: dict[int, tuple[float, list[list[tuple[float, float]]]]] = {
    1: (
        2.0,
        [
            [(22, 118), (50, 126), (80, 130), (110, 128), (135, 138)],
            [(70, 180), (100, 196), (130, 198), (170, 190), (205, 185)],
            [(190, 25), (215, 45), (232, 70), (246, 100)],
            [(338, 15), (370, 30), (400, 45), (425, 65), (440, 90)],
            [(330, 222), (360, 212), (395, 195), (425, 172), (440, 160)],
            [(65, 295), (95, 330), (115, 370), (132, 415), (130, 455), (120, 490)],
            [(271, 356), (296, 386), (331, 416), (356, 446)],
            [(341, 346), (358, 370), (366, 396), (362, 420)],
        ],
    ),
    2: (
        1.5,
        [
            [(444, 32), (446, 38), (448, 43)],
            [(484, 35), (485, 48), (485, 62)],
            [(492, 136), (491, 149)],
            [(487, 224), (483, 237), (479, 250)],
            [(419, 359), (418, 375), (415, 390)],
            [(404, 346), (406, 358), (407, 371)],
            [(188, 349), (189, 357), (189, 366)],
            [(236, 381), (238, 392), (240, 404)],
            [(210, 420), (217, 428), (223, 435)],
        ],
    ),
    3: (
        2.0,
        [
            [(468, 52), (472, 80), (471, 110), (469, 138)],
            [(165, 338), (170, 356), (172, 375)],
            [(212, 345), (213, 362), (209, 385), (207, 402)],
            [(418, 436), (414, 460), (408, 485), (405, 502)],
            [(338, 312), (352, 308), (366, 316)],
            [(478, 290), (480, 318), (478, 345), (482, 370)],
            [(245, 428), (247, 448), (250, 468)],
        ],
    ),
}


def make() -> Scribbles:
    """Return the strokes, one class after the other."""
    scribbles = Scribbles(shape=SHAPE)
    for class_id, (radius, strokes) in STROKES.items():
        for points in strokes:
            path = [(y, x) for x, y in points]
            pixels = stroke_pixels(path, radius=radius, shape=SHAPE)
            scribbles = scribbles.add(class_id, pixels)
    return scribbles


if __name__ == "__main__":
    save_scribbles(
        Path(__file__).with_name("histology.oodscribbles"),
        make(),
        CLASSES,
        image_name="skimage.data.immunohistochemistry",
    )
