// The selective scan of Mamba on a CPU, forward and backward.
//
//   s_t = exp(dt_t A) s_{t-1} + dt_t x_t B_t        s_0 = 0
//   y_t = <C_t, s_t> + D x_t
//
// As many channels as fit one vector register stand side by side, and the sixteen states of each are
// sixteen such vectors, held in registers from step to step: y needs no sum across lanes, and B_t[n]
// and C_t[n] are broadcasts. One source serves AVX-512, AVX2, SSE and NEON through the vector types
// of GCC and Clang. `cpu.py` pads A, B, C, D and every scratch array to whole vectors and aligns
// them; x, dt, y and their gradients keep torch's layout.
//
// A "unit" is one block of LANES channels of one batch entry. Units are dealt out to the threads in
// order; no result depends on how many threads there are. Time is walked in chunks of 64 steps, all
// units of a thread before the next chunk, so that rows of x come from memory in long runs.

#include <initializer_list>

#include "vectors.h"

namespace {

constexpr int CHUNK = 64;  // steps between two stored states
constexpr int BORDER = STATES * LANES;

}  // namespace

extern "C" {

// What both directions read. Field order and types are mirrored in cpu.py.
struct Problem {
    int64_t batch, length, channels, reverse, threads;
    const float *x, *dt;   // [batch, length, channels]
    const float *A;        // [blocks, STATES, LANES], times log2(e)
    const float *B, *C;    // [batch, length, STATES]
    const float *D;        // [blocks, LANES]
    float *borders;        // [batch * blocks, chunks, STATES, LANES]: the states before each chunk,
    int64_t keep_borders;  // or, if 0, [batch * blocks, 1, STATES, LANES]: the running states
};

struct Gradients {
    int64_t segment;       // steps between two sums over channels, a multiple of CHUNK
    const float *y;        // in  [batch, length, channels]
    float *x, *dt;         // out [batch, length, channels]
    float *A;              // out [batch * blocks, STATES, LANES], zero before
    float *B, *C;          // out [batch, length, STATES]
    float *D;              // out [batch * blocks, LANES], zero before
    float *carry;          // scratch [batch * blocks, STATES, LANES], zero before
    float *parts;          // scratch [2, batch * blocks, segment, STATES]
};

}  // extern "C"

namespace {

// One unit in one stretch of time: where step i of it lies.
struct Stretch {
    const float *x, *dt, *B, *C;
    int64_t row;    // from one step to the next in x, dt, y: +-channels
    int64_t brow;   // in B, C: +-STATES
    int64_t first;  // offset of step 0 in x, dt, y
    int width, steps;

