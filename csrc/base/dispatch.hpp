// The choice of kernels: one family for each set of operations that share kernels (sm3; sm2), all in one registry.
//
// A family's kernel is chosen at its first use: the one that ACCEL_KERNEL or Registry::set names, otherwise the best
// that this CPU runs; never another than the one named. It is asked a known-answer question before its first use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>

#include "base/cpu.hpp"

namespace accel::dispatch {

constexpr size_t kMaxKernels = 8;  // of a family
constexpr size_t kMaxOps = 4;      // of a family

class Registry;

// The part that does not depend on the type of the kernels. Families are made before main() and trivially
// destructible: pool threads use them until the process is gone.
class FamilyBase {
 public:
  const char* name() const { return name_; }
  size_t op_count() const { return op_count_; }
  const char* op_name(size_t op) const { return ops_[op]; }
  size_t kernel_count() const { return kernel_count_; }
  const char* kernel_name(size_t kernel) const { return slots_[kernel].name; }
  bool supported(size_t kernel) const { return slots_[kernel].supported(cpu_features()); }
  // kernel_count() if there is none of that name.
  size_t find_kernel(std::string_view name) const;
  // Names of the kernels that this CPU runs, best first, separated by commas; stays valid.
  const char* available_names();
  // Index of the kernel in force. Throws Error(ACCEL_BAD_KERNEL) or Error(ACCEL_SELFTEST_FAILED).
  size_t active_index();
  // Throws Error(ACCEL_SELFTEST_FAILED) when it gives a wrong answer. Asked once; the verdict is remembered.
  void require_selftest(size_t kernel);
  uint64_t items(size_t op, size_t kernel) const { return items_[op][kernel].load(std::memory_order_relaxed); }

 protected:
  FamilyBase(Registry& registry, const char* name, std::initializer_list<const char*> ops);
  void add_kernel(const char* name, bool (*runs_on)(const CpuFeatures&), const void* kernel);
  virtual bool passes_selftest(const void* kernel) const = 0;
  void add_items(size_t op, const void* kernel, uint64_t count);

  struct Slot {
    const char* name = nullptr;
    bool (*supported)(const CpuFeatures&) = nullptr;
    const void* kernel = nullptr;
    bool tested = false, passed = false;  // guarded by the registry's mutex
  };
  Slot slots_[kMaxKernels];
  std::atomic<const Slot*> active_{nullptr};  // null: not chosen yet

 private:
  friend class Registry;
  static constexpr size_t kNoForce = SIZE_MAX;

  const char* name_;
  Registry& registry_;
  FamilyBase* next_ = nullptr;
  const char* ops_[kMaxOps] = {};
  size_t op_count_ = 0, kernel_count_ = 0;
  // Guarded by the registry's mutex.
  size_t forced_ = kNoForce, pending_ = kNoForce;
  char available_[128] = {};  // does not change once filled
  std::atomic<uint64_t> items_[kMaxOps][kMaxKernels] = {};
};

// `Kernel` has the members `const char* name` and `bool (*supported)(const CpuFeatures&)`.
template <typename Kernel>
class Family final : public FamilyBase {
 public:
  using Selftest = bool (*)(const Kernel&);

  // `kernels` best first, the last one running on every CPU. `selftest` tells whether a kernel gives the right answers
  // to known questions; it may use kernels of other families.
  Family(Registry& registry, const char* name, std::initializer_list<const char*> ops,
         std::initializer_list<const Kernel*> kernels, Selftest selftest)
      : FamilyBase(registry, name, ops), selftest_(selftest) {
    for (const Kernel* kernel : kernels) add_kernel(kernel->name, kernel->supported, kernel);
  }

  const Kernel& active() {
    const Slot* slot = active_.load(std::memory_order_acquire);
    if (slot == nullptr) slot = &slots_[active_index()];
    return *static_cast<const Kernel*>(slot->kernel);
  }
  const Kernel* kernel(size_t index) const { return static_cast<const Kernel*>(slots_[index].kernel); }
  // Adds to the count of items that `kernel` has computed for the op of index `op`.
  void count(size_t op, const Kernel& kernel, uint64_t items) { add_items(op, &kernel, items); }

 private:
  bool passes_selftest(const void* kernel) const override { return selftest_(*static_cast<const Kernel*>(kernel)); }

  Selftest selftest_;
};

class Registry {
 public:
  // `variable`: the environment variable that names kernels until set() is called.
  explicit constexpr Registry(const char* variable) : variable_(variable) {}
  // The library's own, with ACCEL_KERNEL.
  static Registry& global();

  // Forces kernels: "NAME" (a kernel that every family has), or "FAMILY=NAME,FAMILY=NAME", where families left out
  // get the best; "": the best everywhere. All or nothing. Throws Error(ACCEL_BAD_KERNEL).
  void set(std::string_view spec);
  // The family of `op`, and the index of `op` in it. Throws Error(ACCEL_BAD_ARGUMENT).
  FamilyBase& family_of(std::string_view op, size_t* op_index);
  // Self-tests of every kernel that this CPU runs. Throws Error(ACCEL_SELFTEST_FAILED).
  void selftest();

 private:
  friend class FamilyBase;
  struct ForkHandler;

  void add(FamilyBase* family);
  void read_environment();
  void apply(std::string_view source, std::string_view spec);
  size_t checked_kernel(const FamilyBase& family, std::string_view source, std::string_view spec,
                        std::string_view kernel);
  FamilyBase* find(std::string_view family);
  std::string choices();

  const char* variable_;
  FamilyBase* first_ = nullptr;
  bool environment_read_ = false;
  // Recursive: a self-test may use another family's kernel for the first time.
  std::recursive_mutex mutex_;
};

}  // namespace accel::dispatch
