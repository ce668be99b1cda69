// The gradient of a bidirectional Mamba layer on a CPU: what `fused_kernel.cpp` computes, backwards.
//
// From the forward run come the layer's summed input r and, per direction, the states before every
// BORDERth row; everything else is computed again. The output is linear in y_forward + y_reverse,
// so each direction is a pass of its own that needs nothing of the other: it adds its part to the
// gradient of h and of the shared projections, and the second pass goes on through the norm.
//
// A pass walks the chunks of rows from the last to the first, with five stages between barriers:
//
//   1 rows    r -> h, u, v, B, C, d, dt, z again; the gradient of y from that of the output
//   2 blocks  the scan and its gradient, a border at a time
//   3 rows    through dt_proj, x_proj and silu, to the gradient of the convolution's output
//   4 blocks  through the convolution; the gradients of all weights
//   5 rows    through in_proj, to the gradient of h
//
// "Rows" are independent by row and "blocks" by block of LANES channels; each thread takes its
// share. Sums over rows are taken a share at a time, the last first: no result depends on how many threads there are.

#include "layer.h"

extern "C" {

// Field order and types are mirrored in fused_gradient.py. All sums must be zero before.
struct DirectionGradient {
    float *conv;     // [blocks][TAPS + 1][LANES]
    float *x_proj;   // [blocks][projected vectors * LANES][LANES]: B, C, d, each from a new vector on
    float *dt_proj;  // [blocks][blocks of rank * LANES][LANES]
    float *dt_bias;  // [blocks][LANES]
    float *A;        // [blocks][STATES][LANES]
    float *D;        // [blocks][LANES]
};

struct Gradient {
    const float *out;              // in [batch, length, width]: of the layer's output
    const float *sum;              // in [batch, length, width]: of x + residual, or null: none
    float *x;                      // out [batch, length, width]: of x, and of the residual
    float *gate;                   // out [batch, length], where the layer has one
    float *norm;                   // [blocks of width][LANES]
    float *in_u, *in_z, *out_proj; // [blocks][blocks of width * LANES][LANES]
    DirectionGradient forward, reverse;
    // Weights, transposed and packed by 2 as for a product.
    const float *in_u_back, *in_z_back, *out_back;
    const float *x_forward_back, *x_reverse_back;    // inputs: B, C, d without gaps
    const float *dt_forward_back, *dt_reverse_back;
};

// Of the norm after the last layer.
struct NormGradient {
    int64_t rows, width, threads;
    const float *x, *weight, *out;  // [rows, width], [blocks of width][LANES]; out's gradient
    float *grad_x;                  // out [rows, width]
    float *sums;                    // out [shares of SHARE rows][blocks of width][LANES]: of weight
    float eps;
};

}  // extern "C"

