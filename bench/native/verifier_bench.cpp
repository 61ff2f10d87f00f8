// Callers with one signature at a time, all of unknown keys, beside batches of 4,096 in the same process and on the
// same cores: 64 threads that wait for each verdict, one thread that polls a queue, and a lone caller's latency.
//
//   accel_verifier_bench [--json] [--rounds N] [--seconds S] [--callers N] [--runners N]
//
// Rounds alternate the two sides. Rates are wall-clock rates and, since other jobs on the machine take time from a side
// that sleeps more than from one that never does, also rates by the process's CPU time. Both want a quiet machine.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "accel/accel.h"
#include "measure.hpp"

namespace accel::bench {
namespace {

constexpr char kUsage[] =
    "usage: accel_verifier_bench [--json] [--rounds N] [--seconds S] [--callers N] [--runners N]\n"
    "  --json       for programs\n"
    "  --rounds N   7 unless given\n"
    "  --seconds S  of each measurement; 0.5 unless given\n"
    "  --callers N  threads that wait for their verdicts; 64 unless given\n"
    "  --runners N  batches that may run at once; the library's threads unless given\n";

constexpr size_t kItems = 4096, kUnderWay = 1024;
constexpr double kFloor = 0.6;  // of the batch rate, by 64 callers

struct Options {
  bool json = false;
  size_t rounds = 7, callers = 64;
  double seconds = 0.5;
  uint32_t runners = 0;
};

void ok(accel_status status) { require(status == ACCEL_OK, accel_last_error()); }

double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}
double wall() { return seconds_of(CLOCK_MONOTONIC); }

// A signature of its own key each.
struct Items {
  Items() : keys(64 * kItems), signatures(64 * kItems), digests(32 * kItems) {
    std::vector<accel_sm2_private_key*> signers(kItems);
    std::vector<uint32_t> indices(kItems);
    ok(accel_sm2_private_key_generate_many(nullptr, signers.data(), kItems));
    for (uint32_t i = 0; i < kItems; ++i) {
      indices[i] = i;
      std::memcpy(&digests[32 * i], &i, sizeof i);
      ok(accel_sm2_private_key_public(signers[i], &keys[64 * i]));
    }
    ok(accel_sm2_sign_digest_many(nullptr, signatures.data(), signers.data(), kItems, indices.data(), digests.data(),
                                  32, kItems));
    for (accel_sm2_private_key* signer : signers) accel_sm2_private_key_free(signer);
  }
  std::vector<uint8_t> keys, signatures, digests;
};

void verify_batch(const Items& items, size_t first, size_t count) {
  static thread_local std::vector<uint8_t> status(kItems);
  ok(accel_sm2_verify_digest_many(nullptr, status.data(), &items.keys[64 * first], 64, &items.signatures[64 * first],
                                  64, &items.digests[32 * first], 32, count));
  require(std::all_of(status.begin(), status.begin() + static_cast<ptrdiff_t>(count),
                      [](uint8_t one) { return one == ACCEL_OK; }),
          "a batch refuses a valid signature");
}

void verify_one(accel_sm2_verifier* verifier, const Items& items, size_t i) {
  uint8_t status = ACCEL_NOT_CHECKED;
  ok(accel_sm2_verifier_verify_digest(verifier, &status, &items.keys[64 * i], &items.signatures[64 * i],
                                      &items.digests[32 * i], ACCEL_PRIORITY_TRANSACTION, ACCEL_NO_TIMEOUT));
  require(status == ACCEL_OK, "the verifier refuses a valid signature");
}

struct Rates {
  double wall, cpu;  // items per second; of the clock, and of CPU time
};

// What `work`, which returns a number of items, does in a while.
template <typename Work>
Rates rates(Work&& work) {
  const double wall_start = wall(), cpu_start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  const auto count = static_cast<double>(work());
  return {count / (wall() - wall_start), count / (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_start)};
}

size_t run_batches(const Items& items, double seconds) {
  size_t count = 0;
  for (const double end = wall() + seconds; wall() < end; count += kItems) verify_batch(items, 0, kItems);
  return count;
}

size_t run_callers(accel_sm2_verifier* verifier, const Items& items, size_t callers, double seconds) {
  std::atomic<size_t> count{0};
  std::atomic<bool> stop{false}, failed{false};
  std::vector<std::thread> threads;
  for (size_t caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&, caller] {
      size_t done = 0;
      try {
        for (size_t i = caller * 61; !stop.load(std::memory_order_relaxed); ++i, ++done) {
          verify_one(verifier, items, i % kItems);
        }
      } catch (const std::exception&) {
        failed = true;
      }
      count += done;
    });
  }
  const timespec span = {static_cast<time_t>(seconds),
                         static_cast<long>((seconds - static_cast<time_t>(seconds)) * 1e9)};
  nanosleep(&span, nullptr);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  require(!failed, "a caller's valid signature was refused or not checked");
  return count;
}

