// Random load over several devices that fail in every way that can be arranged, for as long as is asked: no answer is
// lost, doubled or wrong, nothing hangs, and nothing is left behind. Uses accel.h alone, as a node does.
//
// Rounds of a few seconds: handles are opened, used by all clients, closed and opened again, and the processes of
// foreign drivers killed, while work is under way. At the end of a round everything is closed, and what the process
// then holds must be what it held before the first.
#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <barrier>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <thread>

#include "soak/chaos.hpp"
#include "soak/client.hpp"
#include "soak/process.hpp"
#include "soak/world.hpp"

// The quarantine of freed memory would look like a leak, or hide one.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=32:detect_leaks=1"; }

namespace accel::soak {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Settings {
  uint64_t seconds = 600, seed = 0, clients = 6, posts = 4, patience = 60, largest = 8192;
  std::string device;  // the only one to open; "": any
};

constexpr const char* kUsage =
    "usage: accel_soak [--seconds N] [--seed N] [--clients N] [--posts N] [--patience SECONDS] [--largest ITEMS] "
    "[--device NAME]\n";

// Resident memory may grow by this in the second half of a run: a small part of a page for each of its calls, and more
// than what it wavers by, as handles of three devices come and go.
constexpr double kMostGrowthKibPerSecond = 32;
constexpr size_t kSamplesForSlope = 6;  // fewer say nothing: runs of a minute or less

bool parse(int count, char** arguments, Settings* settings) {
  for (int i = 1; i < count; i += 2) {
    const std::string name = arguments[i];
    if (name == "--device" && i + 1 < count) {
      settings->device = arguments[i + 1];
      continue;
    }
    uint64_t* const value = name == "--seconds"    ? &settings->seconds
                            : name == "--seed"     ? &settings->seed
                            : name == "--clients"  ? &settings->clients
                            : name == "--posts"    ? &settings->posts
                            : name == "--patience" ? &settings->patience
                            : name == "--largest"  ? &settings->largest
                                                   : nullptr;
    char* end = nullptr;
    if (value == nullptr || i + 1 == count) return false;
    *value = std::strtoull(arguments[i + 1], &end, 10);
    if (*end != '\0' || *value == 0) return false;
  }
  return settings->largest <= 8192 && settings->clients <= 64 && settings->posts <= 64;
}

// Temporary files of this run would be found there.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(std::filesystem::temp_directory_path() / ("accel-soak-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
    setenv("TMPDIR", path_.c_str(), 1);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  bool is_empty() const { return std::filesystem::is_empty(path_); }

 private:
  const std::filesystem::path path_;
};

void count_event(void* context, const accel_log_event* event) {
  if (event->level >= ACCEL_LOG_WARNING) static_cast<Ledger*>(context)->count(std::string("log.") + event->event);
}

class Soak {
 public:
  Soak(const Settings& settings, const Inputs& inputs, Ledger& ledger)
      : settings_(settings),
        ledger_(ledger),
        chaos_(ledger),
        world_{inputs, ledger, {}, seconds(settings.patience), settings.largest},
        random_(settings.seed + 1),
        start_(static_cast<std::ptrdiff_t>(settings.clients) + 2),
        end_(static_cast<std::ptrdiff_t>(settings.clients) + 2) {
    for (uint64_t i = 0; i < settings.posts; ++i) {
      world_.posts.push_back(std::make_unique<Post>(ledger, ACCEL_SOAK_DRIVER, settings.device));
    }
    for (uint64_t i = 0; i < settings.clients; ++i) {
      clients_.push_back(std::make_unique<Client>(world_, settings.seed + 100 + i));
    }
  }

  void run();
  void print_memory() const;

 private:
  void warm_up();
  void run_client(size_t number);
  void run_killer();
  void run_watchdog(const std::stop_token& stop);
  void round();
  void settle_down();
  void require_flat_memory() const;

