// What the CPU kernels share: vectors of channels, 2^x - 1, sums across lanes, a team of threads.
//
// One source serves AVX-512, AVX2, SSE and NEON through the vector types of GCC and Clang.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#define INLINE inline __attribute__((always_inline))

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;  // channels side by side in one vector
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif
constexpr int STATES = 16;  // states of one channel

typedef float Vec __attribute__((vector_size(LANES * 4)));
typedef int32_t Bits __attribute__((vector_size(LANES * 4)));
typedef uint32_t Unsigned __attribute__((vector_size(LANES * 4)));

INLINE Vec splat(float value) { return value - Vec{}; }

// `width` channels from `from` on; the lanes after the last channel are zero.
template <bool Whole>
INLINE Vec load(const float *from, int width) {
    Vec value{};
    std::memcpy(&value, from, Whole ? sizeof(Vec) : sizeof(float) * width);
    return value;
}

template <bool Whole>
INLINE void store(float *to, Vec value, int width) {
    std::memcpy(to, &value, Whole ? sizeof(Vec) : sizeof(float) * width);
}

// 2^f - 1 for f in [-1/2, 1/2]: the constant term of 2^f is 1 exactly.
INLINE Vec exp2_fraction(Vec f) {
    Vec p = splat(0.00133335381f);
    p = p * f + 0.00966624543f;
    p = p * f + 0.0555050038f;
    p = p * f + 0.240223512f;
    p = p * f + 0.693147123f;
    return p * f;
}

// 2^power - 1 for power <= 0, accurate relative to itself (5e-7). A decay near 1 would lose what it
// differs from 1 by: exp(-1e-4) rounds by 3e-8, which adds up to 1e-4 over such a state's memory.
INLINE Vec exp2_minus_one(Vec power) {
    // Powers below -126 become that. Among negative floats the smaller has the larger bits, and
    // comparing bits is one instruction where comparing floats, with their NaNs, is two.
    const Unsigned lowest = (Unsigned)splat(-126.0f), bits = (Unsigned)power;
    power = (Vec)(bits < lowest ? bits : lowest);
    const Vec shifter = splat(12582912.0f + 127.0f);   // 1.5 * 2^23: adding it rounds to integers,
    const Vec shifted = power + shifter;               // 127: the exponent's bias
    const Vec f = power - (shifted - shifter);
    const Vec scale = (Vec)((Bits)shifted << 23);
    return scale * exp2_fraction(f) + (scale - 1.0f);
}

// Sums across lanes, LANES at once: lane k of the result is the sum of the lanes of part(n + k).
// Two half-summed vectors are folded into one at each level.
#if defined(__clang__)
template <int Half, int... Lane>
INLINE Vec fold_lanes(Vec a, Vec b, std::integer_sequence<int, Lane...>) {
    return __builtin_shufflevector(a, b, ((Lane & ~Half) + (Lane & Half ? LANES : 0))...) +
           __builtin_shufflevector(a, b, ((Lane | Half) + (Lane & Half ? LANES : 0))...);
}
#else  // older GCCs have no __builtin_shufflevector
template <int Half, int... Lane>
INLINE Vec fold_lanes(Vec a, Vec b, std::integer_sequence<int, Lane...>) {
    return __builtin_shuffle(a, b, Bits{((Lane & ~Half) + (Lane & Half ? LANES : 0))...}) +
           __builtin_shuffle(a, b, Bits{((Lane | Half) + (Lane & Half ? LANES : 0))...});
}
#endif
template <int Half>
INLINE Vec fold(Vec a, Vec b) {
    return fold_lanes<Half>(a, b, std::make_integer_sequence<int, LANES>{});
}

struct Pair {
    Vec first, second;
};

template <int Step, class Part>
INLINE Pair sum_lanes(int n, Part part) {
    if constexpr (Step == LANES) {
        return part(n);
    } else {
        const Pair a = sum_lanes<Step * 2>(n, part);
        const Pair b = sum_lanes<Step * 2>(n + Step, part);
        return {fold<Step>(a.first, b.first), fold<Step>(a.second, b.second)};
    }
}

// Threads that start together and can wait for each other. Fewer run where the system gives fewer.
class Team {
  public:
    template <class Work>
    static void run(int wanted, Work work) {
        Team team;
        std::vector<std::thread> others;
        try {
            others.reserve(wanted);
            for (int i = 1; i < wanted; ++i) {
                others.emplace_back([&team, &work, i] {
                    team.wait_for_start();
                    work(i, team);
                });
                ++team.size_;
            }
        } catch (const std::exception &) {
        }
        team.start();
        work(0, team);
        for (std::thread &other : others) other.join();
    }

    int size() const { return size_; }

    // Those that are here spin a while, as the others mostly arrive soon, and then sleep.
    void barrier() {
        if (size_ == 1) return;
        const long round = round_.load(std::memory_order_acquire);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
            arrived_.store(0, std::memory_order_relaxed);
            {
                std::lock_guard<std::mutex> lock(mutex_);
                round_.store(round + 1, std::memory_order_release);
            }
            changed_.notify_all();
            return;
        }
        for (int i = 0; i < SPINS; ++i) {
            if (round_.load(std::memory_order_acquire) != round) return;
            pause();
        }
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [&] { return round_.load(std::memory_order_relaxed) != round; });
    }

  private:
    static constexpr int SPINS = 2000;  // some 20 to 50 microseconds
    static void pause() {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    }
    void start() {
        std::lock_guard<std::mutex> lock(mutex_);
        started_ = true;
        changed_.notify_all();
    }
    void wait_for_start() {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [&] { return started_; });
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    bool started_ = false;
    int size_ = 1;
    std::atomic<int> arrived_{0};
    std::atomic<long> round_{0};
};

// Fresh output comes as pages that are mapped at the first write; huge ones are mapped faster.
void prefer_huge_pages(float *memory, int64_t count) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr uintptr_t HUGE = 2 << 20;
    const uintptr_t begin = ((uintptr_t)memory + HUGE - 1) / HUGE * HUGE;
    const uintptr_t end = (uintptr_t)(memory + count) / HUGE * HUGE;
    if (end > begin) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)memory, (void)count;
#endif
}

}  // namespace
