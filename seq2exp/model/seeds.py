"""Which models differ in nothing but the seed that they were trained with."""

from collections.abc import Iterable
from typing import Any

from seq2exp.model.checkpoint import ModelEntry, model_name


def other_seeds(entry: ModelEntry, entries: Iterable[ModelEntry]) -> list[ModelEntry]:
    """Return the models that were trained as `entry` was, but with other seeds.

    Their system, configuration, training data and phases of training are the same, as their cards
    have them. Of several with one seed the first by id is returned; cards without a seed have none.
    Networks retrained under the mask of one and the same model share it, so they are left out.

    Parameters
    ----------
    entry
        The model to compare with; it is not returned itself.
    entries
        Those to choose from.
    """
    own, mask = entry.card.get("seed"), _mask_of(entry)
    if own is None:
        return []
    found: dict[Any, ModelEntry] = {}
    for other in sorted(entries, key=lambda one: one.id):
        seed = other.card.get("seed")
        same_mask = mask is not None and _mask_of(other) == mask
        if seed not in (None, own) and not same_mask and _recipe(other) == _recipe(entry):
            found.setdefault(seed, other)
    return list(found.values())


def _recipe(entry: ModelEntry) -> tuple[Any, ...]:
    """Return all that a training starts from, apart from its seed."""
    card = entry.card
    data = (card.get("dataset") or {}).get("digest")
    phases = (card.get("training") or {}).get("phases")
    cells = card.get("cells")
    return model_name(card), card.get("config"), data, cells, card.get("window"), phases


def _mask_of(entry: ModelEntry) -> str | None:
    """Return the digest of the model whose mask a network was retrained under; None: its own."""
    source: str | None = (entry.card.get("from") or {}).get("sha256")
    return source