namespace {

constexpr int SHARE = BORDER;  // rows of one thread in one chunk
constexpr int STEPS = 64;      // rows the states of which are held at once
constexpr int BC = 2 * STATES / LANES;

#if defined(__AVX512F__)
constexpr int HIGH = 8;  // inputs in one step of a weight's gradient; divides LANES
#else
constexpr int HIGH = 4;
#endif

// out[input][column] += sum over rows of a[row][input] * column[row], for all blocked inputs.
template <int WIDE>
INLINE void reduce(const float *a, int64_t a_block, int64_t inputs, const float *const *columns,
                   int64_t rows, float *const *out) {
    for (int64_t first = 0; first < inputs; first += HIGH) {
        const float *from = a + first / LANES * a_block + first % LANES;
        Vec sum[HIGH][WIDE] = {};
        for (int64_t row = 0; row < rows; ++row) {
            Vec column[WIDE];
#pragma GCC unroll 16
            for (int j = 0; j < WIDE; ++j) column[j] = at(columns[j] + row * LANES);
#pragma GCC unroll 16
            for (int i = 0; i < HIGH; ++i) {
                const Vec value = splat(from[row * LANES + i]);
#pragma GCC unroll 16
                for (int j = 0; j < WIDE; ++j) sum[i][j] += value * column[j];
            }
        }
        for (int i = 0; i < HIGH; ++i)
            for (int j = 0; j < WIDE; ++j) at(out[j] + (first + i) * LANES) += sum[i][j];
    }
}

// Through the norm of one row x, where h's gradient is g, blocked; `more` is added to the result.
INLINE void norm_back(const float *x, const float *weight, int64_t width, float eps, const float *g,
                      int64_t g_block, const float *more, float *to, float *weight_sums) {
    const int64_t blocks = blocks_of(width);
    Vec squares{}, products{};
    for (int64_t b = 0; b < blocks; ++b) {
        const Vec value = load_part(x + b * LANES, width - b * LANES);
        squares += value * value;
        products += value * at(weight + b * LANES) * at(g + b * g_block);
    }
    const float scale = norm_scale(squares, width, eps);
    const float along = sum_of(products) * scale * scale / (float)width;
    for (int64_t b = 0; b < blocks; ++b) {
        const int64_t left = width - b * LANES;
        const Vec value = load_part(x + b * LANES, left), grad = at(g + b * g_block);
        at(weight_sums + b * LANES) += grad * value * scale;
        Vec back = scale * (at(weight + b * LANES) * grad - value * along);
        if (more) back += load_part(more + b * LANES, left);
        store_part(to + b * LANES, back, left);
    }
}

struct Sizes {
    int64_t width_blocks, blocks, rank_blocks, projected, chunk, shares, wide, shared, own;

    Sizes(const Layer &p, int64_t threads) {
        width_blocks = blocks_of(p.width);
        blocks = even(blocks_of(p.inner));
        rank_blocks = blocks_of(p.rank);
        projected = BC + rank_blocks;
        chunk = SHARE * threads;
        shares = (p.length + SHARE - 1) / SHARE;
        wide = blocks * chunk * LANES;
        shared = 7 * wide + blocks * HALO * LANES                // u to z
                 + (2 * width_blocks + rank_blocks + projected) * chunk * LANES  // h, g, d, project
                 + chunk * 2 * STATES + blocks * chunk * 2 * STATES              // bc, parts
                 + blocks * (STATES + HALO) * LANES + shares * width_blocks * LANES;
        own = (width_blocks * TILE + blocks * (HALO + TILE)) * LANES;
    }
};

// One batch entry in one of the threads.
class Worker {
  public:
    Worker(const Layer &p, const Gradient &g, const Sizes &sizes, int thread, Team &team,
           float *scratch)
        : p_(p), g_(g), n_(sizes), thread_(thread), team_(team) {
        float *next = scratch;
        const auto take = [&next](int64_t size) { return (next += size) - size; };
        u_ = take(n_.wide + n_.blocks * HALO * LANES);
        v_ = take(n_.wide), slope_ = take(n_.wide), dt_ = take(n_.wide);
        gy_ = take(n_.wide), o_ = take(n_.wide), z_ = take(n_.wide);
        h_ = take(n_.width_blocks * n_.chunk * LANES);
        out_ = take(n_.width_blocks * n_.chunk * LANES);
        d_ = take(n_.rank_blocks * n_.chunk * LANES);
        project_ = take(n_.projected * n_.chunk * LANES);
        bc_ = take(n_.chunk * 2 * STATES);
        parts_ = take(n_.blocks * n_.chunk * 2 * STATES);
        carry_ = take(n_.blocks * STATES * LANES);
        after_ = take(n_.blocks * HALO * LANES);
        norms_ = take(n_.shares * n_.width_blocks * LANES);
        next += thread * n_.own;
        tile_ = take(n_.width_blocks * TILE * LANES);
        wide_ = take(n_.blocks * (HALO + TILE) * LANES);
    }

    void run(int64_t entry) {
        entry_ = entry;
        offset_ = entry * p_.length * p_.width;
        length_ = p_.lengths[entry];
        pass<true>(p_.reverse, g_.reverse, p_.borders_reverse, g_.x_reverse_back,
                   g_.dt_reverse_back);
        pass<false>(p_.forward, g_.forward, p_.borders_forward, g_.x_forward_back,
                    g_.dt_forward_back);
        team_.barrier();
        if (thread_ == 0) finish();
        team_.barrier();
    }

