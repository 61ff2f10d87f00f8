// Which signers' tables lie in on-chip memory.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "model/config.hpp"
#include "model/engine.hpp"

namespace accel::model {

class KeyCache {
 public:
  explicit KeyCache(const Config& config)
      : places_(config.key_cache.kib * 1024 / config.calibration.known_table_bytes),
        replacement_(static_cast<Replacement>(config.key_cache.replacement)),
        misses_(config.key_cache.misses) {}

  enum class Answer : uint8_t {
    kHit,      // the table is in, and stays until release()
    kFetch,    // it is to be fetched: arrived() tells the cache
    kComing,   // it is on its way already
    kBlocked,  // no place, or as many on their way as may be
  };

  Answer ask(uint32_t key) {
    const auto found = tables_.find(key);
    if (found != tables_.end()) {
      if (found->second.coming) return ++merged_, Answer::kComing;
      hold(found->second);
      ++hits_;
      return Answer::kHit;
    }
    if (misses_.full() || !make_room()) return Answer::kBlocked;
    ++fetches_;
    tables_[key] = {next_place_free(), ++clock_, 0, true};
    return Answer::kFetch;
  }
  void fetching(Tick now) { misses_.take(now); }
  void arrived(Tick now, uint32_t key) {
    misses_.release(now);
    tables_.at(key).coming = false;
  }
  // For what waited for the table.
  void hold(uint32_t key) { hold(tables_.at(key)); }
  void release(uint32_t key) { --tables_.at(key).holders; }
  uint64_t place(uint32_t key) const { return tables_.at(key).place; }

  uint64_t places() const { return places_; }
  uint64_t hits() const { return hits_; }
  uint64_t merged() const { return merged_; }
  uint64_t fetches() const { return fetches_; }
  uint64_t evictions() const { return evictions_; }
  uint64_t resident() const { return tables_.size(); }

 private:
  struct Table {
    uint64_t place;
    uint64_t stamp;    // of the last use, or of the arrival
    uint64_t holders;  // verifications that read it
    bool coming;
  };

  void hold(Table& table) {
    ++table.holders;
    if (replacement_ == Replacement::kLru) table.stamp = ++clock_;
  }
  bool make_room() {
    if (tables_.size() < places_) return true;
    auto victim = tables_.end();
    for (auto it = tables_.begin(); it != tables_.end(); ++it) {
      const bool leaves = !it->second.coming && it->second.holders == 0;
      if (leaves && (victim == tables_.end() || it->second.stamp < victim->second.stamp)) victim = it;
    }
    if (victim == tables_.end()) return false;
    free_places_.push_back(victim->second.place);
    tables_.erase(victim);
    ++evictions_;
    return true;
  }
  uint64_t next_place_free() {
    if (free_places_.empty()) return tables_.size();
    const uint64_t place = free_places_.back();
    free_places_.pop_back();
    return place;
  }

  uint64_t places_;
  Replacement replacement_;
  Slots misses_;
  std::map<uint32_t, Table> tables_;  // in the order of the keys: the same on every machine
  std::vector<uint64_t> free_places_;
  uint64_t clock_ = 0, hits_ = 0, merged_ = 0, fetches_ = 0, evictions_ = 0;
};

}  // namespace accel::model
