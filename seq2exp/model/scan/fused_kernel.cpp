// A bidirectional Mamba layer on a CPU, forward only, from its input to its output in one call.
//
//   r = x + residual              h = norm(r)                   u, z = in_proj(h)
//   v = silu(conv(u))             B, C, d = x_proj(v)           dt = softplus(dt_proj(d))
//   y = scan(v, dt, A, B, C, D)                                 for each direction
//   out = out_proj((y_forward + y_reverse) * silu(z))
//
// The sequence is streamed in chunks of rows, twice: first for the reverse direction, whose y is
// kept, then for the forward one, which finishes each chunk. A row of the reverse direction is a
// position counted from the end, so both directions are one code: convolution and scan go up the
// rows. What is wide lives for one chunk, in the caches.
//
// Each chunk has two stages between barriers. Everything but the scan is independent by row: each
// thread takes its share of the rows, a tile at a time. The scan is independent by channel: each
// thread takes its share of the blocks of LANES channels. No result depends on how many threads
// there are.
//
// Wide arrays are "blocked": [blocks of LANES channels][rows][LANES], so that convolution, scan and
// gates walk along rows with whole vectors, and the products read a block of columns in one run.

#include <cmath>

#include "vectors.h"

namespace {

constexpr int TAPS = 4;          // of the convolution
constexpr int HALO = TAPS - 1;   // rows that the convolution reads before the first
constexpr int TILE = 48;         // rows at a time in the products, a multiple of every HIGH below
constexpr int SHARE = 8 * TILE;  // rows of one thread in one chunk
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

struct Norm {
    int64_t rows, width, threads;
    const float *x, *residual;  // [rows, width] each; or null for no residual
    const float *weight;        // [blocks of width][LANES]
    float *out;                 // out [rows, width]
    float eps;
};

struct Layer {
    int64_t batch, length, width, inner, rank, threads;
    const int64_t *lengths;  // [batch] positions that count; those after them give 0
    const float *x;          // [batch, length, width]
    const float *residual;   // [batch, length, width], or null: none yet
    float *sum;              // out [batch, length, width]: x + residual, where there is one
    float *out;              // out [batch, length, width]
    const float *norm;       // [blocks of width][LANES]
    const float *in_u, *in_z, *out_proj;  // packed by 2
    Direction forward, reverse;
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

// What a row is multiplied by, from its squares summed lane by lane.
INLINE float norm_scale(Vec squares, int64_t width, float eps) {
    float lanes[LANES];
    std::memcpy(lanes, &squares, sizeof lanes);
    for (int half = LANES / 2; half; half /= 2)
        for (int k = 0; k < half; ++k) lanes[k] += lanes[k + half];
    return 1.0f / std::sqrt(lanes[0] / (float)width + eps);
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

// ---- The layer -----------------------------------------------------------------------------------

struct Sizes {
    int64_t width_blocks, blocks, rank_blocks, chunk, kept, shared, own;

    Sizes(const Layer &p, int64_t threads) {
        width_blocks = blocks_of(p.width);
        blocks = even(blocks_of(p.inner));
        rank_blocks = blocks_of(p.rank);
        chunk = SHARE * threads;
        kept = blocks * chunk * LANES * ((p.length + chunk - 1) / chunk);  // y of the reverse
        shared = (2 * blocks + rank_blocks) * chunk * LANES + chunk * 2 * STATES +
                 blocks * STATES * LANES;
        own = (width_blocks * TILE + blocks * (HALO + TILE)) * LANES;
    }
};

// One batch entry in one of the threads.
class Worker {
  public:
    Worker(const Layer &p, const Sizes &sizes, int thread, Team &team, float *kept, float *scratch)
        : p_(p), n_(sizes), thread_(thread), team_(team), kept_(kept) {
        v_ = scratch;
        dt_ = v_ + n_.blocks * n_.chunk * LANES;
        d_ = dt_ + n_.blocks * n_.chunk * LANES;
        bc_ = d_ + n_.rank_blocks * n_.chunk * LANES;
        states_ = bc_ + n_.chunk * 2 * STATES;
        h_ = states_ + n_.blocks * STATES * LANES + thread * n_.own;
        wide_ = h_ + n_.width_blocks * TILE * LANES;
    }

    void run(int64_t entry) {
        offset_ = entry * p_.length * p_.width;
        length_ = p_.lengths[entry];
        direction<true>(p_.reverse);
        direction<false>(p_.forward);
        if (thread_ == 0) finish_padding();
    }

  private:
    template <bool Reverse>
    void direction(const Direction &w) {
        const int64_t real = blocks_of(p_.inner), team = team_.size();
        const int64_t begin = real * thread_ / team, end = real * (thread_ + 1) / team;
        for (int64_t i = begin * STATES; i < end * STATES; ++i) at(states_ + i * LANES) = Vec{};
        for (int64_t first = 0; first < length_; first += n_.chunk) {
            const int64_t left = length_ - first, rows = left < n_.chunk ? left : n_.chunk;
            each_share(rows, [&](int64_t mine, int64_t stop) {
                before_scan<Reverse>(w, first, mine, stop);
            });
            team_.barrier();
            float *y = Reverse ? kept_ + first * n_.blocks * LANES : v_;
            for (int64_t b = begin; b < end; ++b) scan(w, b, rows, y);
            team_.barrier();
            if (Reverse) continue;
            each_share(rows, [&](int64_t mine, int64_t stop) {
                for (int64_t row = mine; row < stop; row += TILE)
                    after_scan(first, row, stop - row < TILE ? stop - row : TILE);
            });
        }
    }

    // This thread's rows of a chunk, the same in every chunk: what it reads after one scan is what
    // it overwrites before the next. There may be fewer threads than shares.
    template <class Work>
    INLINE void each_share(int64_t rows, Work work) {
        for (int64_t mine = thread_ * SHARE; mine < rows; mine += team_.size() * SHARE)
            work(mine, rows < mine + SHARE ? rows : mine + SHARE);
    }

    // h of the rows from `row` on; on the way down, x + residual is written where `Write`.
    template <bool Reverse, bool Write>
    void normalise(int64_t row, int64_t rows) {
        const bool add = Reverse && p_.residual;
        const float *from = (Reverse || !p_.residual ? p_.x : p_.sum) + offset_;
        for (int64_t i = 0; i < rows; ++i) {
            const int64_t where = (Reverse ? length_ - 1 - row - i : row + i) * p_.width;
            Vec squares{};
            for (int64_t b = 0; b < n_.width_blocks; ++b) {
                const int64_t width = p_.width - b * LANES, place = where + b * LANES;
                Vec value = load_part(from + place, width);
                if (add) {
                    value += load_part(p_.residual + offset_ + place, width);
                    if (Write) store_part(p_.sum + offset_ + place, value, width);
                }
                squares += value * value;
                at(h_ + (b * TILE + i) * LANES) = value;
            }
            const float scale = norm_scale(squares, p_.width, p_.eps);
            for (int64_t b = 0; b < n_.width_blocks; ++b)
                at(h_ + (b * TILE + i) * LANES) *= scale * at(p_.norm + b * LANES);
        }
    }

    // u of the rows of h, written from row `to` of the wide tile on.
    void project_in(const float *weights, int64_t rows, int64_t to, int64_t stride) {
        float *u = wide_ + to * LANES;
        multiply<HIGH2, 2>(h_, TILE * LANES, rows, p_.width, weights, n_.blocks,
                           [&](int64_t row, int64_t b, Vec value) __attribute__((always_inline)) {
                               at(u + (b * stride + row) * LANES) = value;
                           });
    }

    // Stage 1 for the chunk's rows [begin, end): v, dt, B and C.
    template <bool Reverse>
    void before_scan(const Direction &w, int64_t first, int64_t begin, int64_t end) {
        constexpr int64_t STRIDE = HALO + TILE;
        // The rows before the first, which are another thread's or another chunk's.
        const int64_t before = first + begin < HALO ? first + begin : HALO;
        if (before) {
            normalise<Reverse, false>(first + begin - before, before);
            project_in(p_.in_u, before, HALO, STRIDE);
        }
        for (int64_t b = 0; b < n_.blocks; ++b)
            for (int64_t i = 0; i < HALO; ++i)
                at(wide_ + (b * STRIDE + i) * LANES) =
                    i < HALO - before ? Vec{} : at(wide_ + (b * STRIDE + i + before) * LANES);
        for (int64_t row = begin; row < end; row += TILE) {
            const int64_t rows = end - row < TILE ? end - row : TILE;
            normalise<Reverse, true>(first + row, rows);
            project_in(p_.in_u, rows, HALO, STRIDE);
            for (int64_t b = 0; b < n_.blocks; ++b) convolve(w, b, row, rows);
            project_middle(w, row, rows);
        }
    }

    void convolve(const Direction &w, int64_t b, int64_t row, int64_t rows) {
        float *u = wide_ + b * (HALO + TILE) * LANES;
        float *v = v_ + (b * n_.chunk + row) * LANES;
        const float *taps = w.conv + b * (TAPS + 1) * LANES;
        const Vec bias = at(taps + TAPS * LANES);
        for (int64_t i = 0; i < rows; ++i) {
            Vec sum = bias;
#pragma GCC unroll 16
            for (int k = 0; k < TAPS; ++k) sum += at(u + (i + k) * LANES) * at(taps + k * LANES);
            at(v + i * LANES) = silu(sum);
        }
        for (int64_t i = 0; i < HALO; ++i) at(u + i * LANES) = at(u + (rows + i) * LANES);
    }

    void project_middle(const Direction &w, int64_t row, int64_t rows) {
        constexpr int64_t BC = 2 * STATES / LANES;
        const int64_t stride = n_.chunk * LANES;
        float *d = d_ + row * LANES, *bc = bc_ + row * 2 * STATES, *dt = dt_ + row * LANES;
        multiply<HIGH3, 3>(v_ + row * LANES, stride, rows, p_.inner, w.x_proj, BC + n_.rank_blocks,
                           [&](int64_t i, int64_t b, Vec value) __attribute__((always_inline)) {
                               if (b < BC)
                                   at(bc + i * 2 * STATES + b * LANES) = value;
                               else if (b < BC + n_.rank_blocks)
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

    // Stage 2: y of one block of channels, for the whole chunk.
    void scan(const Direction &w, int64_t b, int64_t rows, float *out) {
        const int64_t place = b * n_.chunk * LANES;
        const float *v = v_ + place, *dt = dt_ + place, *bc = bc_;
        float *y = out + place;
        const Vec *A = (const Vec *)w.A + b * STATES;
        const Vec D = at(w.D + b * LANES);
        Vec *state = (Vec *)states_ + b * STATES, s[STATES];
        for (int n = 0; n < STATES; ++n) s[n] = state[n];
        for (int64_t i = 0; i < rows; ++i, bc += 2 * STATES) {
            const Vec x = at(v + i * LANES), step = at(dt + i * LANES), u = step * x;
            Vec sum = D * x;
#pragma GCC unroll 16
            for (int n = 0; n < STATES; ++n) {
                s[n] = exp2_minus_one(step * A[n]) * s[n] + (u * bc[n] + s[n]);
                sum += s[n] * bc[STATES + n];
            }
            at(y + i * LANES) = sum;
        }
        for (int n = 0; n < STATES; ++n) state[n] = s[n];
    }

    // What follows the forward scan: both directions' sum, the gate and the projection.
    void after_scan(int64_t first, int64_t row, int64_t rows) {
        normalise<false, false>(first + row, rows);
        project_in(p_.in_z, rows, 0, TILE);
        const float *reverse[TILE];
        for (int64_t i = 0; i < rows; ++i) {
            const int64_t place = length_ - 1 - (first + row + i), in_chunk = place % n_.chunk;
            reverse[i] = kept_ + ((place - in_chunk) * n_.blocks + in_chunk) * LANES;
        }
        const int64_t stride = n_.chunk * LANES, real = blocks_of(p_.inner);
        for (int64_t b = 0; b < real; ++b) {
            float *z = wide_ + b * TILE * LANES;
            const float *y = v_ + b * stride + row * LANES;
            for (int64_t i = 0; i < rows; ++i)
                at(z + i * LANES) =
                    (at(y + i * LANES) + at(reverse[i] + b * stride)) * silu(at(z + i * LANES));
        }
        float *out = p_.out + offset_ + (first + row) * p_.width;
        multiply<HIGH2, 2>(wide_, TILE * LANES, rows, p_.inner, p_.out_proj, n_.width_blocks,
                           [&](int64_t i, int64_t b, Vec value) __attribute__((always_inline)) {
                               if (i < rows && b < n_.width_blocks)
                                   store_part(out + i * p_.width + b * LANES, value,
                                              p_.width - b * LANES);
                           });
    }

    void finish_padding() {
        const int64_t begin = offset_ + length_ * p_.width, end = offset_ + p_.length * p_.width;
        for (int64_t i = begin; i < end; ++i) {
            p_.out[i] = 0;
            if (p_.residual) p_.sum[i] = p_.x[i] + p_.residual[i];
        }
    }

    const Layer &p_;
    const Sizes &n_;
    const int thread_;
    Team &team_;
    float *kept_, *v_, *dt_, *d_, *bc_, *states_, *h_, *wide_;
    int64_t offset_ = 0, length_ = 0;
};

int64_t threads_for(const Layer &p) {
    const int64_t work = p.length * p.inner * (3 * p.width + 10 * STATES) / WORTH;
    const int64_t blocks = blocks_of(p.inner);
    int64_t threads = p.threads < blocks ? p.threads : blocks;
    if (threads > work) threads = work;
    return threads < 1 ? 1 : threads;
}

}  // namespace

extern "C" {

int seq2exp_layer_lanes() { return LANES; }

// Floats that `kept` and `scratch` must have.
int64_t seq2exp_layer_kept(const Layer *p) { return Sizes(*p, threads_for(*p)).kept; }
int64_t seq2exp_layer_scratch(const Layer *p) {
    const int64_t threads = threads_for(*p);
    const Sizes sizes(*p, threads);
    return sizes.shared + threads * sizes.own;
}

void seq2exp_layer_forward(const Layer *layer, float *kept, float *scratch) {
    const Layer &p = *layer;
    const int64_t threads = threads_for(p);
    const Sizes sizes(p, threads);
    prefer_huge_pages(kept, sizes.kept);
    prefer_huge_pages(p.out, p.batch * p.length * p.width);
    if (p.residual) prefer_huge_pages(p.sum, p.batch * p.length * p.width);
    Team::run((int)threads, [&](int thread, Team &team) {
        Worker worker(p, sizes, thread, team, kept, scratch);
        for (int64_t entry = 0; entry < p.batch; ++entry) worker.run(entry);
    });
}

// The norm of x + residual alone, as after the last layer.
void seq2exp_layer_norm(const Norm *norm) {
    const Norm &p = *norm;
    const int64_t blocks = blocks_of(p.width), worth = p.rows * p.width / (WORTH / 8);
    prefer_huge_pages(p.out, p.rows * p.width);
    Team::run((int)(p.threads < worth ? p.threads : worth), [&](int thread, Team &team) {
        const int64_t end = p.rows * (thread + 1) / team.size();
        for (int64_t row = p.rows * thread / team.size(); row < end; ++row) {
            const float *x = p.x + row * p.width;
            const float *more = p.residual ? p.residual + row * p.width : nullptr;
            float *out = p.out + row * p.width;
            Vec squares{};
            for (int64_t i = 0; i < p.width; i += LANES) {
                Vec value = load_part(x + i, p.width - i);
                if (more) value += load_part(more + i, p.width - i);
                squares += value * value;
                store_part(out + i, value, p.width - i);
            }
            const float scale = norm_scale(squares, p.width, p.eps);
            for (int64_t b = 0; b < blocks; ++b) {
                const int64_t i = b * LANES, width = p.width - i;
                store_part(out + i, load_part(out + i, width) * (scale * at(p.weight + i)), width);
            }
        }
    });
}

}  // extern "C"