  private:
    template <bool Reverse>
    void pass(const Direction &w, const DirectionGradient &g, float *borders, const float *x_back,
              const float *dt_back) {
        const int64_t team = team_.size(), real = blocks_of(p_.inner);
        const int64_t begin = real * thread_ / team, end = real * (thread_ + 1) / team;
        std::memset(carry_ + begin * STATES * LANES, 0,
                    (end - begin) * STATES * LANES * sizeof(float));
        std::memset(after_ + begin * HALO * LANES, 0, (end - begin) * HALO * LANES * sizeof(float));
        if (length_ == 0) return;
        for (int64_t first = (length_ - 1) / n_.chunk * n_.chunk; first >= 0; first -= n_.chunk) {
            const int64_t left = length_ - first, rows = left < n_.chunk ? left : n_.chunk;
            each_share(rows, [&](int64_t mine, int64_t stop) {
                compute_again<Reverse>(w, first, mine, stop);
            });
            team_.barrier();
            for (int64_t b = begin; b < end; ++b)
                for (int64_t row = (rows - 1) / BORDER * BORDER; row >= 0; row -= BORDER)
                    scan_back(w, g, b, row, rows - row < BORDER ? rows - row : BORDER,
                              border(borders, p_, entry_, first + row) + b * STATES * LANES);
            team_.barrier();
            each_tile(rows, [&](int64_t row, int64_t count) {
                projections_back(row, count, x_back, dt_back);
            });
            team_.barrier();
            for (int64_t row = (rows - 1) / SHARE * SHARE; row >= 0; row -= SHARE) {
                const int64_t count = rows - row < SHARE ? rows - row : SHARE;
                for (int64_t b = begin; b < end; ++b) convolution_back(w, g, b, row, count);
                weights(g, begin, end, row, count);
            }
            team_.barrier();
            each_tile(rows, [&](int64_t row, int64_t count) {
                input_back<Reverse>(first, row, count);
            });
        }
    }

    // This thread's rows of a chunk, the same in every chunk: what it reads in the last stage is
    // what it overwrites in the first. There may be fewer threads than shares.
    template <class Work>
    INLINE void each_share(int64_t rows, Work work) {
        for (int64_t mine = thread_ * SHARE; mine < rows; mine += team_.size() * SHARE)
            work(mine, rows < mine + SHARE ? rows : mine + SHARE);
    }
    template <class Work>
    INLINE void each_tile(int64_t rows, Work work) {
        each_share(rows, [&](int64_t mine, int64_t stop) {
            for (int64_t row = mine; row < stop; row += TILE)
                work(row, stop - row < TILE ? stop - row : TILE);
        });
    }

    template <bool Reverse>
    int64_t place(int64_t row) const {
        return offset_ + (Reverse ? length_ - 1 - row : row) * p_.width;
    }

    // h of the rows from `row` on.
    template <bool Reverse>
    void normalise(int64_t row, int64_t rows, float *h, int64_t stride) {
        for (int64_t i = 0; i < rows; ++i) {
            const float *from = p_.x + place<Reverse>(row + i);
            Vec squares{};
            for (int64_t b = 0; b < n_.width_blocks; ++b) {
                const Vec value = load_part(from + b * LANES, p_.width - b * LANES);
                squares += value * value;
                at(h + (b * stride + i) * LANES) = value;
            }
            float scale = norm_scale(squares, p_.width, p_.eps);
            if (p_.gate) scale *= p_.gate[place<Reverse>(row + i) / p_.width];
            for (int64_t b = 0; b < n_.width_blocks; ++b)
                at(h + (b * stride + i) * LANES) *= scale * at(p_.norm + b * LANES);
        }
    }

    // u of the rows of h, written from row `to` of the wide tile on.
    void project_in(const float *h, int64_t stride, int64_t rows, int64_t to) {
        float *u = wide_ + to * LANES;
        multiply<HIGH2, 2>(h, stride * LANES, rows, p_.width, p_.in_u, n_.blocks,
                           [&](int64_t row, int64_t b, Vec value) __attribute__((always_inline)) {
                               at(u + (b * (HALO + TILE) + row) * LANES) = value;
                           });
    }

