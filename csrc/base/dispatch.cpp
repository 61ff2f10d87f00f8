#include "base/dispatch.hpp"

#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.hpp"

namespace accel::dispatch {
namespace {

std::string quoted(std::string_view text) {
  std::string quoted_text(1, '"');
  return quoted_text.append(text).append(1, '"');
}

[[noreturn]] void bad_kernel(std::string_view source, const std::string& what) {
  throw Error(ACCEL_BAD_KERNEL, std::string(source) + ": " + what);
}

void append(std::string* list, const char* separator, std::string_view entry) {
  if (!list->empty()) *list += separator;
  *list += entry;
}

// Splits off what stands before `separator`; the rest, or nothing, stays in *text.
std::string_view split_off(std::string_view* text, char separator) {
  const size_t at = text->find(separator);
  const std::string_view head = text->substr(0, at);
  *text = at == std::string_view::npos ? std::string_view() : text->substr(at + 1);
  return head;
}

}  // namespace

FamilyBase::FamilyBase(Registry& registry, const char* name, std::initializer_list<const char*> ops)
    : name_(name), registry_(registry) {
  for (const char* op : ops) ops_[op_count_++] = op;
  registry.add(this);
}

void FamilyBase::add_kernel(const char* name, bool (*runs_on)(const CpuFeatures&), const void* kernel) {
  Slot& slot = slots_[kernel_count_++];
  slot.name = name;
  slot.supported = runs_on;
  slot.kernel = kernel;
}

void FamilyBase::add_items(size_t op, const void* kernel, uint64_t count) {
  for (size_t i = 0; i < kernel_count_; i++) {
    if (slots_[i].kernel == kernel) items_[op][i].fetch_add(count, std::memory_order_relaxed);
  }
}

size_t FamilyBase::find_kernel(std::string_view name) const {
  size_t i = 0;
  while (i < kernel_count_ && name != slots_[i].name) i++;
  return i;
}

const char* FamilyBase::available_names() {
  const std::lock_guard lock(registry_.mutex_);
  if (available_[0] == '\0') {
    std::string names;
    for (size_t i = 0; i < kernel_count_; i++) {
      if (supported(i)) append(&names, ",", slots_[i].name);
    }
    std::strncpy(available_, names.c_str(), sizeof(available_) - 1);
  }
  return available_;
}

size_t FamilyBase::active_index() {
  if (const Slot* slot = active_.load(std::memory_order_acquire)) return static_cast<size_t>(slot - slots_);
  const std::lock_guard lock(registry_.mutex_);
  registry_.read_environment();
  size_t kernel = forced_;
  if (kernel == kNoForce) {
    kernel = 0;
    while (!supported(kernel)) kernel++;  // the last one runs everywhere
  }
  require_selftest(kernel);
  active_.store(&slots_[kernel], std::memory_order_release);
  return kernel;
}

void FamilyBase::require_selftest(size_t kernel) {
  const std::lock_guard lock(registry_.mutex_);
  Slot& slot = slots_[kernel];
  if (!slot.tested) {
    slot.passed = passes_selftest(slot.kernel);
    slot.tested = true;
  }
  if (!slot.passed) {
    throw Error(ACCEL_SELFTEST_FAILED, "kernel " + std::string(name_) + "=" + slot.name +
                                           " gave a wrong answer to a known question and is not used");
  }
}

// fork() waits for a choice that is under way in another thread; the child starts with a free mutex (its thread has
// another id, so it could not unlock a recursive one).
struct Registry::ForkHandler {
  static void before() { global().mutex_.lock(); }
  static void parent() { global().mutex_.unlock(); }
  static void child() { new (&global().mutex_) std::recursive_mutex; }
  static inline const int registered = pthread_atfork(before, parent, child);
};

Registry& Registry::global() {
  static constinit Registry registry("ACCEL_KERNEL");
  return registry;
}

void Registry::add(FamilyBase* family) {
  FamilyBase** end = &first_;
  while (*end != nullptr) end = &(*end)->next_;
  *end = family;
}

FamilyBase* Registry::find(std::string_view family) {
  FamilyBase* found = first_;
  while (found != nullptr && family != found->name()) found = found->next_;
  return found;
}

FamilyBase& Registry::family_of(std::string_view op, size_t* op_index) {
  std::string known;
  for (FamilyBase* family = first_; family != nullptr; family = family->next_) {
    for (size_t i = 0; i < family->op_count(); i++) {
      if (op == family->op_name(i)) {
        *op_index = i;
        return *family;
      }
      append(&known, ", ", family->op_name(i));
    }
  }
  throw Error(ACCEL_BAD_ARGUMENT, "op: expected one of " + known + ", got " + quoted(op));
}

void Registry::selftest() {
  for (FamilyBase* family = first_; family != nullptr; family = family->next_) {
    for (size_t i = 0; i < family->kernel_count(); i++) {
      if (family->supported(i)) family->require_selftest(i);
    }
  }
}

void Registry::set(std::string_view spec) {
  const std::lock_guard lock(mutex_);
  apply("kernels", spec);
  environment_read_ = true;
}

void Registry::read_environment() {
  if (environment_read_) return;
  const char* spec = std::getenv(variable_);
  apply(variable_, spec != nullptr ? spec : "");
  environment_read_ = true;
}

// Everything is checked before anything changes.
void Registry::apply(std::string_view source, std::string_view spec) {
  const bool by_family = spec.find('=') != std::string_view::npos;
  for (FamilyBase* family = first_; family != nullptr; family = family->next_) {
    family->pending_ = by_family || spec.empty() ? FamilyBase::kNoForce : checked_kernel(*family, source, spec, spec);
  }
  std::string_view rest = by_family ? spec : std::string_view();
  while (!rest.empty()) {
    std::string_view kernel = split_off(&rest, ',');
    FamilyBase* const family = find(split_off(&kernel, '='));
    if (family == nullptr || family->pending_ != FamilyBase::kNoForce) {
      bad_kernel(source,
                 "expected NAME for all, or FAMILY=NAME at most once for each family, separated by commas, got " +
                     quoted(spec) + "; there is " + choices());
    }
    family->pending_ = checked_kernel(*family, source, spec, kernel);
  }
  for (FamilyBase* family = first_; family != nullptr; family = family->next_) {
    family->forced_ = family->pending_;
    family->active_.store(nullptr, std::memory_order_release);
  }
}

size_t Registry::checked_kernel(const FamilyBase& family, std::string_view source, std::string_view spec,
                                std::string_view kernel) {
  const std::string name = family.name();
  const size_t index = family.find_kernel(kernel);
  if (index == family.kernel_count()) {
    bad_kernel(source, name + " has no kernel " + quoted(kernel) + ", got " + quoted(spec) + "; there is " + choices());
  }
  if (!family.supported(index)) {
    bad_kernel(source, "this CPU or its operating system cannot run " + name + "=" + std::string(kernel) + ", got " +
                           quoted(spec) + "; there is " + choices());
  }
  return index;
}

std::string Registry::choices() {
  std::string text;
  for (FamilyBase* family = first_; family != nullptr; family = family->next_) {
    std::string kernels;
    for (size_t i = 0; i < family->kernel_count(); i++) {
      append(&kernels, "|", family->kernel_name(i));
      if (!family->supported(i)) kernels += " (not on this CPU)";
    }
    append(&text, "; ", std::string(family->name()) + "=" + kernels);
  }
  return text;
}

}  // namespace accel::dispatch
