"""Training by several processes, each with its share of the batch, under torchrun."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import nn

from napari_ood_seg.core.device import pick_device
from napari_ood_seg.core.errors import DependencyError, DeviceError
from napari_ood_seg.core.models.efficient import Squeeze

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


class Alone:
    """The only process; also what several have in common.

    Attributes
    ----------
    rank, size
        Number of this process, and of all; the first one writes files.
    """

    rank = 0
    size = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def share(self, n: int) -> slice:
        """Return which of `n` patches are this process's."""
        return slice(self.rank, n, self.size)

    def total(self, x: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes; gradients do not pass."""
        return x

    def agreed(self, *values: float) -> tuple[float, ...]:
        """Return the values of the first process."""
        return values

    def joined(self, net: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return what runs a network so that its gradients are those of all shares."""
        return net

    def descend(self, part: Tensor) -> None:
        """Compute gradients of the sum of all processes' parts of a loss."""
        part.backward()


class Together(Alone):
    """One of several processes that Lightning Fabric has joined.

    Parameters
    ----------
    fabric
        Launched, with the strategy ``ddp``.
    """

    def __init__(self, fabric: Any) -> None:  # noqa: ANN401 - an optional package's
        super().__init__(fabric.device)
        self._fabric = fabric
        self.rank, self.size = int(fabric.global_rank), int(fabric.world_size)

    def total(self, x: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes; gradients do not pass."""
        out = x.detach().clone()
        dist.all_reduce(out)
        return out

    def agreed(self, *values: float) -> tuple[float, ...]:
        """Return the values of the first process."""
        found = torch.tensor(values, dtype=torch.float32, device=self.device)
        dist.broadcast(found, 0)
        return tuple(found.tolist())

    def joined(self, net: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return what runs a network so that its gradients are those of all shares.

        Its norms see all shares from then on.
        """
        share_norms(net)
        wrapped: Callable[[Tensor], Tensor] = self._fabric.setup_module(net)
        return wrapped

    def descend(self, part: Tensor) -> None:
        """Compute gradients of the sum of all processes' parts of a loss."""
        # DDP takes the mean of the gradients: the sum is `size` times that
        self._fabric.backward(part * self.size)


def launch(name: str = "auto", *, environ: Mapping[str, str] = os.environ) -> Alone:
    """Return the processes that train together: those of torchrun, else this one.

    Parameters
    ----------
    name
        Of the device, see `pick_device`; under torchrun only its kind counts.
    environ
        Of the process; torchrun sets ``WORLD_SIZE``.

    Raises
    ------
    DependencyError
        If there are several processes but no Lightning Fabric.
    DeviceError
        If there is no such device, or not one for each process.
    """
    n = int(environ.get("WORLD_SIZE", "1"))
    if n == 1:
        return Alone(pick_device(name))
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise DependencyError(
            "training by several processes needs Lightning Fabric: run "
            'pip install "napari-ood-seg[deep]"'
        ) from error
    here = int(environ.get("LOCAL_WORLD_SIZE", n))
    kind = pick_device(name).type
    if kind == "cuda" and torch.cuda.device_count() < here:
        raise DeviceError(
            f"{here} processes need a graphics card each, there are "
            f"{torch.cuda.device_count()}: start fewer, or choose --device cpu"
        )
    fabric = Fabric(
        accelerator="cuda" if kind == "cuda" else "cpu",
        devices=here,
        num_nodes=n // here,
        strategy="ddp",
    )
    fabric.launch()
    return Together(fabric)


def leave() -> None:
    """Say goodbye to the other processes, if there are any."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def at_least_single(x: Tensor) -> Tensor:
    """Return half precision as single precision; others as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ANN401, ARG004 - torch's
        out = x.clone()
        dist.all_reduce(out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        out = gradient.contiguous().clone()
        dist.all_reduce(out)
        return out


def sum_across(x: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes; gradients are summed likewise."""
    out: Tensor = _Sum.apply(x)  # type: ignore[no-untyped-call]
    return out


class SharedNorm(nn.BatchNorm2d):
    """Batch normalisation by the statistics of all processes' shares.

    As torch's `SyncBatchNorm`, which only runs on graphics cards.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return `(b, c, h, w)` normalised; as any norm in evaluation mode."""
        if not self.training:
            return super().forward(x)
        z = at_least_single(x)
        sums = z.sum((0, 2, 3))
        count = sums.new_tensor([z.numel() / z.shape[1]])
        sums = sum_across(torch.cat([sums, count]))
        n = sums[-1]
        mean = sums[:-1] / n
        centred = z - mean.view(1, -1, 1, 1)
        variance = sum_across(centred.square().sum((0, 2, 3))) / n
        self._remember(mean.detach(), (variance * n / (n - 1)).detach())
        gain = self.weight * torch.rsqrt(variance + self.eps)
        out = centred * gain.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return out.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        for kept, found in ((self.running_mean, mean), (self.running_var, variance)):
            if kept is not None and self.momentum is not None:
                kept.lerp_(found, self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def share_norms(net: nn.Module) -> None:
    """Make norms see the shares of all processes; weights and their names stay."""
    for part in list(net.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, Squeeze):
                child.total = sum_across
            elif type(child) is nn.BatchNorm2d:
                made = SharedNorm(
                    child.num_features, eps=child.eps, momentum=child.momentum
                )
                made.to(child.weight).load_state_dict(child.state_dict())
                setattr(part, name, made)
