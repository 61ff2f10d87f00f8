// Rates of every SM2 kernel and of SM3 beside OpenSSL's EVP, in alternation, in one process pinned to one core.
//
//   accel_bench_openssl [--json] [--rounds N] [--core N]
//
// Every round runs each task once by each peer for a fixed number of items; a ratio compares the two of one round. Time
// is the thread's CPU time, which another job on the core does not add to. Answers of both peers are checked first.
#include <sched.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "accel/accel.h"
#include "base/cpu.hpp"
#include "openssl_peer.hpp"
#include "sm2/kernel.hpp"

namespace accel::bench {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kItems = 1024, kRing = 64, kHashes = 65536, kMessage = 64;

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Key i of the unknown ones signs item i; key i % kRing of the known ones item i.
struct Workload {
  std::vector<Bytes> secrets;
  Bytes public_keys, digests, nonces;
  Bytes signatures[2];         // of the unknown keys and of the ring, by OpenSSL
  std::vector<Bytes> ders[2];  // the same
  std::vector<std::unique_ptr<OpensslKey>> keys;
  Bytes messages;

  Workload() : public_keys(kItems * 64), digests(kItems * 32), nonces(kItems * 64), messages(kHashes * kMessage) {
    std::mt19937_64 random(20260101);
    for (Bytes* bytes : {&digests, &nonces, &messages}) {
      for (uint8_t& byte : *bytes) byte = static_cast<uint8_t>(random());
    }
    for (size_t i = 0; i < kItems; ++i) {
      Bytes secret(32);
      for (uint8_t& byte : secret) byte = static_cast<uint8_t>(random());
      secret[0] = 0x7f;  // below the order
      secrets.push_back(secret);
      sm2::kPortable.public_key(&public_keys[64 * i], secret.data());
      keys.push_back(std::make_unique<OpensslKey>(secret.data(), &public_keys[64 * i]));
    }
    for (size_t set = 0; set < 2; ++set) {
      signatures[set].resize(kItems * 64);
      for (size_t i = 0; i < kItems; ++i) {
        uint8_t der[80];
        const size_t size = keys[set == 0 ? i : i % kRing]->sign(der, &digests[32 * i]);
        raw_from_der(&signatures[set][64 * i], der, size);
        ders[set].emplace_back(der, der + size);
      }
    }
  }
};

struct Task {
  std::string name, kernel;
  size_t ours_items, peer_items;  // per round
  std::function<void()> ours, peer;
  std::vector<double> our_rates, peer_rates, ratios;

  void run_round() {
    const double start = thread_seconds();
    ours();
    const double middle = thread_seconds();
    peer();
    const double end = thread_seconds();
    our_rates.push_back(static_cast<double>(ours_items) / (middle - start));
    peer_rates.push_back(static_cast<double>(peer_items) / (end - middle));
    ratios.push_back(our_rates.back() / peer_rates.back());
  }
};

// The tasks of one kernel. Each checks both peers' answers when it is made.
class Sm2Tasks {
 public:
  Sm2Tasks(const sm2::Kernel& kernel, const Workload& work) : kernel_(kernel), work_(work), status_(kItems) {
    // As the library's key rings have it: all tables in one piece of memory, in huge pages where the system gives them.
    constexpr size_t kHugePage = size_t{1} << 21;
    const size_t size = (kernel.standard.bytes * kRing + kHugePage - 1) / kHugePage * kHugePage;
    tables_.reset(std::aligned_alloc(kHugePage, size));
    require(tables_ != nullptr, "no memory for tables");
    madvise(tables_.get(), size, MADV_HUGEPAGE);
    for (size_t i = 0; i < kRing; ++i) {
      void* table = static_cast<uint8_t*>(tables_.get()) + i * kernel.standard.bytes;
      require(kernel.standard.build(table, &work.public_keys[64 * i]), "build_table refused a key");
      ring_.push_back(table);
    }
    for (size_t i = 0; i < kItems; ++i) item_tables_.push_back(ring_[i % kRing]);
    sign_keys_.resize(kRing);
    for (size_t i = 0; i < kRing; ++i) {
      require(kernel.derive_sign_key(&sign_keys_[i], work.secrets[i].data()), "derive_sign_key refused a key");
    }
    for (size_t i = 0; i < kItems; ++i) item_keys_.push_back(&sign_keys_[i % kRing]);
    check();
  }