    // ---- Stage 1 ----

    template <bool Reverse>
    void compute_again(const Direction &w, int64_t first, int64_t begin, int64_t end) {
        constexpr int64_t STRIDE = HALO + TILE;
        // The rows before the first, which are another thread's or another chunk's.
        const int64_t before = first + begin < HALO ? first + begin : HALO;
        if (before) {
            normalise<Reverse>(first + begin - before, before, tile_, TILE);
            project_in(tile_, TILE, before, HALO);
        }
        for (int64_t b = 0; b < n_.blocks; ++b)
            for (int64_t i = 0; i < HALO; ++i) {
                float *u = wide_ + (b * STRIDE + i) * LANES;
                at(u) = i < HALO - before ? Vec{} : at(u + before * LANES);
                if (begin == 0) at(u_ + (b * (HALO + n_.chunk) + i) * LANES) = at(u);
            }
        for (int64_t row = begin; row < end; row += TILE) {
            const int64_t rows = end - row < TILE ? end - row : TILE;
            normalise<Reverse>(first + row, rows, h_ + row * LANES, n_.chunk);
            project_in(h_ + row * LANES, n_.chunk, rows, HALO);
            for (int64_t b = 0; b < n_.blocks; ++b) convolve(w, b, row, rows);
            project_middle(w, row, rows);
            output_back<Reverse>(first, row, rows);
        }
    }

    void convolve(const Direction &w, int64_t b, int64_t row, int64_t rows) {
        float *u = wide_ + b * (HALO + TILE) * LANES;
        float *kept = u_ + (b * (HALO + n_.chunk) + HALO + row) * LANES;
        float *v = v_ + (b * n_.chunk + row) * LANES;
        float *slope = slope_ + (b * n_.chunk + row) * LANES;
        const float *taps = w.conv + b * (TAPS + 1) * LANES;
        const Vec bias = at(taps + TAPS * LANES);
        for (int64_t i = 0; i < rows; ++i) {
            Vec sum = bias;
#pragma GCC unroll 16
            for (int k = 0; k < TAPS; ++k) sum += at(u + (i + k) * LANES) * at(taps + k * LANES);
            const Vec open = sigmoid(sum);
            at(v + i * LANES) = sum * open;
            at(slope + i * LANES) = open * (1.0f + sum * (1.0f - open));
            at(kept + i * LANES) = at(u + (HALO + i) * LANES);
        }
        for (int64_t i = 0; i < HALO; ++i) at(u + i * LANES) = at(u + (rows + i) * LANES);
    }

    void project_middle(const Direction &w, int64_t row, int64_t rows) {
        const int64_t stride = n_.chunk * LANES;
        float *d = d_ + row * LANES, *bc = bc_ + row * 2 * STATES, *dt = dt_ + row * LANES;
        multiply<HIGH3, 3>(v_ + row * LANES, stride, rows, p_.inner, w.x_proj, n_.projected,
                           [&](int64_t i, int64_t b, Vec value) __attribute__((always_inline)) {
                               if (b < BC)
                                   at(bc + i * 2 * STATES + b * LANES) = value;
                               else if (b < n_.projected)
                                   at(d + (b - BC) * stride + i * LANES) = value;
                           });
        multiply<HIGH2, 2>(d, stride, rows, p_.rank, w.dt_proj, n_.blocks,
                           [&](int64_t i, int64_t b, Vec value) __attribute__((always_inline)) {
                               at(dt + b * stride + i * LANES) = value;
                           });
        for (int64_t b = 0; b < n_.blocks; ++b)
            for (int64_t i = 0; i < rows; ++i) {
                float *place = dt + b * stride + i * LANES;
                at(place) = softplus(at(place) + at(w.dt_bias + b * LANES));
            }
    }