size_t run_queue(accel_sm2_verifier* verifier, const Items& items, double seconds) {
  accel_sm2_queue* made = nullptr;
  ok(accel_sm2_queue_new(&made, verifier, kUnderWay));
  const std::unique_ptr<accel_sm2_queue, void (*)(accel_sm2_queue*)> queue(made, accel_sm2_queue_free);
  std::vector<uint64_t> tags(kUnderWay);
  std::vector<uint8_t> status(kUnderWay);
  size_t submitted = 0, answered = 0;
  for (const double end = wall() + seconds; wall() < end || answered < submitted;) {
    for (; submitted - answered < kUnderWay && wall() < end; ++submitted) {
      const size_t i = submitted % kItems;
      ok(accel_sm2_queue_submit_digest(queue.get(), &items.keys[64 * i], &items.signatures[64 * i],
                                       &items.digests[32 * i], ACCEL_PRIORITY_TRANSACTION, ACCEL_NO_TIMEOUT, i));
    }
    uint64_t count = 0;
    ok(accel_sm2_queue_poll(queue.get(), tags.data(), status.data(), &count, kUnderWay, ACCEL_NO_TIMEOUT));
    for (uint64_t i = 0; i < count; ++i) require(status[i] == ACCEL_OK, "a queue refuses a valid signature");
    answered += count;
  }
  return answered;
}

struct Comparison {
  std::string task;
  std::vector<double> rate, batch_rate, ratio, cpu_ratio;

  void add(const Rates& ours, const Rates& batch) {
    rate.push_back(ours.wall);
    batch_rate.push_back(batch.wall);
    ratio.push_back(ours.wall / batch.wall);
    cpu_ratio.push_back(ours.cpu / batch.cpu);
  }
};

struct Latencies {
  std::vector<double> verifier_us, batch_us;  // of a batch of one: what a call costs without a verifier

  template <typename Call>
  static void measure(std::vector<double>* to, Call&& call) {
    const double start = wall();
    call();
    to->push_back(1e6 * (wall() - start));
  }
};

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size())))];
}