  std::vector<Task> tasks() {
    const std::string name = kernel_.name;
    return {{"sm2.verify, unknown keys",
             name,
             kItems,
             kPeerItems,
             [this] { verify(); },
             [this] { peer_verify(0); },
             {},
             {},
             {}},
            {"sm2.verify, ring of 64",
             name,
             4 * kItems,
             kPeerItems,
             [this] {
               for (int i = 0; i < 4; ++i) verify_known();
             },
             [this] { peer_verify(1); },
             {},
             {},
             {}},
            {"sm2.sign",
             name,
             4 * kItems,
             kPeerItems,
             [this] {
               for (int i = 0; i < 4; ++i) sign();
             },
             [this] { peer_sign(); },
             {},
             {},
             {}}};
  }

 private:
  static constexpr size_t kPeerItems = 256;

  void verify() {
    kernel_.verify(status_.data(), {work_.public_keys.data(), 64}, {work_.signatures[0].data(), 64},
                   {work_.digests.data(), 32}, kItems);
    require_all_ok();
  }
  void verify_known() {
    kernel_.standard.verify(status_.data(), item_tables_.data(), {work_.signatures[1].data(), 64},
                         {work_.digests.data(), 32}, kItems);
    require_all_ok();
  }
  void sign() {
    signed_.resize(kItems * 64);
    kernel_.sign(status_.data(), signed_.data(), item_keys_.data(), {work_.nonces.data(), 64},
                 {work_.digests.data(), 32}, kItems);
    require_all_ok();
  }
  void peer_verify(size_t set) {
    for (size_t i = 0; i < kPeerItems; ++i) {
      OpensslKey& key = *work_.keys[set == 0 ? i : i % kRing];
      require(key.verify(work_.ders[set][i], &work_.digests[32 * i]), "OpenSSL rejects a signature");
    }
  }
  void peer_sign() {
    uint8_t der[80];
    for (size_t i = 0; i < kPeerItems; ++i) work_.keys[i % kRing]->sign(der, &work_.digests[32 * i]);
  }
  void require_all_ok() const {
    require(std::all_of(status_.begin(), status_.end(), [](uint8_t status) { return status == ACCEL_OK; }),
            std::string(kernel_.name) + ": an item is not OK");
  }

  // OpenSSL's signatures are valid here, ours there, and a damaged one is rejected by both.
  void check() {
    verify();
    verify_known();
    sign();
    for (size_t i = 0; i < kItems; ++i) {
      Bytes der = der_from_raw(&signed_[64 * i]);
      require(work_.keys[i % kRing]->verify(der, &work_.digests[32 * i]), "OpenSSL rejects our signature");
    }
    Bytes damaged = work_.signatures[1];
    for (size_t i = 0; i < kItems; ++i) damaged[64 * i + 40] ^= 1;
    kernel_.standard.verify(status_.data(), item_tables_.data(), {damaged.data(), 64}, {work_.digests.data(), 32}, kItems);
    for (size_t i = 0; i < kItems; ++i) {
      require(status_[i] == ACCEL_BAD_SIGNATURE, "a damaged signature was accepted");
      if (i < 16) {
        require(!work_.keys[i % kRing]->verify(der_from_raw(&damaged[64 * i]), &work_.digests[32 * i]),
                "OpenSSL accepts a damaged signature");
      }
    }
  }

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  const sm2::Kernel& kernel_;
  const Workload& work_;
  Bytes status_, signed_;
  std::unique_ptr<void, Free> tables_;
  std::vector<const void*> ring_, item_tables_;
  std::vector<sm2::SignKey> sign_keys_;
  std::vector<const sm2::SignKey*> item_keys_;
};

class Sm3Task {
 public:
  explicit Sm3Task(const Workload& work) : work_(work), digests_(kHashes * 32) {
    hash();
    for (size_t i = 0; i < 1000; ++i) {
      uint8_t digest[32];
      openssl_.hash(digest, &work.messages[kMessage * i], kMessage);
      require(std::memcmp(digest, &digests_[32 * i], 32) == 0, "digests differ");
    }
  }
  Task task() {
    const char* kernel = nullptr;
    require(accel_active_kernel(&kernel, "sm3.hash") == ACCEL_OK, accel_last_error());
    return {"sm3.hash, 64 bytes", kernel, kHashes, kHashes, [this] { hash(); }, [this] { peer_hash(); }, {}, {}, {}};
  }

 private:
  void hash() {
    require(
        accel_sm3_hash_many(nullptr, digests_.data(), work_.messages.data(), kMessage, kMessage, kHashes) == ACCEL_OK,
        accel_last_error());
  }
  void peer_hash() {
    for (size_t i = 0; i < kHashes; ++i) openssl_.hash(&digests_[32 * i], &work_.messages[kMessage * i], kMessage);
  }

