// How it works. A call puts a Job, which lives on the caller's stack, into the pool's list and takes part in it. Idle
// workers sleep on one condition variable; one that wakes picks a job from the list and claims chunks of it, by
// incrementing the job's counter, until none is left. The caller leaves when no chunk is left and no worker is inside.
//
// The pool is never destroyed and its threads are detached: exit() neither waits for workers nor takes anything from
// under their feet. (libaccel.so is linked with -z nodelete, so dlclose() does not either.)
#include "base/pool.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace accel {
namespace {

constexpr uint32_t kMaxThreads = 1024;

struct Job {
  Job(size_t item_count, size_t chunk_size, RangeBody range_body)
      : count(item_count), grain(chunk_size), chunks((item_count - 1) / chunk_size + 1), body(range_body) {}

  const size_t count, grain, chunks;
  const RangeBody body;
  std::atomic<size_t> next_chunk{0};
  // The rest is guarded by the pool's mutex.
  uint32_t helpers = 0;  // workers inside
  std::condition_variable left;
  std::exception_ptr error;
  Job *previous = nullptr, *next = nullptr;  // in the pool's list

  bool exhausted() const { return next_chunk.load(std::memory_order_relaxed) >= chunks; }
};

void run_chunk(const Job& job, size_t chunk) {
  const size_t begin = chunk * job.grain;
  job.body(begin, job.count - begin < job.grain ? job.count : begin + job.grain);
}

class Pool {
 public:
  // `threads`: how many may take part, the caller included; at least 2.
  void run(Job* job, uint32_t threads);

 private:
  static void* worker_main(void* index);
  void work(uint32_t index);
  void participate(Job* job);
  Job* next_job();
  void set_workers(uint32_t workers);
  void start_missing_workers();
  void link(Job* job);
  void unlink(Job* job);

  std::mutex mutex_;
  std::condition_variable wake_;
  Job *first_ = nullptr, *last_ = nullptr;
  uint32_t wanted_workers_ = 0;
  bool alive_[kMaxThreads] = {};
};

// Never destroyed; made anew, in place, in a child after fork().
alignas(Pool) unsigned char pool_storage[sizeof(Pool)];
Pool* const the_pool = new (pool_storage) Pool;

// In the child only the forking thread exists: the workers are gone, and so are the callers whose jobs stand in the
// list, wherever they were. Nothing of the old pool is touched, only overwritten.
void forget_pool_in_child() { new (pool_storage) Pool; }
[[maybe_unused]] const int fork_handler_registered = pthread_atfork(nullptr, nullptr, forget_pool_in_child);

void* Pool::worker_main(void* index) {
  the_pool->work(static_cast<uint32_t>(reinterpret_cast<uintptr_t>(index)));
  return nullptr;
}

void Pool::work(uint32_t index) {
  std::unique_lock lock(mutex_);
  while (index < wanted_workers_) {
    Job* job = next_job();
    if (job == nullptr) {
      wake_.wait(lock);
      continue;
    }
    job->helpers++;
    lock.unlock();
    participate(job);
    lock.lock();
    // The job lives until its caller, under this mutex, sees no helper; it is not touched after this.
    if (--job->helpers == 0) job->left.notify_one();
  }
  alive_[index] = false;
}

// The first job with chunks left, moved to the end of the list so that concurrent callers get helpers in turn.
Job* Pool::next_job() {
  for (Job* job = first_; job != nullptr; job = job->next) {
    if (job->exhausted()) continue;
    unlink(job);
    link(job);
    return job;
  }
  return nullptr;
}

void Pool::participate(Job* job) {
  for (;;) {
    const size_t chunk = job->next_chunk.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= job->chunks) return;
    try {
      run_chunk(*job, chunk);
    } catch (...) {
      job->next_chunk.store(job->chunks, std::memory_order_relaxed);  // nobody starts another chunk
      const std::lock_guard lock(mutex_);
      if (!job->error) job->error = std::current_exception();
    }
  }
}