    // From the gradient of the output to those of y and, once multiplied by y, of z; the gate.
    template <bool Reverse>
    void output_back(int64_t first, int64_t row, int64_t rows) {
        const int64_t stride = n_.chunk * LANES;
        float *out = out_ + row * LANES, *z = z_ + row * LANES, *gy = gy_ + row * LANES;
        for (int64_t i = 0; i < rows; ++i) {
            const float *from = g_.out + place<Reverse>(first + row + i);
            for (int64_t b = 0; b < n_.width_blocks; ++b)
                at(out + b * stride + i * LANES) =
                    load_part(from + b * LANES, p_.width - b * LANES);
        }
        multiply<HIGH2, 2>(h_ + row * LANES, stride, rows, p_.width, p_.in_z, n_.blocks,
                           [&](int64_t i, int64_t b, Vec value) __attribute__((always_inline)) {
                               at(z + b * stride + i * LANES) = value;
                           });
        multiply<HIGH2, 2>(out, stride, rows, p_.width, g_.out_back, n_.blocks,
                           [&](int64_t i, int64_t b, Vec value) __attribute__((always_inline)) {
                               at(gy + b * stride + i * LANES) = value;
                           });
        for (int64_t b = 0; b < n_.blocks; ++b)
            for (int64_t i = 0; i < rows; ++i) {
                const int64_t here = b * stride + (row + i) * LANES;
                const Vec value = at(z_ + here), open = sigmoid(value), g = at(gy_ + here);
                at(o_ + here) = value * open;
                at(gy_ + here) = g * value * open;
                at(z_ + here) = g * open * (1.0f + value * (1.0f - open));
            }
    }

    // ---- Stage 2 ----

    // The rows from one border on. Leaves the gradient of v in gy, of dt's logits in dt, of z in z,
    // the gated output in o, and each row's gradients of B and C in parts.
    void scan_back(const Direction &w, const DirectionGradient &gradient, int64_t b, int64_t row,
                   int64_t rows, const float *before) {
        const int64_t first = (b * n_.chunk + row) * LANES;
        const Vec *A = (const Vec *)w.A + b * STATES;
        const Vec D = at(w.D + b * LANES);
        Vec starts[BORDER / STEPS][STATES], s[STATES];
        for (int n = 0; n < STATES; ++n) s[n] = at(before + n * LANES);
        const float *bc = bc_ + row * 2 * STATES;
        for (int64_t i = 0; i < rows; ++i, bc += 2 * STATES) {
            if (i % STEPS == 0)
                for (int n = 0; n < STATES; ++n) starts[i / STEPS][n] = s[n];
            const int64_t here = first + i * LANES;
            const Vec x = at(v_ + here), step = at(dt_ + here), u = step * x;
            Vec y = D * x;
#pragma GCC unroll 16
            for (int n = 0; n < STATES; ++n) {
                s[n] = exp2_minus_one(step * A[n]) * s[n] + (u * bc[n] + s[n]);
                y += s[n] * bc[STATES + n];
            }
            at(o_ + here) *= y;
            at(z_ + here) *= y;
        }
        for (int64_t from = (rows - 1) / STEPS * STEPS; from >= 0; from -= STEPS)
            steps_back(A, D, gradient, b, row + from, rows - from < STEPS ? rows - from : STEPS,
                       starts[from / STEPS]);
    }

