"""The Triton kernels of the selective scan; `triton_scan` launches them and says how they combine.

A program is one warp. It holds a chunk of the sequence for a block of channels and goes through it
step by step with a tile [STATE, BLOCK] of states in registers, so only inputs and outputs move.
Tensors are contiguous along their last axis; the other strides are arguments. Steps count in the
scan's own direction: in REVERSE step 0 is the last position, which is all that a reverse scan
changes. Steps past the end and channels past the last read as zeros, and a dt of zero hands the
state on unchanged. `rates` is A · log2(e), laid out [state, channels].
"""

import triton
import triton.language as tl

# Sizes that change from call to call and whose divisibility helps nothing: no kernels of their own.
_ANY = ["length", "steps", "chunks", "from_chunk", "here"]
_ANY_STRIDE = ["dt_batch", "x_batch", "B_batch", "C_batch"]


@triton.jit
def _exp2_minus_one(power):
    """Return 2^power - 1, accurate relative to itself (4e-7).

    A decay near 1 would lose what it differs from 1 by. Rounding exp(-1e-3) costs up to 3e-8, a
    GPU's approximation costs more, and where dt hardly varies every step of a chunk adds the same.
    """
    small = 0.00966624543 + power * 0.00133335381
    small = power * (0.693147123 + power * (0.240223512 + power * (0.0555050038 + power * small)))
    return tl.where(tl.abs(power) < 0.5, small, tl.exp2(power) - 1.0)


