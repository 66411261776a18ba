from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from napari_ood_seg.core.features.between_layers import ask_between_layers
from napari_ood_seg.core.interrupt import Interrupted, asking


class Counted:
    """Says that something is not wanted any more when it is asked the n-th time."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def test_nothing_that_is_computed_changes() -> None:
    plain = network()
    asks = copy.deepcopy(plain)
    ask_between_layers(asks)
    x = torch.randn(5, 3)
    for net in (plain, asks):
        net(x).square().sum().backward()
    torch.testing.assert_close(asks(x), plain(x), rtol=0, atol=0)
    for a, b in zip(asks.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=0)


@pytest.mark.parametrize("n", range(4))  # the whole, and three layers
def test_it_stops_at_any_layer_forwards(n: int) -> None:
    net, reached = network(), []
    for part in net:
        part.register_forward_hook(lambda part, *_: reached.append(part))
    ask_between_layers(net)
    with asking(Counted(n)), torch.inference_mode(), pytest.raises(Interrupted):
        net(torch.randn(5, 3))
    assert len(reached) == max(n - 1, 0)


def test_it_stops_backwards() -> None:
    net = network()
    ask_between_layers(net)
    loss = net(torch.randn(5, 3)).sum()
    with asking(lambda: True), pytest.raises(Interrupted):
        loss.backward()
    assert net[0].weight.grad is None