    //   g_t = C_t gy_t + a_{t+1} g_{t+1}    (a_t = exp(dt_t A);  carry: a_{t+1} g_{t+1})
    void steps_back(const Vec *A, Vec D, const DirectionGradient &gradient, int64_t b, int64_t row,
                    int64_t rows, const Vec *before) {
        Vec states[STEPS + 1][STATES], decay[STEPS][STATES];
        const int64_t first = (b * n_.chunk + row) * LANES;
        const float *bc = bc_ + row * 2 * STATES;
        float *parts = parts_ + (b * n_.chunk + row) * 2 * STATES;
        {
            Vec s[STATES];
            for (int n = 0; n < STATES; ++n) states[0][n] = s[n] = before[n];
            for (int64_t i = 0; i < rows; ++i) {
                const Vec step = at(dt_ + first + i * LANES);
                const Vec u = step * at(v_ + first + i * LANES);
#pragma GCC unroll 16
                for (int n = 0; n < STATES; ++n) {
                    const Vec a = exp2_minus_one(step * A[n]);
                    s[n] = a * s[n] + (u * bc[i * 2 * STATES + n] + s[n]);
                    decay[i][n] = a;
                    states[i + 1][n] = s[n];
                }
            }
        }
        Vec *carry = (Vec *)carry_ + b * STATES, h[STATES], sum_A[STATES], sum_D{};
        for (int n = 0; n < STATES; ++n) h[n] = carry[n], sum_A[n] = Vec{};
        for (int64_t i = rows - 1; i >= 0; --i) {
            const float *B = bc + i * 2 * STATES, *C = B + STATES;
            const int64_t here = first + i * LANES;
            const Vec x = at(v_ + here), step = at(dt_ + here), g = at(gy_ + here), u = step * x;
            Vec gu{}, power{};
            for (int group = 0; group < STATES; group += LANES) {
                const Pair sums = sum_lanes<1>(group, [&](int n) __attribute__((always_inline)) {
                    const Vec gs = g * C[n] + h[n];
                    h[n] = decay[i][n] * gs + gs;
                    const Vec w = h[n] * states[i][n];
                    gu += gs * B[n];
                    power += w * A[n];
                    sum_A[n] += w * step;
                    return Pair{gs * u, g * states[i + 1][n]};
                });
                at(parts + i * 2 * STATES + group) = sums.first;
                at(parts + i * 2 * STATES + STATES + group) = sums.second;
            }
            sum_D += g * x;
            at(gy_ + here) = gu * step + D * g;
            // softplus' slope is 1 - exp(-dt), and 0.69... is log(2), as A is in powers of two.
            at(dt_ + here) = (gu * x + power * 0.693147180559945f) * -exp2_minus_one(step * -LOG2E);
        }
        for (int n = 0; n < STATES; ++n) {
            carry[n] = h[n];
            at(gradient.A + (b * STATES + n) * LANES) += sum_A[n];
        }
        at(gradient.D + b * LANES) += sum_D;
    }

    // ---- Stage 3 ----

    void projections_back(int64_t row, int64_t rows, const float *x_back, const float *dt_back) {
        const int64_t stride = n_.chunk * LANES, real = blocks_of(p_.inner);
        float *project = project_ + row * LANES, *gy = gy_ + row * LANES;
        for (int64_t i = 0; i < rows; ++i)
            for (int64_t k = 0; k < BC; ++k) {
                Vec sum{};
                for (int64_t b = 0; b < real; ++b)
                    sum += at(parts_ + (b * n_.chunk + row + i) * 2 * STATES + k * LANES);
                at(project + k * stride + i * LANES) = sum;
            }
        multiply<HIGH2, 2>(dt_ + row * LANES, stride, rows, p_.inner, dt_back, n_.rank_blocks,
                           [&](int64_t i, int64_t b, Vec value) __attribute__((always_inline)) {
                               if (b < n_.rank_blocks)
                                   at(project + (BC + b) * stride + i * LANES) = value;
                           });
        const float *slope = slope_ + row * LANES;
        multiply<HIGH2, 2>(project, stride, rows, 2 * STATES + p_.rank, x_back, n_.blocks,
                           [&](int64_t i, int64_t b, Vec value) __attribute__((always_inline)) {
                               const int64_t here = b * stride + i * LANES;
                               at(gy + here) = (at(gy + here) + value) * at(slope + here);
                           });
    }

    // ---- Stage 4 ----