@triton.jit
def _place(blocks, from_chunk, BLOCK: tl.constexpr):
    """Return a program's sample, chunk and channels; neighbours share a chunk, so its B and C."""
    program = tl.program_id(0)
    channels = (program % blocks) * BLOCK + tl.arange(0, BLOCK)
    return tl.program_id(1).to(tl.int64), (from_chunk + program // blocks).to(tl.int64), channels


@triton.jit
def _real(index, count, inside):
    """Return where `index` is below `count`; nowhere unless `inside`."""
    return index < tl.where(inside, count, 0)


@triton.jit(do_not_specialize=[*_ANY, *_ANY_STRIDE])
def sweep(
    dt,  # [batch, length, channels]
    x,  # [batch, length, channels]; dL/dy where ADJOINT
    rates,  # [state, channels]
    B,  # [batch, length, state]; C where ADJOINT
    C,  # [batch, length, state]
    D,  # [channels]
    edges,  # [batch, chunks, state, channels], what enters each chunk; leaves it, where FROM_REST
    sums,  # [batch, chunks, channels], sums of dt, written where FROM_REST
    y,  # [batch, length, channels], written where OUTPUT
    marks,  # [batch, `here` chunks, steps / AHEAD, state, channels], written where MARKS
    length,
    channels,
    state,
    steps,  # in a chunk, a multiple of AHEAD
    chunks,
    from_chunk,
    here,
    blocks,  # of channels
    dt_batch,
    dt_length,
    x_batch,
    x_length,
    B_batch,
    B_length,
    C_batch,
    C_length,
    REVERSE: tl.constexpr,
    ADJOINT: tl.constexpr,
    FROM_REST: tl.constexpr,
    OUTPUT: tl.constexpr,
    MARKS: tl.constexpr,
    AHEAD: tl.constexpr,  # steps whose inputs are on their way together
    STATE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Go through a chunk: from rest to what leaves it, or from what enters it to y or to marks.

    Marks are the states before every AHEAD-th step. ADJOINT goes from the chunk's last step to its
    first with what flows back, h_t = decay_t · (h_t+1 + C_t · dL/dy_t), instead of the state.
    """
    b, chunk, c = _place(blocks, from_chunk, BLOCK)
    n = tl.arange(0, STATE)
    real_c, real_n = c < channels, n < state
    tile = n[:, None] * channels + c[None, :]
    real = real_n[:, None] & real_c[None, :]
    rate = tl.load(rates + tile, real, 0.0)
    edges += (b * chunks + chunk) * state * channels + tile
    if FROM_REST:
        s = tl.zeros([STATE, BLOCK], tl.float32)
        total = tl.zeros([BLOCK], tl.float32)
    else:
        s = tl.load(edges, real, 0.0)
    if OUTPUT:
        skip = tl.load(D + c, real_c, 0.0)
    if MARKS:
        marks += (b * here + chunk - from_chunk) * (steps // AHEAD) * state * channels + tile

    left = (length - chunk * steps).to(tl.int32)  # steps from the chunk's first to the last of all
    at = chunk * steps
    if ADJOINT:
        at += steps - 1
    if REVERSE:
        at = length - 1 - at
    dt += b * dt_batch + at * dt_length + c
    x += b * x_batch + at * x_length + c
    B += b * B_batch + at * B_length + n
    C += b * C_batch + at * C_length + n
    y += (b * length + at) * channels + c
    way = -1 if REVERSE != ADJOINT else 1
    for t in range(0, steps, AHEAD):
        dts, xs, Bs, Cs = (), (), (), ()
        for i in tl.static_range(AHEAD):
            step = steps - 1 - t - i if ADJOINT else t + i
            on_c, on_n = _real(c, channels, step < left), _real(n, state, step < left)
            dts += (tl.load(dt + i * way * dt_length, on_c, 0.0).to(tl.float32),)
            xs += (tl.load(x + i * way * x_length, on_c, 0.0).to(tl.float32),)
            Bs += (tl.load(B + i * way * B_length, on_n, 0.0).to(tl.float32),)
            if OUTPUT:
                Cs += (tl.load(C + i * way * C_length, on_n, 0.0).to(tl.float32),)
        if MARKS:
            tl.store(marks, s, real)
            marks += state * channels
        for i in tl.static_range(AHEAD):
            decay = _exp2_minus_one(dts[i][None, :] * rate)
            if ADJOINT:
                s += xs[i][None, :] * Bs[i][:, None]
                s += decay * s
            else:
                s += decay * s
                s += (dts[i] * xs[i])[None, :] * Bs[i][:, None]
            if FROM_REST:
                total += dts[i]
            if OUTPUT:
                out = tl.sum(s * Cs[i][:, None], 0) + skip * xs[i]
                on_c = _real(c, channels, t + i < left)
                tl.store(y + i * way * channels, out.to(y.dtype.element_ty), on_c)
        dt += AHEAD * way * dt_length
        x += AHEAD * way * x_length
        B += AHEAD * way * B_length
        C += AHEAD * way * C_length
        y += AHEAD * way * channels
    if FROM_REST:
        tl.store(edges, s, real)
        tl.store(sums + (b * chunks + chunk) * channels + c, total, real_c)


@triton.jit(do_not_specialize=["chunks"])
def chain(
    edges,  # [batch, chunks, state, channels]: what leaves each chunk; becomes what enters it
    sums,  # [batch, chunks, channels]
    rates,  # [state, channels]
    channels,
    states,  # state · channels
    chunks,
    ADJOINT: tl.constexpr,  # from the last chunk to the first
    AHEAD: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Chain the chunks, for BLOCK states of a sample in a program."""
    b = tl.program_id(1).to(tl.int64)
    j = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    real = j < states
    rate = tl.load(rates + j, real, 0.0)
    row = b * chunks
    if ADJOINT:
        row += chunks - 1
    edges += row * states + j
    sums += row * channels + j % channels
    way = -1 if ADJOINT else 1
    s = tl.zeros([BLOCK], tl.float32)
    for k in range(0, chunks, AHEAD):
        left, decays = (), ()
        for i in tl.static_range(AHEAD):
            on = _real(j, states, k + i < chunks)
            left += (tl.load(edges + (k + i) * way * states, on, 0.0),)
            decays += (tl.load(sums + (k + i) * way * channels, on, 0.0),)
        for i in tl.static_range(AHEAD):
            tl.store(edges + (k + i) * way * states, s, _real(j, states, k + i < chunks))
            s += _exp2_minus_one(decays[i] * rate) * s
            s += left[i]


@triton.jit(do_not_specialize=[*_ANY, *_ANY_STRIDE, "dy_batch"])
def gradient(
    dt,  # [batch, length, channels]
    x,
    dy,
    rates,  # [state, channels]
    B,  # [batch, length, state]
    C,
    D,  # [channels]
    edges,  # [batch, chunks, state, channels], what flows back into each chunk's last step
    marks,  # as `sweep` makes them
    d_dt,  # [batch, length, channels]
    dx,
    dA,  # [batch, chunks, state, channels]: a part of the gradient from each chunk
    dB,  # [blocks, batch, length, state]: a part of the gradient from each block of channels
    dC,
    dD,  # [batch, chunks, channels]
    length,
    channels,
    state,
    steps,
    chunks,
    from_chunk,
    here,
    blocks,
    dt_batch,
    dt_length,
    x_batch,
    x_length,
    dy_batch,
    dy_length,
    B_batch,
    B_length,
    C_batch,
    C_length,
    REVERSE: tl.constexpr,
    AHEAD: tl.constexpr,
    STATE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Go back through a chunk, AHEAD steps at a time: their states from the mark, then gradients.

    With g_t = h_t+1 + C_t · dL/dy_t the gradient that reaches s_t, and q_t = decay_t · s_t-1::

        dL/dB_t = Σ_c g_t · dt_t · x_t                 dL/dC_t = Σ_c s_t · dL/dy_t
        dL/dx_t = dt_t · Σ_n g_t · B_t + D · dL/dy_t   dL/dA = Σ_t dt_t · g_t · q_t
        dL/ddt_t = x_t · Σ_n g_t · B_t + Σ_n A · g_t · q_t
    """
    b, chunk, c = _place(blocks, from_chunk, BLOCK)
    n = tl.arange(0, STATE)
    real_c, real_n = c < channels, n < state
    tile = n[:, None] * channels + c[None, :]
    real = real_n[:, None] & real_c[None, :]
    rate = tl.load(rates + tile, real, 0.0)
    skip = tl.load(D + c, real_c, 0.0)
    edge = (b * chunks + chunk) * state * channels + tile
    h = tl.load(edges + edge, real, 0.0)
    d_rate = tl.zeros([STATE, BLOCK], tl.float32)
    d_skip = tl.zeros([BLOCK], tl.float32)
    marks += (b * here + chunk - from_chunk) * (steps // AHEAD) * state * channels + tile

    left = (length - chunk * steps).to(tl.int32)
    at = chunk * steps
    if REVERSE:
        at = length - 1 - at
    dt += b * dt_batch + at * dt_length + c
    x += b * x_batch + at * x_length + c
    dy += b * dy_batch + at * dy_length + c
    B += b * B_batch + at * B_length + n
    C += b * C_batch + at * C_length + n
    row = b * length + at
    d_dt += row * channels + c
    dx += row * channels + c
    row += (tl.program_id(0) % blocks).to(tl.int64) * tl.num_programs(1) * length
    dB += row * state + n
    dC += row * state + n
    for back in range(0, steps, AHEAD):
        t = steps - AHEAD - back
        s = tl.load(marks + t // AHEAD * state * channels, real, 0.0)
        dts, xs, dys, Bs, Cs = (), (), (), (), ()
        for i in tl.static_range(AHEAD):
            on_c, on_n = _real(c, channels, t + i < left), _real(n, state, t + i < left)
            to = -(t + i) if REVERSE else t + i
            dts += (tl.load(dt + to * dt_length, on_c, 0.0).to(tl.float32),)
            xs += (tl.load(x + to * x_length, on_c, 0.0).to(tl.float32),)
            dys += (tl.load(dy + to * dy_length, on_c, 0.0).to(tl.float32),)
            Bs += (tl.load(B + to * B_length, on_n, 0.0).to(tl.float32),)
            Cs += (tl.load(C + to * C_length, on_n, 0.0).to(tl.float32),)
        decays, qs = (), ()
        for i in tl.static_range(AHEAD):
            decay = _exp2_minus_one(dts[i][None, :] * rate)
            q = s + decay * s
            s = q + (dts[i] * xs[i])[None, :] * Bs[i][:, None]
            to = -(t + i) if REVERSE else t + i
            tl.store(dC + to * state, tl.sum(s * dys[i][None, :], 1), _real(n, state, t + i < left))
            decays += (decay,)
            qs += (q,)
        for i in tl.static_range(AHEAD - 1, -1, -1):
            g = h + Cs[i][:, None] * dys[i][None, :]
            h = g + decays[i] * g
            gq = g * qs[i]
            d_rate += gq * dts[i][None, :]
            d_skip += dys[i] * xs[i]
            inflow = tl.sum(g * Bs[i][:, None], 0)
            d_dt_i = inflow * xs[i] + 0.6931471805599453 * tl.sum(gq * rate, 0)
            dx_i = inflow * dts[i] + skip * dys[i]
            dB_i = tl.sum(g * (dts[i] * xs[i])[None, :], 1)
            on_c, on_n = _real(c, channels, t + i < left), _real(n, state, t + i < left)
            to = -(t + i) if REVERSE else t + i
            tl.store(d_dt + to * channels, d_dt_i.to(d_dt.dtype.element_ty), on_c)
            tl.store(dx + to * channels, dx_i.to(dx.dtype.element_ty), on_c)
            tl.store(dB + to * state, dB_i, on_n)
    tl.store(dA + edge, d_rate, real)
    tl.store(dD + (b * chunks + chunk) * channels + c, d_skip, real_c)
