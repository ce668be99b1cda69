// A bidirectional Mamba layer on a CPU, forward only, from its input to its output in one call.
//
//   r = x + residual              h = norm(r) * gate            u, z = in_proj(h)
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
// Positions whose h is zero may be left out of x. Their v is silu of the convolution's bias, so dt,
// B and C are constants and the states move towards a limit that is known: however many positions
// are left out between two rows, the scan makes up for them in one step.

#include "layer.h"

extern "C" {

struct Norm {
    int64_t rows, width, threads;
    const float *x, *residual;  // [rows, width] each; or null for no residual
    const float *weight;        // [blocks of width][LANES]
    float *out;                 // out [rows, width]
    float eps;
};

// What a direction does at positions where h is zero, and so is that of the TAPS - 1 before.
struct Rest {
    const float *dt;      // [blocks][LANES]
    const float *states;  // [blocks][STATES][LANES], what the states move to
};

struct Skipped {
    const float *counts;  // [batch][length + 1] positions left out before each row, and at the end
    Rest forward, reverse;
};

}  // extern "C"

namespace {

constexpr int SHARE = 2 * BORDER;  // rows of one thread in one chunk

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
    Worker(const Layer &p, const Skipped *skipped, const Sizes &sizes, int thread, Team &team,
           float *kept, float *scratch)
        : p_(p), skipped_(skipped), n_(sizes), thread_(thread), team_(team), kept_(kept) {
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
        entry_ = entry;
        direction<true>(p_.reverse, p_.borders_reverse);
        direction<false>(p_.forward, p_.borders_forward);
        if (thread_ == 0) finish_padding();
    }

  private:
    template <bool Reverse>
    void direction(const Direction &w, float *borders) {
        const int64_t real = blocks_of(p_.inner), team = team_.size();
        const int64_t begin = real * thread_ / team, end = real * (thread_ + 1) / team;
        for (int64_t i = begin * STATES; i < end * STATES; ++i) at(states_ + i * LANES) = Vec{};
        // Nothing after the last position that is wanted reaches one, seen in this direction.
        const int64_t past = Reverse ? length_ - p_.begin : p_.end < length_ ? p_.end : length_;
        for (int64_t first = 0; first < past; first += n_.chunk) {
            const int64_t left = past - first, rows = left < n_.chunk ? left : n_.chunk;
            each_share(rows, [&](int64_t mine, int64_t stop) {
                before_scan<Reverse>(w, first, mine, stop);
            });
            team_.barrier();
            float *y = Reverse ? kept_ + first * n_.blocks * LANES : v_;
            for (int64_t b = begin; b < end; ++b)
                for (int64_t row = 0; row < rows; row += BORDER) {
                    if (borders) keep_state(borders, first + row, b);
                    const int64_t some = rows - row < BORDER ? rows - row : BORDER;
                    if (skipped_)
                        scan_between<Reverse>(w, b, first, row, some, y);
                    else
                        scan(w, b, row, some, y);
                }
            team_.barrier();
            if (Reverse) continue;
            each_share(rows, [&](int64_t mine, int64_t stop) {
                for (int64_t row = mine; row < stop; row += TILE)
                    if (first + row + TILE > p_.begin)
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
        for (int64_t i = 0; i < rows; ++i) {
            const int64_t position = Reverse ? length_ - 1 - row - i : row + i;
            // The reverse direction comes first and stops where nothing more is wanted of it.
            const bool add = p_.residual && (Reverse || position < p_.begin);
            const float *from = (add || !p_.residual ? p_.x : p_.sum) + offset_;
            const int64_t where = position * p_.width;
            Vec squares{};
            for (int64_t b = 0; b < n_.width_blocks; ++b) {
                const int64_t width = p_.width - b * LANES, place = where + b * LANES;
                Vec value = load_part(from + place, width);
                if (add) {
                    value += load_part(p_.residual + offset_ + place, width);
                    if (Reverse && Write) store_part(p_.sum + offset_ + place, value, width);
                }
                squares += value * value;
                at(h_ + (b * TILE + i) * LANES) = value;
            }
            float scale = norm_scale(squares, p_.width, p_.eps);
            if (p_.gate) scale *= p_.gate[entry_ * p_.length + position];
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

    void keep_state(float *borders, int64_t row, int64_t b) {
        float *to = border(borders, p_, entry_, row) + b * STATES * LANES;
        std::memcpy(to, states_ + b * STATES * LANES, STATES * LANES * sizeof(float));
    }

    // Stage 2: y of one block of channels in the chunk's rows from `row` on.
    void scan(const Direction &w, int64_t b, int64_t row, int64_t rows, float *out) {
        const int64_t place = (b * n_.chunk + row) * LANES;
        const float *v = v_ + place, *dt = dt_ + place, *bc = bc_ + row * 2 * STATES;
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

    // `scan`, with what is left out before any of the rows made up for.
    template <bool Reverse>
    void scan_between(const Direction &w, int64_t b, int64_t first, int64_t row, int64_t rows,
                      float *out) {
        const float *counts = skipped_->counts + entry_ * (p_.length + 1);
        const int64_t end = row + rows;
        int64_t from = row;
        for (; row < end; ++row) {
            const float count = counts[Reverse ? length_ - first - row : first + row];
            if (count == 0) continue;
            if (row > from) scan(w, b, from, row - from, out);
            rest(Reverse ? skipped_->reverse : skipped_->forward, w, b, count);
            from = row;
        }
        if (row > from) scan(w, b, from, row - from, out);
    }

    // The states of one block of channels after `count` positions where h is zero.
    void rest(const Rest &rest, const Direction &w, int64_t b, float count) {
        const Vec step = at(rest.dt + b * LANES) * count;
        for (int n = 0; n < STATES; ++n) {
            const int64_t place = (b * STATES + n) * LANES;
            const Vec state = at(states_ + place), limit = at(rest.states + place);
            at(states_ + place) = state + exp2_minus_one(step * at(w.A + place)) * (state - limit);
        }
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
    const Skipped *skipped_;  // null: nothing
    const Sizes &n_;
    const int thread_;
    Team &team_;
    float *kept_, *v_, *dt_, *d_, *bc_, *states_, *h_, *wide_;
    int64_t entry_ = 0, offset_ = 0, length_ = 0;
};

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

// `skipped` is null where no position is left out.
void seq2exp_layer_between(const Layer *layer, const Skipped *skipped, float *kept,
                           float *scratch) {
    const Layer &p = *layer;
    const int64_t threads = threads_for(p);
    const Sizes sizes(p, threads);
    prefer_huge_pages(kept, sizes.kept);
    prefer_huge_pages(p.out, p.batch * p.length * p.width);
    if (p.residual) prefer_huge_pages(p.sum, p.batch * p.length * p.width);
    Team::run((int)threads, [&](int thread, Team &team) {
        Worker worker(p, skipped, sizes, thread, team, kept, scratch);
        for (int64_t entry = 0; entry < p.batch; ++entry) worker.run(entry);
    });
}

void seq2exp_layer_forward(const Layer *layer, float *kept, float *scratch) {
    seq2exp_layer_between(layer, nullptr, kept, scratch);
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