    // From the gradient of the convolution's output to that of u, in place.
    void convolution_back(const Direction &w, const DirectionGradient &gradient, int64_t b,
                          int64_t start, int64_t rows) {
        float *g = gy_ + (b * n_.chunk + start) * LANES, *after = after_ + b * HALO * LANES;
        const float *u = u_ + (b * (HALO + n_.chunk) + start) * LANES;
        const float *dt = dt_ + (b * n_.chunk + start) * LANES;
        Vec taps[TAPS], sums[TAPS + 1] = {}, bias{}, ahead[TAPS], first[HALO];
        for (int k = 0; k < TAPS; ++k) taps[k] = at(w.conv + (b * (TAPS + 1) + k) * LANES);
        const auto row = [&](int64_t i) {
            return i < rows ? at(g + i * LANES) : at(after + (i - rows) * LANES);
        };
        for (int k = 0; k < HALO; ++k) ahead[k + 1] = first[k] = row(k);
        for (int64_t i = 0; i < rows; ++i) {
            for (int k = 0; k < HALO; ++k) ahead[k] = ahead[k + 1];
            ahead[HALO] = row(i + HALO);
            Vec back{};
            for (int k = 0; k < TAPS; ++k) {
                back += taps[k] * ahead[HALO - k];
                sums[k] += ahead[0] * at(u + (i + k) * LANES);
            }
            sums[TAPS] += ahead[0];
            bias += at(dt + i * LANES);
            at(g + i * LANES) = back;
        }
        for (int k = 0; k < HALO; ++k) at(after + k * LANES) = first[k];
        for (int k = 0; k <= TAPS; ++k)
            at(gradient.conv + (b * (TAPS + 1) + k) * LANES) += sums[k];
        at(gradient.dt_bias + b * LANES) += bias;
    }

    void weights(const DirectionGradient &g, int64_t begin, int64_t end, int64_t row,
                 int64_t rows) {
        const int64_t start = row * LANES, stride = n_.chunk * LANES, width = n_.width_blocks * LANES * LANES;
        const int64_t projected = n_.projected * LANES * LANES, rank = n_.rank_blocks * LANES * LANES;
        const auto columns = [&](const float *a, int64_t inputs, const float *wide, float *out,
                                 int64_t size) __attribute__((always_inline)) {
            int64_t b = begin;
            for (; b + 1 < end; b += 2) {
                const float *pair[] = {wide + b * stride + start, wide + (b + 1) * stride + start};
                float *const to[] = {out + b * size, out + (b + 1) * size};
                reduce<2>(a + start, stride, inputs, pair, rows, to);
            }
            if (b < end) {
                const float *single[] = {wide + b * stride + start};
                float *const to[] = {out + b * size};
                reduce<1>(a + start, stride, inputs, single, rows, to);
            }
        };
        columns(h_, p_.width, gy_, g_.in_u, width);
        columns(h_, p_.width, z_, g_.in_z, width);
        columns(out_, p_.width, o_, g_.out_proj, width);
        columns(project_, BC * LANES + p_.rank, v_, g.x_proj, projected);
        columns(d_, p_.rank, dt_, g.dt_proj, rank);
    }

    // ---- Stage 5 ----

    template <bool Reverse>
    void input_back(int64_t first, int64_t row, int64_t rows) {
        const int64_t stride = n_.chunk * LANES;
        const auto add = [&](int64_t i, int64_t b, Vec value) __attribute__((always_inline)) {
            if (b < n_.width_blocks) at(tile_ + (b * TILE + i) * LANES) += value;
        };
        std::memset(tile_, 0, n_.width_blocks * TILE * LANES * sizeof(float));
        multiply<HIGH2, 2>(gy_ + row * LANES, stride, rows, p_.inner, g_.in_u_back,
                           n_.width_blocks, add);
        multiply<HIGH2, 2>(z_ + row * LANES, stride, rows, p_.inner, g_.in_z_back,
                           n_.width_blocks, add);
        float *norms = norms_ + (first + row) / SHARE * n_.width_blocks * LANES;
        if (!Reverse && row % SHARE == 0)
            std::memset(norms, 0, n_.width_blocks * LANES * sizeof(float));
        for (int64_t i = 0; i < rows; ++i) {
            const int64_t where = place<Reverse>(first + row + i);
            for (int64_t b = 0; b < n_.width_blocks; ++b) {
                const int64_t width = p_.width - b * LANES;
                float *g = tile_ + (b * TILE + i) * LANES, *x = g_.x + where + b * LANES;
                if (Reverse)
                    store_part(x, at(g), width);
                else
                    at(g) += load_part(x, width);
            }
            if (Reverse) continue;
            if (p_.gate) gate_back(where, tile_ + i * LANES);
            norm_back(p_.x + where, p_.norm, p_.width, p_.eps, tile_ + i * LANES, TILE * LANES,
                      g_.sum ? g_.sum + where : nullptr, g_.x + where, norms);
        }
    }

