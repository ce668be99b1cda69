"""The published network in float64 numpy, one position after the other, straight from its maths.

Shares no code with the package; parameters come from a released-layout state dict as arrays.
"""

import numpy as np
from scipy import special

Arrays = dict[str, np.ndarray]


def silu(x):
    return x * special.expit(x)


def softplus(x):
    return np.logaddexp(0, x)


def rms_norm(x, weight):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weight


def mamba(p: Arrays, name: str, h):
    """One unidirectional Mamba block, [L, d] → [L, d]."""
    inner, state = p[f"{name}A_log"].shape
    x, z = np.split(h @ p[f"{name}in_proj.weight"].T, 2, axis=-1)
    taps = p[f"{name}conv1d.weight"][:, 0]  # [e, conv]
    conv = np.zeros_like(x)
    for t in range(len(x)):
        for k in range(taps.shape[1]):
            source = t - (taps.shape[1] - 1) + k
            if source >= 0:
                conv[t] += taps[:, k] * x[source]
    x = silu(conv + p[f"{name}conv1d.bias"])
    projected = x @ p[f"{name}x_proj.weight"].T
    rank = projected.shape[1] - 2 * state
    dt, b, c = np.split(projected, [rank, rank + state], axis=-1)
    dt = softplus(dt @ p[f"{name}dt_proj.weight"].T + p[f"{name}dt_proj.bias"])
    a = -np.exp(p[f"{name}A_log"])
    s, y = np.zeros((inner, state)), np.zeros_like(x)
    for t in range(len(x)):
        s = np.exp(dt[t][:, None] * a) * s + (dt[t] * x[t])[:, None] * b[t][None, :]
        y[t] = s @ c[t] + p[f"{name}D"] * x[t]
    return (y * silu(z)) @ p[f"{name}out_proj.weight"].T


def backbone(p: Arrays, name: str, x):
    """[L, d] → [L, d]; `name` is e.g. "generator."."""
    start = f"{name}backbone.layers."
    layers = len({k.removeprefix(start).split(".")[0] for k in p if k.startswith(start)})
    residual = np.zeros_like(x)
    for i in range(layers):
        layer = f"{start}{i}."
        residual = residual + x
        h = rms_norm(residual, p[f"{layer}norm.weight"])
        forward = mamba(p, f"{layer}mixer.mamba_fwd.", h)
        x = forward + mamba(p, f"{layer}mixer.mamba_rev.", h[::-1])[::-1]
    return rms_norm(x + residual, p[f"{name}backbone.norm_f.weight"])


def linear(p: Arrays, name: str, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def embed(p: Arrays, one_hot, signals):
    e = linear(p, "seq_input_layer", one_hot) + linear(p, "signal_input_layer", signals)
    return e + p["pos_emb"][0] if "pos_emb" in p else e


def beta_parameters(p: Arrays, one_hot, signals, variant: str):
    beta_min, factor = (1, 10) if variant == "soft" else (0, 1)
    if variant == "soft":
        x = linear(p, "seq_input_layer", one_hot)
    else:
        x = embed(p, one_hot, signals)
    logits = linear(p, "mask_output", backbone(p, "generator.", x))
    alpha, beta = softplus(logits[:, 1]) + beta_min, softplus(logits[:, 0]) + beta_min
    for i, (weight, closed) in enumerate(zip((0.4, 0.4, 0.2), (1.5, 0.2, 1.0), strict=True)):
        alpha = alpha + weight * factor * (signals[:, i] + beta_min)
        beta = beta + weight * factor * (closed + beta_min)
    return alpha, beta


def head(p: Arrays, pooled, features):
    h = np.concatenate([pooled, features])
    for i in (0, 2):
        h = np.maximum(linear(p, f"pToExpr.{i}", h), 0)
    return linear(p, "pToExpr.4", h)


def predict_soft(p: Arrays, one_hot, signals, features, mask, promoter: slice):
    hidden = backbone(p, "encoder.", embed(p, one_hot, signals) * mask[:, None])
    return head(p, hidden[promoter].mean(0), features)


def predict_hard(p: Arrays, one_hot, signals, features, mask, promoter: int, padding: int = 0):
    """`padding` zero rows stand on the right, as the release has them beside longer samples."""
    kept = embed(p, one_hot, signals)[mask == 1]
    kept = np.concatenate([kept, np.zeros((padding, kept.shape[1]))])
    hidden = backbone(p, "encoder.", kept)
    start = int(mask[: len(mask) // 2].sum()) - promoter // 2
    return head(p, hidden[start : start + promoter].mean(0), features)