void Pool::run(Job* job, uint32_t threads) {
  const uint32_t workers = threads - 1;
  {
    const std::lock_guard lock(mutex_);
    set_workers(workers);
    link(job);
    // More workers than chunks beyond the caller's own would find nothing.
    const size_t helpful = job->chunks - 1 < workers ? job->chunks - 1 : workers;
    for (size_t i = 0; i < helpful; i++) wake_.notify_one();
  }
  participate(job);
  std::unique_lock lock(mutex_);
  unlink(job);
  job->left.wait(lock, [job] { return job->helpers == 0; });
}

void Pool::set_workers(uint32_t workers) {
  if (workers == wanted_workers_) return;
  const bool fewer = workers < wanted_workers_;
  wanted_workers_ = workers;
  if (fewer) {
    wake_.notify_all();  // those beyond the number end, and take no wake-up meant for another
  } else {
    start_missing_workers();
  }
}

// Where the system refuses a thread, batches run on those there are: the caller's own at least.
void Pool::start_missing_workers() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the workers: signals are the application's
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (uint32_t i = 0; i < wanted_workers_; i++) {
    if (alive_[i]) continue;
    pthread_t thread;
    void* const index = reinterpret_cast<void*>(static_cast<uintptr_t>(i));
    alive_[i] = pthread_create(&thread, &attributes, worker_main, index) == 0;
    if (alive_[i]) pthread_setname_np(thread, "accel");
  }
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Pool::link(Job* job) {
  job->previous = last_;
  job->next = nullptr;
  (last_ != nullptr ? last_->next : first_) = job;
  last_ = job;
}

void Pool::unlink(Job* job) {
  (job->previous != nullptr ? job->previous->next : first_) = job->next;
  (job->next != nullptr ? job->next->previous : last_) = job->previous;
}

// CPUs that this process may run on.
uint32_t affinity_count() {
  for (size_t cpus = 1024; cpus <= (size_t{1} << 20); cpus *= 2) {  // EINVAL: the kernel's mask is larger
    std::vector<cpu_set_t> mask(CPU_ALLOC_SIZE(cpus) / sizeof(cpu_set_t) + 1);
    const size_t size = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, size, mask.data()) != 0) continue;
    const int count = CPU_COUNT_S(size, mask.data());
    return count < 1 ? 1 : static_cast<uint32_t>(count) < kMaxThreads ? static_cast<uint32_t>(count) : kMaxThreads;
  }
  return 1;
}

uint32_t configured_threads() {
  const char* text = std::getenv("ACCEL_NUM_THREADS");
  if (text == nullptr || *text == '\0') return affinity_count();
  uint32_t threads = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, failure] = std::from_chars(text, end, threads);
  if (failure != std::errc() || stop != end || threads < 1 || threads > kMaxThreads) {
    throw Error(ACCEL_BAD_ARGUMENT,
                "ACCEL_NUM_THREADS: expected an integer from 1 to 1024, got \"" + std::string(text) + "\"");
  }
  return threads;
}

std::atomic<uint32_t> thread_count{0};  // 0: not asked for yet
thread_local uint32_t alone = 0;        // OneThread objects of this thread

}  // namespace

OneThread::OneThread() { ++alone; }
OneThread::~OneThread() { --alone; }

uint32_t num_threads() {
  if (alone > 0) return 1;
  uint32_t threads = thread_count.load(std::memory_order_relaxed);
  if (threads != 0) return threads;
  const uint32_t configured = configured_threads();
  // Of several first callers, or a set_num_threads between, one wins and all agree.
  return thread_count.compare_exchange_strong(threads, configured, std::memory_order_relaxed) ? configured : threads;
}

void set_num_threads(uint32_t threads) {
  if (threads < 1 || threads > kMaxThreads) {
    throw Error(ACCEL_BAD_ARGUMENT, "threads: expected 1 to 1024, got " + std::to_string(threads));
  }
  thread_count.store(threads, std::memory_order_relaxed);
}

void parallel_for(size_t count, size_t grain, RangeBody body) {
  if (count == 0) return;
  Job job(count, grain == 0 ? 1 : grain, body);
  const uint32_t threads = num_threads();
  if (threads == 1 || job.chunks == 1) {
    for (size_t chunk = 0; chunk < job.chunks; chunk++) run_chunk(job, chunk);
    return;
  }
  the_pool->run(&job, threads);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace accel
