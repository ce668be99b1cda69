"""What networks are trained on and run on: windows with their signals, features and labels."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Batch(NamedTuple):
    """B examples of L bases each; the TSS base is at index L/2.

    Attributes
    ----------
    codes : uint8 [B, L]; A 0, C 1, G 2, T 3, N and padding 4.
    signals : float32 [B, L, 3]; H3K27ac, DNase, log10(1 + contact), as in `Window`.
    blacklist : bool [B, L].
    features : float32 [B, 9], raw, as the published model takes them.
    label : float32 [B, 1]; log10(expression + 1).
    peaks : bool [B, L] or None; the cell type's MACS3 peaks with the app's default settings.
    weight : float32 [B, L] or None; how many bases of the whole window each stands for, where
        windows are cut down to a sample of their bases.
    """

    codes: Tensor
    signals: Tensor
    blacklist: Tensor
    features: Tensor
    label: Tensor
    peaks: Tensor | None = None
    weight: Tensor | None = None

    @property
    def one_hot(self) -> Tensor:
        """float32 [B, L, 4] in the order A, C, G, T; N and padding are all zero."""
        # A table look-up; torch's one_hot would first write eight bytes for each of the zeros.
        table = torch.eye(5, 4, device=self.codes.device)
        return functional.embedding(self.codes.int(), table)

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device; from pinned memory this does not wait."""
        return self._each(lambda part: part.to(device, non_blocking=part.is_pinned()))

    def pin(self) -> "Batch":
        """Return the batch in memory that a GPU copies from by itself."""
        return self._each(Tensor.pin_memory)

    def rows(self) -> "list[Batch]":
        """Return each example as a batch of its own."""
        return [
            Batch._make(None if part is None else part[i : i + 1] for part in self)
            for i in range(len(self.label))
        ]

    def crop(self, length: int) -> "Batch":
        """Return the batch with windows cut down to their central `length` bases."""
        start = (self.codes.shape[1] - length) // 2
        part = slice(start, start + length)
        along = ("codes", "signals", "blacklist", "peaks", "weight")
        whole = self._asdict()
        return self._replace(**{k: whole[k][:, part] for k in along if whole[k] is not None})

    @staticmethod
    def join(batches: "Sequence[Batch]") -> "Batch":
        """Return several batches as one."""
        parts = zip(*batches, strict=True)
        return Batch._make(None if part[0] is None else torch.cat(part) for part in parts)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        return Batch._make(None if part is None else change(part) for part in self)