    Stretch(const Problem &p, int64_t unit, int64_t from, int steps_) : steps(steps_) {
        const int64_t blocks = (p.channels + LANES - 1) / LANES;
        const int64_t b = unit / blocks, channel = unit % blocks * LANES;
        const int64_t t = b * p.length + (p.reverse ? p.length - 1 - from : from);
        const int64_t sign = p.reverse ? -1 : 1;
        width = p.channels - channel < LANES ? (int)(p.channels - channel) : LANES;
        first = t * p.channels + channel;
        x = p.x + first;
        dt = p.dt + first;
        B = p.B + t * STATES;
        C = p.C + t * STATES;
        row = sign * p.channels;
        brow = sign * STATES;
    }
};

template <bool Whole>
void forward(const Stretch &at, const Vec *A, Vec D, const Vec *before, Vec *after, float *y) {
    Vec s[STATES];
    for (int n = 0; n < STATES; ++n) s[n] = before[n];
    for (int i = 0; i < at.steps; ++i) {
        const float *xi = at.x + i * at.row, *dti = at.dt + i * at.row;
        const float *B = at.B + i * at.brow, *C = at.C + i * at.brow;
        __builtin_prefetch(xi + CHUNK * at.row, 0, 2);
        __builtin_prefetch(dti + CHUNK * at.row, 0, 2);
        const Vec x = load<Whole>(xi, at.width), dt = load<Whole>(dti, at.width);
        const Vec u = dt * x;
        Vec sum = D * x;
#pragma GCC unroll 16
        for (int n = 0; n < STATES; ++n) {
            s[n] = exp2_minus_one(dt * A[n]) * s[n] + (u * B[n] + s[n]);
            sum += s[n] * C[n];
        }
        store<Whole>(y + i * at.row, sum, at.width);
    }
    for (int n = 0; n < STATES; ++n) after[n] = s[n];
}

// The gradients of one chunk, the states of which are computed again from its border.
//
//   g_t = C_t gy_t + a_{t+1} g_{t+1}    (a_t = exp(dt_t A);  carry: a_{t+1} g_{t+1})
template <bool Whole>
void backward(const Stretch &at, const Vec *A, Vec D, const Vec *border, const float *gy, float *gx,
              float *gdt, Vec *gA, Vec *gD, float *gB, float *gC, Vec *carry) {
    Vec states[CHUNK + 1][STATES], decay[CHUNK][STATES];
    for (int n = 0; n < STATES; ++n) states[0][n] = border[n];
    {
        Vec s[STATES];
        for (int n = 0; n < STATES; ++n) s[n] = border[n];
        for (int i = 0; i < at.steps; ++i) {
            const float *B = at.B + i * at.brow;
            const Vec dt = load<Whole>(at.dt + i * at.row, at.width);
            const Vec u = dt * load<Whole>(at.x + i * at.row, at.width);
#pragma GCC unroll 16
            for (int n = 0; n < STATES; ++n) {
                const Vec a = exp2_minus_one(dt * A[n]);
                s[n] = a * s[n] + (u * B[n] + s[n]);
                decay[i][n] = a;
                states[i + 1][n] = s[n];
            }
        }
    }
    Vec h[STATES], sum_A[STATES], sum_D{};
    for (int n = 0; n < STATES; ++n) h[n] = carry[n], sum_A[n] = Vec{};
    for (int i = at.steps - 1; i >= 0; --i) {
        const float *B = at.B + i * at.brow, *C = at.C + i * at.brow;
        const Vec x = load<Whole>(at.x + i * at.row, at.width);
        const Vec dt = load<Whole>(at.dt + i * at.row, at.width);
        const Vec g = load<Whole>(gy + i * at.row, at.width);
        for (const float *read : {at.x, at.dt, gy})
            __builtin_prefetch(read + (i - CHUNK) * at.row, 0, 2);
        for (const float *written : {gx, gdt})
            __builtin_prefetch(written + (i - 8) * at.row, 1, 3);
        const Vec u = dt * x;
        Vec gu{}, gpower{};
        for (int group = 0; group < STATES; group += LANES) {
            const Pair sums = sum_lanes<1>(group, [&](int n) __attribute__((always_inline)) {
                const Vec gs = g * C[n] + h[n];
                h[n] = decay[i][n] * gs + gs;
                const Vec w = h[n] * states[i][n];
                gu += gs * B[n];
                gpower += w * A[n];
                sum_A[n] += w * dt;
                return Pair{gs * u, g * states[i + 1][n]};
            });
            store<true>(gB + i * STATES + group, sums.first, LANES);
            store<true>(gC + i * STATES + group, sums.second, LANES);
        }
        sum_D += g * x;
        store<Whole>(gx + i * at.row, gu * dt + D * g, at.width);
        store<Whole>(gdt + i * at.row, gu * x + gpower * 0.693147180559945f, at.width);
    }
    for (int n = 0; n < STATES; ++n) carry[n] = h[n], gA[n] += sum_A[n];
    *gD += sum_D;
}

int threads_for(const Problem &p, int64_t units) {
    const int64_t worth = units * p.length / 1024;  // a thread costs as much as about 1000 steps
    int64_t threads = p.threads < units ? p.threads : units;
    if (threads > worth) threads = worth;
    return threads < 1 ? 1 : (int)threads;
}

}  // namespace