  const Workload& work_;
  Bytes digests_;
  OpensslSm3 openssl_;
};

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  utsname system{};
  uname(&system);
  return system.machine;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[11];
  std::strftime(text, sizeof(text), "%Y-%m-%d", std::gmtime(&now));
  return text;
}

void print_json(const std::vector<Task>& tasks, size_t rounds) {
  std::printf(
      "{\"cpu\": \"%s\", \"features\": \"%s\", \"date\": \"%s\", \"openssl\": \"%s\", \"accel\": \"%s\", "
      "\"time\": \"thread CPU\", \"threads\": 1, \"rounds\": %zu, \"results\": [",
      cpu_model().c_str(), accel_cpu_features(), today().c_str(), openssl_version(), accel_version(), rounds);
  const char* separator = "";
  for (const Task& task : tasks) {
    const auto [low, high] = std::minmax_element(task.ratios.begin(), task.ratios.end());
    std::printf(
        "%s\n  {\"task\": \"%s\", \"kernel\": \"%s\", \"batch\": %zu, \"rate_per_s_p50\": %.0f, "
        "\"openssl_rate_per_s_p50\": %.0f, \"ratio_p50\": %.2f, \"ratio_min\": %.2f, \"ratio_max\": %.2f}",
        separator, task.name.c_str(), task.kernel.c_str(), task.name[2] == '3' ? kHashes : kItems,
        median(task.our_rates), median(task.peer_rates), median(task.ratios), *low, *high);
    separator = ",";
  }
  std::printf("\n]}\n");
}

void print_table(const std::vector<Task>& tasks, size_t rounds) {
  std::printf(
      "%s, %s, %s, accel %s, one thread, thread CPU time, median of %zu alternating rounds, batches of %zu "
      "(SM3: %zu)\n\n%-26s %-9s %14s %14s %8s %17s\n",
      cpu_model().c_str(), today().c_str(), openssl_version(), accel_version(), rounds, kItems, kHashes, "task",
      "kernel", "accel /s", "OpenSSL /s", "ratio", "spread");
  for (const Task& task : tasks) {
    const auto [low, high] = std::minmax_element(task.ratios.begin(), task.ratios.end());
    std::printf("%-26s %-9s %14.0f %14.0f %8.2f %8.2f-%-8.2f\n", task.name.c_str(), task.kernel.c_str(),
                median(task.our_rates), median(task.peer_rates), median(task.ratios), *low, *high);
  }
}

struct Options {
  bool json = false;
  size_t rounds = 10;
  int core = -1;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--json") {
      options.json = true;
    } else if ((argument == "--rounds" || argument == "--core") && i + 1 < argc) {
      const int value = std::stoi(argv[++i]);
      require(value >= (argument == "--rounds" ? 1 : 0), argument + ": out of range");
      if (argument == "--rounds") {
        options.rounds = static_cast<size_t>(value);
      } else {
        options.core = value;
      }
    } else {
      throw std::runtime_error(argument + ": unknown; usage: accel_bench_openssl [--json] [--rounds N] [--core N]");
    }
  }
  return options;
}

void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core >= 0 ? core : sched_getcpu(), &set);
  require(sched_setaffinity(0, sizeof(set), &set) == 0, "cannot pin to this core");
}

void run(const Options& options) {
  pin(options.core);
  require(accel_set_num_threads(1) == ACCEL_OK, accel_last_error());
  const Workload work;
  std::vector<const sm2::Kernel*> kernels = {&sm2::kPortable};
#if defined(__x86_64__)
  if (sm2::kAdx.supported(cpu_features())) kernels.push_back(&sm2::kAdx);
#endif
  std::vector<std::unique_ptr<Sm2Tasks>> sm2;
  std::vector<Task> tasks;
  for (const sm2::Kernel* kernel : kernels) {
    sm2.push_back(std::make_unique<Sm2Tasks>(*kernel, work));
    for (Task& task : sm2.back()->tasks()) tasks.push_back(std::move(task));
  }
  Sm3Task sm3(work);
  tasks.push_back(sm3.task());
  for (size_t round = 0; round < options.rounds; ++round) {
    for (Task& task : tasks) task.run_round();
  }
  (options.json ? print_json : print_table)(tasks, options.rounds);
}

}  // namespace
}  // namespace accel::bench

int main(int argc, char** argv) {
  try {
    accel::bench::run(accel::bench::parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "accel_bench_openssl: %s\n", error.what());
    return 2;
  }
}
