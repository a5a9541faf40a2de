"""The network: a masked denoising autoencoder that restores a declaration and says which field does not belong.

Read it from top to bottom: inputs whose fields are hidden are zeroed, a trunk narrows them to a bottleneck, a decoder
restores the clean inputs from it, and the head compares what was given with what was restored, field by field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

UNBOUNDED = 1e9
HIDDEN = 1e9
"""How far a masked field's log-odds are lowered: it cannot be the one."""
LIMIT = 20.0
"""How far from usual, in standard deviations, the layers see a number: beyond it no training row lies."""
COMMON, MARGIN, BEYOND = 0.9995, 1.05, 3.0
"""An amount is out of bounds from this much beyond what nearly every training row has, and gains this energy per unit."""


@dataclass(frozen=True)
class Shape:
    """What the encoder's inputs look like, and how wide the network is."""

    needs: NDArray[np.bool_]
    """(numbers, fields): the fields that each number depends on."""
    token_fields: tuple[int, ...]
    token_sizes: tuple[int, ...]
    width: int = 128
    bottleneck: int = 8


class Autoencoder(nn.Module):
    """numbers (n, D), tokens (n, C), mask (n, F) -> energies (n, F), restored numbers (n, D)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.needs: Tensor
        self.needed: Tensor
        needs = torch.as_tensor(shape.needs, dtype=torch.float32)
        numbers, fields = needs.shape
        self.register_buffer("needs", needs.T.contiguous())
        self.register_buffer("needed", needs.sum(dim=1) - 0.5)
        self.bound: Tensor
        self.blame: Tensor
        self.register_buffer("bound", torch.full((numbers,), UNBOUNDED))
        self.register_buffer("blame", torch.zeros(numbers, fields))
        self.token_fields = list(shape.token_fields)
        dims = [min(8, 2 + size // 8) for size in shape.token_sizes]
        self.embeddings = nn.ModuleList(nn.Embedding(size, dim) for size, dim in zip(shape.token_sizes, dims, strict=True))
        half = shape.width // 2
        self.trunk = nn.Sequential(nn.Linear(numbers + fields + sum(dims), shape.width), nn.ReLU(), nn.Linear(shape.width, half), nn.ReLU())
        self.narrow = nn.Linear(half, shape.bottleneck)
        self.restore = nn.Sequential(nn.Linear(shape.bottleneck + fields, half), nn.ReLU(), nn.Linear(half, numbers))
        self.compare = nn.Sequential(nn.Linear(half + numbers, half), nn.ReLU(), nn.Linear(half, fields))

    def forward(self, numbers: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Field energies, 0 where masked, and the restored numbers.

        The error is -log P(nothing was replaced), and each field has its share of it by how likely it is the one. Fields
        compete: a price that does not go with its weight is beyond doubt odd, though either of the two may be wrong.
        """
        logits, restored = self.judge(numbers, tokens, mask)
        beyond = F.relu((numbers * self.visible(mask)).abs() - self.bound) @ self.blame
        error = F.softplus(torch.logsumexp(logits, dim=1, keepdim=True))
        return error * torch.softmax(logits, dim=1) * mask + beyond, restored

    def set_bounds(self, clean: Tensor, mask: Tensor, levels: Sequence[int]) -> None:
        """Makes amounts odd that lie far outside of everything in training, (n, D): there the network only guesses, above
        all when the company and the product are new to it. The energy goes to the fields that the amount is made of."""
        known = self.visible(mask) > 0
        for d in levels:
            if known[:, d].any():
                self.bound[d] = MARGIN * torch.quantile(clean[known[:, d], d].abs(), COMMON)
                fields = self.needs[:, d]
                self.blame[d] = BEYOND * fields / fields.sum()

    def judge(self, numbers: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The log-odds of each field being the replaced one, against none being so, and the restored numbers."""
        visible = self.visible(mask)
        given = (numbers * visible).clamp(-LIMIT, LIMIT)
        hidden_token = tokens * mask[:, self.token_fields].to(tokens.dtype)
        embedded = [table(hidden_token[:, c]) for c, table in enumerate(self.embeddings)]
        trunk = self.trunk(torch.cat([given, mask, *embedded], dim=1))
        restored = self.restore(torch.cat([self.narrow(trunk), mask], dim=1))
        residual = (given - restored) * visible
        return self.compare(torch.cat([trunk, residual], dim=1)) - HIDDEN * (1 - mask), restored

    def visible(self, mask: Tensor) -> Tensor:
        """Which numbers have all of their fields, as 0 and 1."""
        return (mask @ self.needs > self.needed).to(mask.dtype)


def loss(network: Autoencoder, batch: dict[str, Tensor], restoring: float = 0.1) -> tuple[Tensor, Tensor]:
    """Which field was replaced (cross-entropy, in nats), with the restoration error and alone; `batch` has the network's
    inputs, `replaced` (n,), 0 for none and 1 + the field's position otherwise, and `clean` (n, D)."""
    logits, restored = network.judge(batch["numbers"], batch["tokens"], batch["mask"])
    told = F.cross_entropy(torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1), batch["replaced"])
    visible = network.visible(batch["mask"])
    error = F.smooth_l1_loss(restored, batch["clean"], reduction="none")
    rebuilt = (error * visible).sum() / visible.sum().clamp(min=1)
    return told + restoring * rebuilt, told


def parameters(network: nn.Module) -> dict[str, Any]:
    """A copy of the network's weights."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