  const Settings settings_;
  Ledger& ledger_;
  const ChaosDriver chaos_;
  World world_;
  Random random_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::barrier<> start_, end_;
  std::atomic<bool> over_{false}, round_over_{false};
  Clock::time_point began_, round_ends_;
  Activity activity_;  // of this thread
  Usage before_{};
  std::vector<double> times_, resident_;
};

// What stays once it was used: the threads of the pool, tables, the arenas of malloc.
void Soak::warm_up() {
  const size_t count = world_.inputs.count();
  Bytes status(count);
  accel_sm2_verify_digest_many(nullptr, status.data(), world_.inputs.keys.data(), 64, world_.inputs.signatures.data(),
                               64, world_.inputs.digests.data(), 32, count);
  const std::string name = std::string("cpu+sim96+plugin:") + ACCEL_SOAK_DRIVER;
  accel_device* device = nullptr;
  if (accel_device_open(&device, name.c_str(), nullptr) != ACCEL_OK) ledger_.violation(accel_last_error());
  accel_device_free(device);
}

void Soak::run_client(size_t number) {
  for (;;) {
    start_.arrive_and_wait();
    if (over_) return;
    clients_[number]->work_until(round_ends_);
    end_.arrive_and_wait();
  }
}

// Ends or stops processes of drivers, whatever they are doing.
void Soak::run_killer() {
  Random random(settings_.seed + 2);
  for (;;) {
    start_.arrive_and_wait();
    if (over_) return;
    while (!round_over_ && Clock::now() < round_ends_) {
      std::this_thread::sleep_for(milliseconds(random.between(50, 600)));
      const std::vector<pid_t> hosts = driver_hosts();
      if (hosts.empty()) continue;
      const int signal = random.once_in(6) ? SIGSTOP : SIGKILL;
      if (!send_to_child(hosts[random.below(hosts.size())], signal)) continue;
      ledger_.count(signal == SIGKILL ? "hosts.killed" : "hosts.stopped");
    }
    end_.arrive_and_wait();
  }
}

// A thread that hangs cannot be waited for: the run ends here.
void Soak::run_watchdog(const std::stop_token& stop) {
  const seconds patience(4 * settings_.patience);
  while (!stop.stop_requested()) {
    std::this_thread::sleep_for(milliseconds(200));
    const char* what = activity_.stuck_in(patience);
    for (const auto& client : clients_) {
      if (what == nullptr) what = client->activity().stuck_in(patience);
    }
    if (what == nullptr) continue;
    ledger_.violation(std::string("hangs: ") + what);
    ledger_.print();
    std::printf("soak: FAILED\n");
    std::fflush(stdout);
    _exit(1);
  }
}

void Soak::round() {
  {
    const Activity::Scope scope(activity_, "accel_device_open");
    for (const auto& post : world_.posts) post->open(random_);
  }
  round_ends_ = Clock::now() + milliseconds(random_.between(2000, 5000));
  round_over_ = false;
  start_.arrive_and_wait();
  while (Clock::now() < round_ends_) {
    std::this_thread::sleep_for(milliseconds(random_.between(50, 500)));
    const Activity::Scope scope(activity_, "accel_device_free or accel_device_open with work under way");
    world_.posts[random_.below(world_.posts.size())]->open(random_);
    ledger_.count("handles.changed_under_load");
  }
  round_over_ = true;
  end_.arrive_and_wait();
  for (const auto& post : world_.posts) post->check_counts();
  {
    const Activity::Scope scope(activity_, "accel_device_free");
    for (const auto& post : world_.posts) post->close();
  }
  ledger_.count("rounds");
}

// Everything is closed: nothing is left but what was there before. Threads whose driver does not return stay until it
// does.
void Soak::settle_down() {
  const auto deadline = Clock::now() + seconds(30);
  Usage now = usage();
  const auto is_clean = [&] {
    return now.descriptors <= before_.descriptors && now.threads <= before_.threads && now.children == 0 &&
           now.driver_mappings == 0;
  };
  while (!is_clean() && Clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(20));
    now = usage();
  }
  if (!is_clean()) {
    ledger_.violation("left behind: " + now.text() + "; at the beginning " + before_.text());
    before_ = now;  // once is enough
  }
