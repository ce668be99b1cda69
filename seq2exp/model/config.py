"""Every number that defines a Seq2Exp network, and the named switches off the published path."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from seq2exp.errors import InputError, nearest
from seq2exp.genome.window import PROMOTER, SIGNALS, WINDOW
from seq2exp.model.beta import BetaPrior, Combine
from seq2exp.model.kinds import check_kinds

Variant = Literal["soft", "hard"]
HardApply = Literal["compact_detached", "compact_ste"]
GeneratorInputs = Literal["sequence", "all"]
MaskAt = Literal["embedding", "layers"]
Pooling = Literal["promoter", "all"]
Sparsity = Literal["kl", "ratio"]

_CHOICES: dict[str, tuple[object, ...]] = {
    "variant": ("soft", "hard"),
    "combine": ("sum", "sum_minus_one"),
    "hard_apply": ("compact_detached", "compact_ste"),
    "generator_inputs": ("sequence", "all"),
    "mask_at": ("embedding", "layers"),
    "pooling": ("promoter", "all"),
    "sparsity": ("kl", "ratio"),
}

#: Width, generator layers, predictor layers.
SIZES = {"paper": (128, 4, 4), "demo": (16, 2, 2), "tiny": (8, 1, 1)}


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A network's definition; `soft` and `hard` give the released ones.

    Attributes
    ----------
    variant
        "soft" multiplies the embedding by the mask; "hard" keeps the bases whose mask is 1.
    width, state, conv, expand
        Of the Mamba layers: model width, states a channel, convolution taps, inner / model width.
    generator_layers, predictor_layers
        Depth of either network; with `share_backbone` the first holds for both.
    window, promoter
        Bases in a window, and in its central part that is forced open and pooled.
    beta_min
        Added to every Beta parameter of the sequence and to every signal.
    prior_scale
        F, which multiplies the signals' Beta parameters (`prior_scale_factor`).
    signal_betas, signal_weights
        Of H3K27ac, DNase and Hi-C: the constant "closed" count, and the weight in their average.
    z_scale
        Multiplies the combined alpha and beta.
    prior_mean, prior_strength
        The mask's prior is Beta(a0, b0) with this mean and a0 = `prior_strength` (the released
        code's `marginal_scale`; not a0 + b0). `prior` has it ready.
    threshold
        Smallest mask value that a hard mask keeps.
    kl_weight
        Weight of the KL to the prior in the objective.
    combine
        How sequence and signals combine: "sum" (released) or "sum_minus_one" (paper, Eq. 6).
    hard_apply
        "compact_detached" (released): the kept bases carry no gradient to the mask.
        "compact_ste": they are multiplied by the straight-through mask.
    share_backbone
        One network is generator and predictor (released for hard).
    generator_inputs
        What the generator sees: "sequence", or "all" = sequence, signals and position embedding.
    position_embedding
        A learned vector for every position of the window (released for hard).
    pad_invariant
        Hard only: a sample's result does not depend on the others in its batch. Released: False,
        the reverse scan runs through the padding on the right first.
    init_depth
        Output projections are divided by its root at the start: 64 as released, 4 as meant.
    signal_scale
        Multiplies the three signals at the network's entry, last of all.
    signal_smooth
        The three signals are running means over so many bases (odd; 1: as measured). H3K27ac lies
        on the nucleosomes beside the bases that it marks.
    signal_log
        H3K27ac and DNase enter as log(1 + signal), so that the flanks of strong promoters do not
        outweigh every enhancer; contact is a logarithm as it comes.
    mask_at
        Where the soft mask acts: on the "embedding" (released; the norm of the predictor's first
        layer divides it out again), or in all its "layers", on what they read after the norm.
    pooling
        What the soft predictor's head reads: the mean over the "promoter" (released), or to that
        the masked sum over "all" other bases divided by `pool_bases`, so that distal bases count.
    pool_bases
        See `pooling`.
    pool_above
        Mask values up to this one count as closed in `pooling` over all bases, so that the nearly
        closed rest of a long window does not outweigh a few elements.
    smooth
        The posterior's parameters are running means over this many bases (odd).
    sample_block
        Training samples one mask value for this many bases, from their mean parameters.
    sparsity
        What keeps the mask sparse: the "kl" to the prior (released), or a "ratio" of open bases
        that is approached from above (`seq2exp.training.objective.sparsity`).
    ratio, ratio_start, ratio_weight
        The aimed share of open bases, where training starts, and the term's weight.
    ramp
        The stretch of a phase of training, as shares of its steps, over which the KL's weight
        rises from 0, or the ratio falls from its start; (0, 0), as released: no ramp.
    strength
        The posterior's alpha + beta where it is fixed, so that only its mean is learnt and a small
        value is a noisy one; 0: it is learnt, too.
    """

    variant: Variant
    width: int = 128
    generator_layers: int = 4
    predictor_layers: int = 4
    state: int = 16
    conv: int = 4
    expand: int = 2
    window: int = WINDOW
    promoter: int = PROMOTER
    beta_min: float = 1.0
    prior_scale: float = 10.0
    signal_betas: tuple[float, float, float] = (1.5, 0.2, 1.0)
    signal_weights: tuple[float, float, float] = (2.0, 2.0, 1.0)
    z_scale: float = 1.0
    prior_mean: float = 0.1
    prior_strength: float = 10.0
    threshold: float = 0.5
    kl_weight: float = 0.01
    combine: Combine = "sum"
    hard_apply: HardApply = "compact_detached"
    share_backbone: bool = False
    generator_inputs: GeneratorInputs = "sequence"
    position_embedding: bool = False
    pad_invariant: bool = False
    init_depth: int = 64
    signal_scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    signal_smooth: tuple[int, int, int] = (1, 1, 1)
    signal_log: bool = False
    mask_at: MaskAt = "embedding"
    pooling: Pooling = "promoter"
    pool_bases: float = 1_000.0
    pool_above: float = 0.0
    smooth: int = 1
    sample_block: int = 1
    sparsity: Sparsity = "kl"
    ratio: float = 0.1
    ratio_start: float = 0.6
    ratio_weight: float = 3.0
    ramp: tuple[float, float] = (0.0, 0.0)
    strength: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that no network can have."""
        check_kinds(self, "Model setting")
        for name, allowed in _CHOICES.items():
            if (value := getattr(self, name)) not in allowed:
                known = ", ".join(map(repr, allowed))
                raise InputError(f"Model setting {name} is {value!r}; use one of {known}.")
        positive = "width generator_layers predictor_layers state conv expand window promoter"
        for name in [*positive.split(), "prior_scale", "z_scale", "prior_strength", "init_depth"]:
            if not (value := getattr(self, name)) > 0:
                raise InputError(f"Model setting {name} is {value!r}; it must be above 0.")
        for name in ("signal_betas", "signal_weights", "signal_scale"):
            if min(value := getattr(self, name)) < 0:
                raise InputError(
                    f"Model setting {name} is {value!r}; it needs three numbers >= 0, for "
                    f"{', '.join(SIGNALS)}."
                )
        if not (self.pool_bases > 0 and self.sample_block >= 1 and self.strength >= 0):
            raise InputError(
                "Model settings pool_bases must be above 0, sample_block 1 or more, and strength "
                "0 or more."
            )
        if any(width < 1 or width % 2 == 0 for width in (self.smooth, *self.signal_smooth)):
            raise InputError("Model settings smooth and signal_smooth need odd numbers of bases.")
        if not (0 <= self.pool_above < 1 and 0 <= self.ramp[0] <= self.ramp[1] <= 1):
            raise InputError(
                "Model settings pool_above must be at least 0 and below 1, and ramp two shares of "
                "the steps, the first not above the second."
            )
        if self.variant == "hard" and (self.mask_at, self.pooling) != ("embedding", "promoter"):
            raise InputError("Model settings mask_at and pooling are for the soft variant alone.")
        for name in ("prior_mean", "threshold", "ratio", "ratio_start"):
            if not 0 < (value := getattr(self, name)) < 1:
                raise InputError(f"Model setting {name} is {value!r}; it must be between 0 and 1.")
        if min(self.beta_min, self.kl_weight, self.ratio_weight) < 0:
            raise InputError("Model settings beta_min, kl_weight and ratio_weight must be >= 0.")
        if sum(self.signal_weights) == 0:
            raise InputError("Of the model setting signal_weights one must be > 0.")
        if self.promoter > self.window or self.promoter % 2 or self.window % 2:
            raise InputError(
                f"Model settings window {self.window} and promoter {self.promoter} must be even, "
                "the promoter no longer than the window."
            )

    @classmethod
    def soft(cls, size: str = "paper", **changes: Any) -> "ModelConfig":
        """Return Seq2Exp-soft as released, at a size of `SIZES`, with changes by name."""
        return cls(**{"variant": "soft", **_size(size), **changes})

    @classmethod
    def hard(cls, size: str = "paper", **changes: Any) -> "ModelConfig":
        """Return Seq2Exp-hard as released, at a size of `SIZES`, with changes by name.

        Only the paper's size has the position embedding, which is 25.6 of its 26.2 million
        parameters and ties the network to one window length.
        """
        released = {
            "variant": "hard",
            "beta_min": 0.0,
            "prior_scale": 1.0,
            "prior_mean": 0.45,
            "prior_strength": 0.1,
            "share_backbone": True,
            "generator_inputs": "all",
            "position_embedding": size == "paper",
        }
        return cls(**{**released, **_size(size), **changes})

    @classmethod
    def coupled(cls, size: str = "paper", **changes: Any) -> "ModelConfig":
        """Return Seq2Exp-coupled, in which the prediction moves the mask, with changes by name.

        The mask acts after the norm, every base reaches the head, and sparsity is a share of open
        bases, which can be met only by choosing some; the constants leave alpha and beta room on
        both sides of the prior.
        """
        ours = {
            "variant": "soft",
            "beta_min": 0.0,
            "prior_scale": 0.1,
            "prior_mean": 0.03,
            "prior_strength": 0.06,
            "strength": 2.0,
            "signal_scale": (1.0, 1.0, 0.5),
            "signal_smooth": (601, 1, 1),
            "signal_log": True,
            "generator_inputs": "all",
            "init_depth": 4,
            "mask_at": "layers",
            "pooling": "all",
            "pool_above": 0.05,
            "smooth": 41,
            "sample_block": 32,
            "sparsity": "ratio",
            "ratio": 0.03,
            "ratio_start": 0.4,
            "ratio_weight": 0.05,
            "ramp": (0.1, 0.5),
        }
        return cls(**{**ours, **_size(size), **changes})

    @property
    def prior(self) -> BetaPrior:
        """The mask's prior: a0 = prior_strength, b0 = a0 · (1 - mean) / mean."""
        a0 = self.prior_strength
        return BetaPrior(a0, a0 * (1 - self.prior_mean) / self.prior_mean)

    @property
    def kept_share(self) -> float:
        """Share of the bases that a hard rule is to keep: the mask's own target, or else a tenth.

        The paper's retraining keeps the highest tenth.
        """
        return self.ratio if self.sparsity == "ratio" else 0.1

    @property
    def has_own_generator(self) -> bool:
        """Whether what makes the mask is apart from what predicts under it."""
        return not self.share_backbone

    @property
    def dt_rank(self) -> int:
        """Rank of the step size's projection, ceil(width / 16)."""
        return -(-self.width // 16)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, every setting by its name."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """Return the configuration that `to_dict` described; settings left out keep their default.

        Raises
        ------
        InputError
            An unknown setting (the nearest known one is named), or a value of the wrong kind.
        """
        known = {field.name: field for field in fields(cls)}
        arguments: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise InputError(f"Unknown model setting {name!r}; {nearest(name, known)}")
            arguments[name] = tuple(value) if isinstance(value, list) else value
        if "variant" not in arguments:
            raise InputError('The model settings lack \'variant\'; add "soft" or "hard".')
        return cls(**arguments)


def _size(name: str) -> dict[str, int]:
    if name not in SIZES:
        raise InputError(f"Unknown model size {name!r}; use one of {', '.join(SIZES)}.")
    width, generator, predictor = SIZES[name]
    return {"width": width, "generator_layers": generator, "predictor_layers": predictor}