extern "C" {

void seq2exp_scan_forward(const Problem *problem, float *y) {
    const Problem &p = *problem;
    const int64_t blocks = (p.channels + LANES - 1) / LANES, units = p.batch * blocks;
    const int64_t chunks = (p.length + CHUNK - 1) / CHUNK;
    prefer_huge_pages(y, p.batch * p.length * p.channels);
    if (p.keep_borders) prefer_huge_pages(p.borders, units * chunks * BORDER);
    Team::run(threads_for(p, units), [&](int thread, Team &team) {
        const int64_t end = units * (thread + 1) / team.size();
        for (int64_t begin = units * thread / team.size(); begin < end;) {
            // The blocks of one batch entry go through time together.
            const int64_t entry_end = (begin / blocks + 1) * blocks;
            const int64_t stop = entry_end < end ? entry_end : end;
            for (int64_t chunk = 0; chunk < chunks; ++chunk) {
                const int64_t from = chunk * CHUNK;
                const int steps = (int)(p.length - from < CHUNK ? p.length - from : CHUNK);
                for (int64_t unit = begin; unit < stop; ++unit) {
                    const Stretch at(p, unit, from, steps);
                    const Vec *A = (const Vec *)p.A + unit % blocks * STATES;
                    const Vec D = ((const Vec *)p.D)[unit % blocks];
                    Vec *state = (Vec *)p.borders + unit * STATES * (p.keep_borders ? chunks : 1);
                    if (p.keep_borders) state += chunk * STATES;
                    Vec last[STATES];
                    Vec *after = !p.keep_borders ? state : chunk + 1 < chunks ? state + STATES : last;
                    if (chunk == 0)
                        for (int n = 0; n < STATES; ++n) state[n] = Vec{};
                    (at.width == LANES ? forward<true> : forward<false>)(at, A, D, state, after,
                                                                         y + at.first);
                }
            }
            begin = stop;
        }
    });
}

void seq2exp_scan_backward(const Problem *problem, const Gradients *gradients) {
    const Problem &p = *problem;
    const Gradients &g = *gradients;
    const int64_t blocks = (p.channels + LANES - 1) / LANES, units = p.batch * blocks;
    const int64_t chunks = (p.length + CHUNK - 1) / CHUNK;
    const int64_t segments = (p.length + g.segment - 1) / g.segment;
    prefer_huge_pages(g.x, p.batch * p.length * p.channels);
    prefer_huge_pages(g.dt, p.batch * p.length * p.channels);
    float *parts_B = g.parts, *parts_C = parts_B + units * g.segment * STATES;
    Team::run(threads_for(p, units), [&](int thread, Team &team) {
        const int64_t begin = units * thread / team.size();
        const int64_t end = units * (thread + 1) / team.size();
        for (int64_t segment = segments - 1; segment >= 0; --segment) {
            const int64_t start = segment * g.segment;
            const int64_t rest = p.length - start;
            const int64_t size = rest < g.segment ? rest : g.segment;
            for (int64_t from = start + (size - 1) / CHUNK * CHUNK; from >= start; from -= CHUNK) {
                const int64_t left = start + size - from;
                const int steps = (int)(left < CHUNK ? left : CHUNK);
                for (int64_t unit = begin; unit < end; ++unit) {
                    const Stretch at(p, unit, from, steps);
                    const int64_t part = (unit * g.segment + from - start) * STATES;
                    (at.width == LANES ? backward<true> : backward<false>)(
                        at, (const Vec *)p.A + unit % blocks * STATES,
                        ((const Vec *)p.D)[unit % blocks],
                        (const Vec *)p.borders + (unit * chunks + from / CHUNK) * STATES,
                        g.y + at.first, g.x + at.first, g.dt + at.first,
                        (Vec *)g.A + unit * STATES, (Vec *)g.D + unit, parts_B + part,
                        parts_C + part, (Vec *)g.carry + unit * STATES);
                }
            }
            // B and C are shared by all channels: their gradients are summed over the blocks, in
            // the blocks' order whoever does it.
            team.barrier();
            const int64_t rows = p.batch * size;
            const int64_t rows_end = rows * (thread + 1) / team.size();
            for (int64_t r = rows * thread / team.size(); r < rows_end; ++r) {
                const int64_t b = r / size, i = r % size, step = start + i;
                const int64_t t = b * p.length + (p.reverse ? p.length - 1 - step : step);
                float sum_B[STATES] = {}, sum_C[STATES] = {};
                for (int64_t k = 0; k < blocks; ++k) {
                    const int64_t part = ((b * blocks + k) * g.segment + i) * STATES;
                    for (int n = 0; n < STATES; ++n) {
                        sum_B[n] += parts_B[part + n];
                        sum_C[n] += parts_C[part + n];
                    }
                }
                std::memcpy(g.B + t * STATES, sum_B, sizeof sum_B);
                std::memcpy(g.C + t * STATES, sum_C, sizeof sum_C);
            }
            team.barrier();
        }
    });
}

int seq2exp_scan_lanes() { return LANES; }

}  // extern "C"