#if !defined(ACCEL_SANITIZE_ADDRESS) && !defined(ACCEL_SANITIZE_THREAD)
  malloc_trim(0);
#endif
  times_.push_back(std::chrono::duration<double>(Clock::now() - began_).count());
  resident_.push_back(static_cast<double>(usage().resident_kib));
}

void Soak::run() {
  const TemporaryFolder temporary;
  accel_set_log(count_event, &ledger_);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < clients_.size(); ++i) threads.emplace_back([this, i] { run_client(i); });
  threads.emplace_back([this] { run_killer(); });
  warm_up();
  std::jthread watchdog([this](const std::stop_token& stop) { run_watchdog(stop); });
  before_ = usage();
  began_ = Clock::now();
  while (Clock::now() - began_ < seconds(settings_.seconds)) {
    round();
    settle_down();
  }
  over_ = true;
  start_.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  accel_set_log(nullptr, nullptr);
  if (!temporary.is_empty()) ledger_.violation("temporary files are left");
  require_flat_memory();
}

void Soak::require_flat_memory() const {
#if !defined(ACCEL_SANITIZE_ADDRESS) && !defined(ACCEL_SANITIZE_THREAD)  // which keep memory of their own
  const size_t half = times_.size() / 2;
  if (times_.size() - half < kSamplesForSlope) return;
  const auto from = static_cast<std::ptrdiff_t>(half);
  const double growth = slope({times_.begin() + from, times_.end()}, {resident_.begin() + from, resident_.end()});
  std::printf("%-48s %14.2f (at most %.0f)\n", "memory.growth_second_half_kib_per_s", growth, kMostGrowthKibPerSecond);
  if (growth > kMostGrowthKibPerSecond) ledger_.violation("resident memory grows");
#endif
}

void Soak::print_memory() const {
  std::printf("%-48s %14.0f\n%-48s %14.0f\n%-48s %14.0f\n", "memory.first_round_kib", resident_.front(),
              "memory.middle_kib", resident_[resident_.size() / 2], "memory.last_round_kib", resident_.back());
  std::printf("%-48s %s\n", "left.at_the_end", usage().text().c_str());
}

int run(const Settings& settings) {
  setenv("ACCEL_DRIVERHOST", ACCEL_SOAK_DRIVERHOST, 0);
  setenv("ACCEL_ADAPTIVE_TABLES", "0", 0);  // which grow, within their bound, for as long as this takes
  mallopt(M_ARENA_MAX, 2);                  // an arena for every thread that ever was takes minutes to come to an end
  std::printf("accel_soak --seconds %" PRIu64 " --seed %" PRIu64 " --clients %" PRIu64 " --posts %" PRIu64
              " --patience %" PRIu64 " --largest %" PRIu64 "\n",
              settings.seconds, settings.seed, settings.clients, settings.posts, settings.patience, settings.largest);
  std::fflush(stdout);
  Ledger ledger;
  {
    const Inputs inputs(2 * settings.largest, settings.seed);
    Soak soak(settings, inputs, ledger);
    soak.run();
    soak.print_memory();
  }
  ledger.print();
  const bool passed = ledger.violations() == 0;
  std::printf("soak: %s, %" PRIu64 " violations\n", passed ? "passed" : "FAILED", ledger.violations());
  return passed ? 0 : 1;
}

}  // namespace
}  // namespace accel::soak

int main(int count, char** arguments) {
  accel::soak::Settings settings;
  settings.seed =
      static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) % 1'000'000'000 + 1;
  if (!accel::soak::parse(count, arguments, &settings)) {
    std::fputs(accel::soak::kUsage, stderr);
    return 2;
  }
  try {
    return accel::soak::run(settings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "accel_soak: %s\n", error.what());
    return 2;
  }
}
