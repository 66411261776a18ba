"""How fast the deep engine trains on a graphics card, against plain eager float32.

Steps of the same U-Net on the same random patches: as written in eager float32, and as
the engine does it (bfloat16 autocast, channels last, fused optimiser), with and without
`torch.compile`. Prints steps and megapixels a second, and the share of the rate of the
card in a bfloat16 matrix product, counting the convolutions' multiplications three
times (forward, and both gradients).

    python -m benchmarks.deep_speed [--width 24 64] [--patch 96 256] [--batch 8 32]
"""

from __future__ import annotations

import argparse
import itertools
import time
from functools import partial
from typing import TYPE_CHECKING

import torch

from napari_ood_seg.core.models.unet import UNet
from napari_ood_seg.core.training.objective import partial_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable

N_IN, N_CLASSES = 3, 4
WAYS = ("eager float32", "engine", "engine, compiled")


def rate_of_products() -> float:
    """Return the multiplications a second of a large bfloat16 matrix product."""
    n = 8192
    a, b = (torch.randn(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    seconds = timed(lambda: a @ b, 10)
    return n**3 / seconds


def timed(call: Callable[[], object], n: int) -> float:
    """Return seconds a call, after three that do not count."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(n):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) / n


def products_of(unet: UNet, x: torch.Tensor) -> int:
    """Return the multiplications of all convolutions in one forward pass."""
    count = 0

    def hear(module: torch.nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal count
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        count += out.numel() * weight[0].numel()

    hooks = [
        m.register_forward_hook(hear)
        for m in unet.modules()
        if isinstance(m, torch.nn.Conv2d)
    ]
    with torch.no_grad():
        unet(x)
    for hook in hooks:
        hook.remove()
    return count


def step_of(way: str, unet: UNet, x: torch.Tensor, y: torch.Tensor) -> partial[None]:
    """Return what takes one training step."""
    engine = way != WAYS[0]
    model: Callable[[torch.Tensor], torch.Tensor] = unet
    if engine:
        unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        x = x.contiguous(memory_format=torch.channels_last)
    if way == WAYS[2]:
        model = torch.compile(unet)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-3, fused=engine)

    def step() -> None:
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=engine):
            logits = model(x)
        loss = partial_cross_entropy(logits.float(), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return partial(step)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, nargs="+", default=[24, 64])
    parser.add_argument("--patch", type=int, nargs="+", default=[96, 256])
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 32])
    args = parser.parse_args()
    card, most = torch.cuda.get_device_name(), rate_of_products()
    print("card,width,patch,batch,way,steps_per_s,mpixel_per_s,share_of_bf16_rate")
    for width, patch, batch in itertools.product(args.width, args.patch, args.batch):
        for way in WAYS:
            unet = UNet(N_IN, N_CLASSES, width).cuda().train()
            x = torch.randn(batch, N_IN, patch, patch, device="cuda")
            y = torch.randint(-1, N_CLASSES, (batch, patch, patch), device="cuda")
            products = products_of(unet, x)
            seconds = timed(step_of(way, unet, x, y), 30)
            figures = (
                f"{1 / seconds:.1f}",
                f"{batch * patch**2 / seconds / 1e6:.1f}",
                f"{3 * products / seconds / most:.4f}",
            )
            row = (card, width, patch, batch, way, *figures)
            print(*row, sep=",", flush=True)


if __name__ == "__main__":
    main()
