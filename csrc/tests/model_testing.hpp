// Workloads and configurations for the tests of the accelerator model.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "model/machine.hpp"

namespace accel::model::testing {

using Setting = std::pair<std::string, std::string>;
using Settings = std::vector<Setting>;

inline Config configured(const Settings& settings) {
  Config config = Config::sim96();
  for (const auto& [field, value] : settings) config.set(field, value);
  config.check();
  return config;
}

inline Command command_of(Opcode opcode, uint64_t count, uint64_t length = 0) {
  Command command;
  command.opcode = opcode;
  command.count = count;
  command.length = length;
  return command;
}

// `count` items in commands of `batch`; with `keys`, signers in turn.
inline std::vector<Command> batches(Opcode opcode, uint64_t count, uint64_t batch, uint64_t length, uint32_t keys = 0) {
  std::vector<Command> commands;
  for (uint64_t first = 0; first < count; first += batch) {
    Command command = command_of(opcode, std::min(batch, count - first), length);
    command.tag = commands.size();
    for (uint64_t i = 0; keys > 0 && i < command.count; ++i)
      command.keys.push_back(static_cast<uint32_t>((first + i) % keys));
    commands.push_back(std::move(command));
  }
  return commands;
}

inline uint64_t value_of(const Machine& machine, const std::string& name) {
  for (const Statistic& it : machine.statistics())
    if (it.name == name) return it.value;
  throw std::out_of_range("no statistic " + name);
}

inline void run(Machine& machine, const std::vector<Command>& commands) {
  for (const Command& command : commands) machine.submit(command);
  machine.run();
}

}  // namespace accel::model::testing
