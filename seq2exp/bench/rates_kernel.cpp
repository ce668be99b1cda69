// How fast this processor multiplies and adds, takes exponentials, and copies memory, at most.
//
// Each function works on as many threads as it is told and returns how many operations it did; the
// caller has the clock. Chains of operations that wait for each other are many enough to fill every
// unit. `out` receives a number that depends on all of them, so that none can be left out.

#include "vectors.h"

namespace {

// Chains in flight of multiply-adds: two to four units, each with a latency of about four.
constexpr int CHAINS = 12, BESIDE = 8;
constexpr int POWERS = 16;   // chains of exponentials, each many instructions deep
constexpr int BURST = 64;    // exponentials in a chain, which ends before it fades to nothing
constexpr int PER_POWER = 16;

// Numbers that the compiler cannot know.
INLINE Vec unknown(const float *out, float value) { return splat(value + out[0] * 0.0f); }

INLINE void sink(float *out, Vec sum) {
    float lanes[LANES];
    std::memcpy(lanes, &sum, sizeof lanes);
    for (int k = 0; k < LANES; ++k) *out += lanes[k];
}

struct MultiplyAdds {
    static constexpr int64_t COUNT = BURST * CHAINS * LANES;
    Vec factor, term, sums[CHAINS];

    explicit MultiplyAdds(const float *out)
        : factor(unknown(out, 0.999f)), term(unknown(out, 0.001f)) {
        for (int k = 0; k < CHAINS; ++k) sums[k] = unknown(out, 1.0f + (float)k);
    }
    INLINE void burst() {
        for (int i = 0; i < BURST; ++i)
#pragma GCC unroll 16
            for (int k = 0; k < CHAINS; ++k) sums[k] = sums[k] * factor + term;
    }
    INLINE Vec sum() const {
        Vec all{};
        for (int k = 0; k < CHAINS; ++k) all += sums[k];
        return all;
    }
};

// Exponentials, each with `Beside` multiply-adds that do not wait for it.
template <int Beside>
struct Exponentials {
    static constexpr int64_t COUNT = BURST * POWERS * LANES;
    Vec factor, term, first[POWERS], sums[BESIDE], all{};

    explicit Exponentials(const float *out)
        : factor(unknown(out, 0.999f)), term(unknown(out, 0.001f)) {
        for (int k = 0; k < POWERS; ++k) first[k] = unknown(out, -1.0f / (1.0f + (float)k));
        for (int k = 0; k < BESIDE; ++k) sums[k] = unknown(out, 1.0f + (float)k);
    }
    INLINE void burst() {
        Vec powers[POWERS];
        for (int k = 0; k < POWERS; ++k) powers[k] = first[k];
        for (int i = 0; i < BURST; ++i)
#pragma GCC unroll 16
            for (int k = 0; k < POWERS; ++k) {
                powers[k] = exp2_minus_one(powers[k]);
#pragma GCC unroll 16
                for (int j = 0; j < Beside; ++j)
                    sums[j % BESIDE] = sums[j % BESIDE] * factor + term;
            }
        for (int k = 0; k < POWERS; ++k) all += powers[k];
    }
    INLINE Vec sum() const {
        Vec total = all;
        for (int k = 0; k < BESIDE; ++k) total += sums[k];
        return total;
    }
};

template <class Work>
int64_t repeat(int64_t threads, int64_t bursts, float *out) {
    std::atomic<int64_t> done{0};
    Team::run((int)threads, [&](int thread, Team &) {
        Work work(out);
        for (int64_t i = 0; i < bursts; ++i) work.burst();
        sink(out + thread * LANES, work.sum());
        done += bursts * Work::COUNT;
    });
    return done;
}

}  // namespace

extern "C" {

int seq2exp_rates_lanes() { return LANES; }
int seq2exp_rates_per_power() { return PER_POWER; }

// What is done in `bursts` by each thread; out has LANES floats, at first 0, for each thread.
int64_t seq2exp_rates_multiply_adds(int64_t threads, int64_t bursts, float *out) {
    return repeat<MultiplyAdds>(threads, bursts, out);
}
int64_t seq2exp_rates_exponentials(int64_t threads, int64_t bursts, float *out) {
    return repeat<Exponentials<0>>(threads, bursts, out);
}
int64_t seq2exp_rates_both(int64_t threads, int64_t bursts, float *out) {  // exponentials
    return repeat<Exponentials<PER_POWER>>(threads, bursts, out);
}

// Bytes that are read and written, together: each thread copies its share of `size` bytes.
int64_t seq2exp_rates_copy(int64_t threads, int64_t size, const char *from, char *to) {
    Team::run((int)threads, [&](int thread, Team &team) {
        const int64_t begin = size * thread / team.size(), end = size * (thread + 1) / team.size();
        std::memcpy(to + begin, from + begin, end - begin);
    });
    return 2 * size;
}

}  // extern "C"
