"""Fit the deep engine: a network trained on the scribbles, then closed-form heads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from napari_ood_seg.core.config import SPECTRAL_FROM
from napari_ood_seg.core.data.alike import joined
from napari_ood_seg.core.features import pretrained
from napari_ood_seg.core.features.channels import ColorMap, fit_channels
from napari_ood_seg.core.features.reading import sample_regions
from napari_ood_seg.core.features.trainable import facts_of
from napari_ood_seg.core.models import backbone, spectral
from napari_ood_seg.core.models.efficient import EfficientUNet, load_pretrained
from napari_ood_seg.core.models.network import Network, build
from napari_ood_seg.core.models.unet import initialise
from napari_ood_seg.core.training.about import colours_of
from napari_ood_seg.core.training.distributed import Alone
from napari_ood_seg.core.training.heads import Heads
from napari_ood_seg.core.training.instant import InstantTrainer, check, painted_plane
from napari_ood_seg.core.training.patches import Painted, Patches, only
from napari_ood_seg.core.training.steps import Training
from napari_ood_seg.core.training.warm import Cuts, Start, cut, may_go_on, take_over
from napari_ood_seg.core.types import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.features.channels import ChannelMap
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.models.staged import StagedNet
    from napari_ood_seg.core.training.instant import Scribbled
    from napari_ood_seg.core.training.warm import Seen
    from napari_ood_seg.core.types import ClassInfo


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A training, and what it is of.

    Attributes
    ----------
    class_ids
        Ascending: the order of the logits.
    seen
        The pixels that are learned from, now or before; see `Start`.
    before
        Those of before; `None` if the network began from scratch.
    """

    training: Training
    class_ids: tuple[int, ...]
    seen: Seen = field(repr=False)
    before: Seen | None = field(repr=False)

    def start(self) -> Start:
        """Return the best network until now, for another training to go on from."""
        network = _frozen(self.training)
        return Start(network=network, class_ids=self.class_ids, seen=self.seen)