void print(const Options& options, const std::vector<Comparison>& comparisons, const Latencies& latencies,
           double mean_lanes) {
  const char* kernel = nullptr;
  uint32_t threads = 0;
  ok(accel_active_kernel(&kernel, "sm2.verify"));
  ok(accel_num_threads(&threads));
  const double p50 = percentile(latencies.verifier_us, 0.5), p99 = percentile(latencies.verifier_us, 0.99);
  const double one_p50 = percentile(latencies.batch_us, 0.5), one_p99 = percentile(latencies.batch_us, 0.99);
  if (options.json) {
    std::printf("{\"kernel\": \"%s\", \"threads\": %u, \"rounds\": %zu, \"mean_lanes\": %.2f, \"results\": [", kernel,
                threads, options.rounds, mean_lanes);
    for (size_t i = 0; i < comparisons.size(); ++i) {
      const Comparison& row = comparisons[i];
      std::printf(
          "%s{\"task\": \"%s\", \"rate_per_s_p50\": %.0f, \"batch_rate_per_s_p50\": %.0f, \"ratio_p50\": %.4f, "
          "\"ratio_min\": %.4f, \"ratio_max\": %.4f, \"cpu_ratio_p50\": %.4f}",
          i == 0 ? "" : ", ", row.task.c_str(), median(row.rate), median(row.batch_rate), median(row.ratio),
          percentile(row.ratio, 0), percentile(row.ratio, 1), median(row.cpu_ratio));
    }
    std::printf(
        "], \"lone_caller\": {\"latency_us_p50\": %.1f, \"latency_us_p99\": %.1f, \"batch_of_one_us_p50\": %.1f, "
        "\"batch_of_one_us_p99\": %.1f}}\n",
        p50, p99, one_p50, one_p99);
    return;
  }
  std::printf("kernel %s, %u threads, unknown keys, %zu rounds; batches of %zu beside\n", kernel, threads,
              options.rounds, kItems);
  for (const Comparison& row : comparisons) {
    std::printf("%-28s %8.1f k/s, batches %8.1f k/s, ratio %.2f (%.2f to %.2f), by CPU time %.2f\n", row.task.c_str(),
                1e-3 * median(row.rate), 1e-3 * median(row.batch_rate), median(row.ratio), percentile(row.ratio, 0),
                percentile(row.ratio, 1), median(row.cpu_ratio));
  }
  std::printf("%zu callers are to reach %.2f: %s; mean lanes filled %.1f\n", options.callers, kFloor,
              median(comparisons.front().ratio) >= kFloor ? "reached" : "below", mean_lanes);
  std::printf("lone caller                  p50 %.1f us, p99 %.1f us; a batch of one p50 %.1f us, p99 %.1f us\n", p50,
              p99, one_p50, one_p99);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") {
      options.json = true;
      continue;
    }
    require(i + 1 < argc, name + ": unknown, or a value is missing\n" + kUsage);
    char* end = nullptr;
    const double value = std::strtod(argv[++i], &end);
    require(*argv[i] != '\0' && *end == '\0' && value > 0, name + ": expected a number above 0, got " + argv[i]);
    if (name == "--rounds") {
      options.rounds = static_cast<size_t>(std::max(1.0, value));
    } else if (name == "--seconds") {
      options.seconds = value;
    } else if (name == "--callers") {
      options.callers = static_cast<size_t>(std::max(1.0, value));
    } else if (name == "--runners") {
      options.runners = static_cast<uint32_t>(std::max(1.0, value));
    } else {
      throw std::runtime_error(name + ": unknown\n" + kUsage);
    }
  }
  return options;
}

void run(const Options& options) {
  // Tables that the library makes by itself would turn unknown keys into known ones.
  setenv("ACCEL_ADAPTIVE_TABLES", "0", 1);
  const Items items;
  accel_sm2_verifier_options asked = {};
  asked.struct_size = sizeof asked;
  asked.runners = options.runners;
  accel_sm2_verifier* made = nullptr;
  ok(accel_sm2_verifier_new(nullptr, &made, &asked));
  const std::unique_ptr<accel_sm2_verifier, void (*)(accel_sm2_verifier*)> verifier(made, accel_sm2_verifier_free);
  std::vector<Comparison> comparisons(2);
  comparisons[0].task = std::to_string(options.callers) + " callers";
  comparisons[1].task = "one queue, 1024 under way";
  Latencies latencies;
  double lanes = 0;
  verify_batch(items, 0, kItems);
  for (size_t round = 0; round < options.rounds; ++round) {
    accel_sm2_verifier_counts before = {}, after = {};
    before.struct_size = after.struct_size = sizeof before;
    const Rates batch = rates([&] { return run_batches(items, options.seconds); });
    ok(accel_sm2_verifier_stats(verifier.get(), &before));
    comparisons[0].add(rates([&] { return run_callers(verifier.get(), items, options.callers, options.seconds); }),
                       batch);
    ok(accel_sm2_verifier_stats(verifier.get(), &after));
    lanes = static_cast<double>(after.items - before.items) / static_cast<double>(after.batches - before.batches);
    comparisons[1].add(rates([&] { return run_queue(verifier.get(), items, options.seconds); }), batch);
    for (size_t i = 0; i < 64; ++i) verify_one(verifier.get(), items, i);  // the crowd is forgotten
    const double end = wall() + options.seconds;
    for (size_t i = 0; i < 200 || wall() < end; ++i) {
      Latencies::measure(&latencies.verifier_us, [&] { verify_one(verifier.get(), items, i % kItems); });
      Latencies::measure(&latencies.batch_us, [&] { verify_batch(items, i % kItems, 1); });
    }
  }
  print(options, comparisons, latencies, lanes);
}

}  // namespace
}  // namespace accel::bench

int main(int argc, char** argv) {
  try {
    accel::bench::run(accel::bench::parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "accel_verifier_bench: %s\n", error.what());
    return 2;
  }
}