    // From the gradient of a row of h to those of its gate and, in place, of what it multiplies.
    void gate_back(int64_t where, float *g) {
        Vec squares{}, products{};
        for (int64_t b = 0; b < n_.width_blocks; ++b) {
            const Vec r = load_part(p_.x + where + b * LANES, p_.width - b * LANES);
            squares += r * r;
            products += r * at(p_.norm + b * LANES) * at(g + b * TILE * LANES);
        }
        const int64_t row = where / p_.width;
        g_.gate[row] = sum_of(products) * norm_scale(squares, p_.width, p_.eps);
        for (int64_t b = 0; b < n_.width_blocks; ++b) at(g + b * TILE * LANES) *= p_.gate[row];
    }

    // What no row does: the rows that do not count, and the shares' sums for the norm.
    void finish() {
        const int64_t begin = offset_ + length_ * p_.width, end = offset_ + p_.length * p_.width;
        for (int64_t i = begin; i < end; ++i) g_.x[i] = g_.sum ? g_.sum[i] : 0;
        if (p_.gate)
            for (int64_t i = begin / p_.width; i < end / p_.width; ++i) g_.gate[i] = 0;
        for (int64_t share = 0; share * SHARE < length_; ++share)
            for (int64_t b = 0; b < n_.width_blocks; ++b)
                at(g_.norm + b * LANES) += at(norms_ + (share * n_.width_blocks + b) * LANES);
    }

    const Layer &p_;
    const Gradient &g_;
    const Sizes &n_;
    const int thread_;
    Team &team_;
    float *u_, *v_, *slope_, *dt_, *gy_, *o_, *z_, *h_, *out_, *d_, *project_, *bc_, *parts_;
    float *carry_, *after_, *norms_, *tile_, *wide_;
    int64_t entry_ = 0, offset_ = 0, length_ = 0;
};

}  // namespace

extern "C" {

int seq2exp_gradient_lanes() { return LANES; }

// Floats that `scratch` must have.
int64_t seq2exp_gradient_scratch(const Layer *p) {
    const int64_t threads = threads_for(*p);
    const Sizes sizes(*p, threads);
    return sizes.shared + threads * sizes.own;
}

void seq2exp_layer_backward(const Layer *layer, const Gradient *gradient, float *scratch) {
    const Layer &p = *layer;
    const int64_t threads = threads_for(p);
    const Sizes sizes(p, threads);
    prefer_huge_pages(gradient->x, p.batch * p.length * p.width);
    Team::run((int)threads, [&](int thread, Team &team) {
        Worker worker(p, *gradient, sizes, thread, team, scratch);
        for (int64_t entry = 0; entry < p.batch; ++entry) worker.run(entry);
    });
}

void seq2exp_norm_backward(const NormGradient *norm) {
    const NormGradient &p = *norm;
    const int64_t blocks = blocks_of(p.width), shares = (p.rows + SHARE - 1) / SHARE;
    const int64_t worth = p.rows * p.width / (WORTH / 8);
    prefer_huge_pages(p.grad_x, p.rows * p.width);
    Team::run((int)(p.threads < worth ? p.threads : worth), [&](int thread, Team &team) {
        std::vector<Vec> memory(blocks);  // one row of the gradient, in whole vectors
        float *g = (float *)memory.data();
        const int64_t end = shares * (thread + 1) / team.size();
        for (int64_t share = shares * thread / team.size(); share < end; ++share) {
            float *sums = p.sums + share * blocks * LANES;
            std::memset(sums, 0, blocks * LANES * sizeof(float));
            for (int64_t row = share * SHARE; row < p.rows && row < (share + 1) * SHARE; ++row) {
                const int64_t where = row * p.width;
                for (int64_t b = 0; b < blocks; ++b)
                    at(g + b * LANES) = load_part(p.out + where + b * LANES, p.width - b * LANES);
                norm_back(p.x + where, p.weight, p.width, p.eps, g, LANES, nullptr,
                          p.grad_x + where, sums);
            }
        }
    });
}

}  // extern "C"