class DeepTrainer:
    """Trains a network on scribbled pixels, then detectors on its decoder.

    Some strokes are held out of training: they say when to stop, and whether the
    network tells the classes apart better than filters do. What is unknown is the
    filters' business unless the settings say otherwise.

    Parameters
    ----------
    config
        Settings.
    device
        Where everything is computed.
    checkpoint
        File that training is written to at each check, and goes on from.
    together
        The processes that train together, see `launch`; their device is used.

    Attributes
    ----------
    last
        The last network, to give to the next `fit` when strokes were added.
    """

    def __init__(
        self,
        config: DeepConfig,
        *,
        device: torch.device,
        checkpoint: Path | None = None,
        together: Alone | None = None,
    ) -> None:
        self.config = config
        self.together = Alone(device) if together is None else together
        self.device = self.together.device
        self.checkpoint = checkpoint
        self.last: Start | None = None

    def fit(
        self,
        images: Sequence[Scribbled],
        classes: Sequence[ClassInfo],
        *,
        start: Start | None = None,
    ) -> Generator[Progress, None, InstantModel]:
        """Fit to all scribbles on all images; raises what `InstantTrainer.fit` does.

        Parameters
        ----------
        start
            A network to go on from, with fewer steps. It is not used if it has other
            channels, or has learned from all that could be held out of a class.

        Raises
        ------
        FileFormatError
            If the checkpoint is damaged or of another training.
        DependencyError, EncoderError
            If the network needs a package that is not installed, or weights that are
            not on this machine.
        DeviceError
            If memory does not hold a single small patch.
        """
        prepared = yield from self._fit_network(images, start)
        heads = self.heads(prepared)
        model = yield from heads.fit(images, classes)
        remarks = (*_remarks(prepared.training), *self._on_colours(images))
        if not heads.is_used:
            plain = InstantTrainer(self.config.heads, device=self.device)
            model = yield from plain.fit(images, classes)
            remarks = (*remarks, heads.verdict)
        return replace(model, remarks=(*remarks, *model.remarks))

    def heads(self, prepared: Prepared) -> Heads:
        """Return what fits detectors beside the network that there is now."""
        network = _frozen(prepared.training)
        return Heads(network, prepared.seen, self.config, device=self.device)

    def fit_network(
        self, images: Sequence[Scribbled], *, start: Start | None = None
    ) -> Generator[Progress, None, Network]:
        """Train the network alone, as processes do that write no model."""
        prepared = yield from self._fit_network(images, start)
        return _frozen(prepared.training)

    def _fit_network(
        self, images: Sequence[Scribbled], start: Start | None
    ) -> Generator[Progress, None, Prepared]:
        yield Progress(done=0, total=0, stage="measuring the image")
        prepared = self.prepare(images, start=start)
        yield from prepared.training.run(self.checkpoint)
        self.last = prepared.start()
        return prepared

    def prepare(
        self,
        images: Sequence[Scribbled],
        *,
        start: Start | None = None,
        before: Seen | None = None,
    ) -> Prepared:
        """Return the training of a network, before its first step; see `fit`.

        Parameters
        ----------
        start
            See `fit`.
        before
            `Prepared.before` of a training whose checkpoint is to be gone on from.
        """
        check(images)
        if start is not None and not may_go_on(start, images, self.config.hold_one_in):
            start = None
        sources = joined([image.source for image in images])
        read = [i._replace(source=s) for i, s in zip(images, sources, strict=True)]
        channels = self._channels(read)
        net, start = self._network(read, channels, start)
        if start is not None:
            before = start.seen
        known = before or {}
        cuts = cut(images, self.config.hold_one_in, seen=known)
        return Prepared(
            training=self._training(net, read, channels, cuts, warm=before is not None),
            class_ids=_class_ids(images),
            seen=cuts.seen(images, known),
            before=before,
        )

    def _channels(self, images: Sequence[Scribbled]) -> ChannelMap:
        return fit_channels(self.config.heads.filters, self._regions(images))

    def _regions(self, images: Sequence[Scribbled]) -> Iterator[Tensor]:
        """Yield `(c, h, w)` samples of the painted planes."""
        for image in images:
            plane = painted_plane(image)
            yield from sample_regions(image.source, device=self.device, plane=plane)()

    def _network(
        self, images: Sequence[Scribbled], channels: ChannelMap, start: Start | None
    ) -> tuple[StagedNet, Start | None]:
        """Return the network to train, and the start if that is where it begins."""
        config, ids = self.config, _class_ids(images)
        n_bands = len(channels.mean)
        sizes = [channels.n_out, len(ids), config.width]
        if config.network == spectral.NAME:
            sizes.append(n_bands)
        elif config.stem and n_bands >= SPECTRAL_FROM and not config.pretrained:
            sizes.append(config.width)
        encoder = about = None
        if config.network == backbone.NAME:
            encoder = pretrained.load_pretrained(config.pretrained)
            about = facts_of(encoder)
        net = build(config.network, tuple(sizes), about)
        if isinstance(net, spectral.SpectralNet):
            net.adopt(channels.decoder)
        initialise(net, torch.Generator().manual_seed(config.seed))
        if isinstance(net, backbone.BackboneNet) and encoder is not None:
            net.body.adopt(encoder.weights)
            net.adopt(*backbone.mixing(channels, self._colors(images, channels)))
            net.teach(encoder=config.encoder_rate > 0)
        if start is not None and not take_over(net, start, ids):
            start = None
        if start is None and config.pretrained and isinstance(net, EfficientUNet):
            colours = channels.light is None and len(channels.mean) == 3
            basis = channels.basis if colours else None
            load_pretrained(net, config.pretrained, basis=basis)
        return net.to(self.device), start

    def _colors(self, images: Sequence[Scribbled], channels: ChannelMap) -> ColorMap:
        """Return what colours a pretrained encoder sees, see `backbone.mixing`."""
        regions = self._regions(images)
        if channels.light is not None:
            regions = (channels(x) for x in regions)
        adapt = self.config.heads.encoder_channels == "adapt"
        return ColorMap.fit(regions, adapt=adapt)

    def _on_colours(self, images: Sequence[Scribbled]) -> tuple[str, ...]:
        """Return what a person should know about how an encoder saw the channels."""
        n = images[0].source.n_channels
        if self.config.network != backbone.NAME or n in (1, 3):
            return ()
        return (f"The network's encoder sees {colours_of(self.config.heads, n)}.",)

    def _training(
        self,
        net: StagedNet,
        images: Sequence[Scribbled],
        channels: ChannelMap,
        cuts: Cuts,
        *,
        warm: bool,
    ) -> Training:
        config = self.config
        sets = []
        for held in (False, True):
            painted = []
            for source, scribbles in images:
                pieces = tuple(p for p in cuts(scribbles) if (p.fold == 0) == held)
                painted.append(Painted(source, only(scribbles, pieces), pieces))
            sets.append(
                Patches(
                    painted,
                    _class_ids(images),
                    channels,
                    size=config.edge,
                    device=self.device,
                )
            )
        return Training(
            net,
            *sets,
            config=config,
            warm=warm,
            together=self.together,
        )


def _class_ids(images: Sequence[Scribbled]) -> tuple[int, ...]:
    """Return the painted classes, ascending: the order of the logits."""
    return tuple(sorted({i for _, s in images for i in s.class_ids}))


def _frozen(training: Training) -> Network:
    net = training.best
    kind = f"U-Net with {net.architecture}"
    own = {
        "small": "U-Net",
        spectral.NAME: "Spectral network",
        backbone.NAME: f"Network on {net.about.get('name')}",
    }
    name = own.get(net.architecture, kind)
    return Network.of(net, name=f"{name}, {training.step} steps")


def _remarks(training: Training) -> tuple[str, ...]:
    """Return what a person should know about a training that is over."""
    config = training.config
    if training.size == (config.batch, config.edge):
        return ()
    return (f"memory ran out: the network saw {training.size} at a time",)
