// What the kernels of a bidirectional layer share: its description, functions of one vector, products.
//
// Wide arrays are "blocked": [blocks of LANES channels][rows][LANES], so that convolution, scan and
// gates walk along rows with whole vectors, and the products read a block of columns in one run.

#pragma once

#include <cmath>

#include "vectors.h"

namespace {

constexpr int TAPS = 4;           // of the convolution
constexpr int HALO = TAPS - 1;    // rows that the convolution reads before the first
constexpr int TILE = 48;          // rows at a time in the products, a multiple of every HIGH below
constexpr int BORDER = 4 * TILE;  // rows between two stored states
constexpr int64_t WORTH = 1 << 20;  // multiply-adds that are worth a thread

// Rows and vectors of columns in one step of a product: as many sums as there are registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int HIGH2 = 12, HIGH3 = 8;
#else
constexpr int HIGH2 = 6, HIGH3 = 4;
#endif

}  // namespace

extern "C" {

// Field order and types are mirrored in fused.py. "Packed" weights of a product are
// [panels of 2 or 3 vectors of outputs][inputs][2 or 3][LANES], zero where there is no output.
struct Direction {
    const float *conv;       // [blocks][TAPS + 1][LANES], the oldest tap first, then the bias
    const float *x_proj;     // packed by 3: B, C and d, each from a new vector on
    const float *dt_proj;    // packed by 2
    const float *dt_bias;    // [blocks][LANES]
    const float *A;          // [blocks][STATES][LANES], times log2(e)
    const float *D;          // [blocks][LANES]
};

struct Layer {
    int64_t batch, length, width, inner, rank, threads;
    int64_t begin, end;      // positions whose output is wanted; that of others may be anything
    const int64_t *lengths;  // [batch] positions that count; those after them give 0
    const float *x;          // [batch, length, width]
    const float *residual;   // [batch, length, width], or null: none yet
    const float *gate;       // [batch, length], what each row of h is multiplied by, or null: 1
    float *sum;              // out [batch, length, width]: x + residual, where there is one
    float *out;              // out [batch, length, width]
    const float *norm;       // [blocks of width][LANES]
    const float *in_u, *in_z, *out_proj;  // packed by 2
    Direction forward, reverse;
    // The states before every BORDERth row, for the gradient, or null:
    // [batch][length / BORDER, rounded up][blocks][STATES][LANES]
    float *borders_forward, *borders_reverse;
    float eps;
};

}  // extern "C"

namespace {

int64_t blocks_of(int64_t channels) { return (channels + LANES - 1) / LANES; }
int64_t even(int64_t blocks) { return (blocks + 1) / 2 * 2; }

// Aligned vectors in memory that is also read as single floats.
typedef float Stored __attribute__((vector_size(LANES * 4), may_alias));
INLINE Stored &at(float *memory) { return *(Stored *)memory; }
INLINE Vec at(const float *memory) { return *(const Stored *)memory; }

INLINE Vec load_part(const float *from, int64_t width) {
    return width >= LANES ? load<true>(from, LANES) : load<false>(from, (int)width);
}
INLINE void store_part(float *to, Vec value, int64_t width) {
    if (width >= LANES)
        store<true>(to, value, LANES);
    else
        store<false>(to, value, (int)width);
}

// ---- Functions of one vector ---------------------------------------------------------------------

// 2^power for any power; it stops at 2^-126 and 2^126. A NaN stays one.
INLINE Vec exp2_any(Vec power) {
    power = power < -126.0f ? splat(-126.0f) : power;
    power = power > 126.0f ? splat(126.0f) : power;
    const Vec shifter = splat(12582912.0f + 127.0f), shifted = power + shifter;
    const Vec f = power - (shifted - shifter);
    const Vec scale = (Vec)((Bits)shifted << 23);
    return scale + scale * exp2_fraction(f);
}

constexpr float LOG2E = 1.44269504f;

INLINE Vec sigmoid(Vec v) { return 1.0f / (1.0f + exp2_any(v * -LOG2E)); }
INLINE Vec silu(Vec v) { return v / (1.0f + exp2_any(v * -LOG2E)); }

// log(1 + e^v) = max(v, 0) + log1p(e^-|v|), accurate relative to itself however small.
INLINE Vec softplus(Vec v) {
    const Vec above = v < 0.0f ? Vec{} : v;  // a NaN stays one
    const Vec q = exp2_any((v < 0.0f ? v : -v) * LOG2E);
    Vec p = splat(-0.0032440233f);
    p = p * q + 0.0198514536f;
    p = p * q - 0.0569595173f;
    p = p * q + 0.106036536f;
    p = p * q - 0.153055921f;
    p = p * q + 0.196759388f;
    p = p * q - 0.249541342f;
    p = p * q + 0.333299637f;
    p = p * q - 0.499999017f;
    p = p * q + 1.0f;
    return above + q * p;
}

INLINE float sum_of(Vec value) {
    float lanes[LANES];
    std::memcpy(lanes, &value, sizeof lanes);
    for (int half = LANES / 2; half; half /= 2)
        for (int k = 0; k < half; ++k) lanes[k] += lanes[k + half];
    return lanes[0];
}

// What a row is multiplied by, from its squares summed lane by lane.
INLINE float norm_scale(Vec squares, int64_t width, float eps) {
    return 1.0f / std::sqrt(sum_of(squares) / (float)width + eps);
}

// Where the states before row `row` of a batch entry are kept.
INLINE float *border(float *borders, const Layer &p, int64_t entry, int64_t row) {
    const int64_t count = (p.length + BORDER - 1) / BORDER;
    return borders + (entry * count + row / BORDER) * blocks_of(p.inner) * STATES * LANES;
}

// ---- Products ------------------------------------------------------------------------------------

// HIGH rows times WIDE vectors of columns; `a` is blocked, its first row given.
template <int HIGH, int WIDE, class Store>
INLINE void step(const float *a, int64_t a_block, int64_t inputs, const float *w, Store keep) {
    Vec sum[HIGH][WIDE] = {};
    for (int64_t first = 0; first < inputs; first += LANES, a += a_block) {
        const int lanes = inputs - first < LANES ? (int)(inputs - first) : LANES;
        for (int lane = 0; lane < lanes; ++lane, w += WIDE * LANES) {
            Vec column[WIDE];
#pragma GCC unroll 16
            for (int j = 0; j < WIDE; ++j) column[j] = at(w + j * LANES);
#pragma GCC unroll 16
            for (int i = 0; i < HIGH; ++i) {
                const Vec value = splat(a[i * LANES + lane]);
#pragma GCC unroll 16
                for (int j = 0; j < WIDE; ++j) sum[i][j] += value * column[j];
            }
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < HIGH; ++i)
#pragma GCC unroll 16
        for (int j = 0; j < WIDE; ++j) keep(i, j, sum[i][j]);
}

// keep(row, block of outputs, value) for `rows` rows of a, rounded up to a multiple of HIGH, and
// `blocks` blocks of outputs, rounded up to one of WIDE.
template <int HIGH, int WIDE, class Store>
INLINE void multiply(const float *a, int64_t a_block, int64_t rows, int64_t inputs, const float *w,
                     int64_t blocks, Store keep) {
    for (int64_t block = 0; block < blocks; block += WIDE, w += inputs * WIDE * LANES)
        for (int64_t row = 0; row < rows; row += HIGH)
            step<HIGH, WIDE>(a + row * LANES, a_block, inputs, w,
                             [&](int i, int j, Vec value) __attribute__((always_inline)) {
                                 keep(row + i, block + j, value);
                             });
}

// Threads that a layer is worth.
int64_t threads_for(const Layer &p) {
    const int64_t work = p.length * p.inner * (3 * p.width + 10 * STATES) / WORTH;
    const int64_t blocks = blocks_of(p.inner);
    int64_t threads = p.threads < blocks ? p.threads : blocks;
    if (threads > work) threads = work;
    return threads < 1 ? 1 : threads;
}

}  // namespace
