// Verifies a raw block with libaccel, by explicit keys and by a ring of known signers, and builds its Merkle root.
//
//   verify_block [--json] DIR
//
// Exit code 0: all as the block records it; 1: something differs; 2: the job could not run (a sentence on standard
// error says why).
#include <algorithm>
#include <exception>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>

#include "block.hpp"

namespace {

enum ExitCode { as_recorded = 0, differs = 1, failed = 2 };

using Statuses = std::vector<accel::Status>;

// Rows of a block that go through one call: signatures side by side, messages where they are.
struct Selection {
  std::vector<size_t> rows;
  std::vector<uint32_t> indices;  // of known keys
  std::vector<accel::Key> keys;
  std::vector<accel::Signature> signatures;
  std::vector<accel::Bytes> messages;

  void add(const Block& block, size_t row, uint32_t index) {
    rows.push_back(row);
    indices.push_back(index);
    keys.push_back(block.public_keys[row]);
    signatures.push_back(block.signatures[row]);
    messages.push_back(block.message(row));
  }
  void put(const Statuses& verdicts, Statuses& all) const {
    for (size_t i = 0; i < rows.size(); ++i) all[rows[i]] = verdicts[i];
  }
};

// Known signers go by the ring, the others by their own key. The row's whole key decides which it is: nothing that the
// block says about its signers is believed. A node makes its ring once, when the consortium's members change.
Statuses verify_by_ring(const Block& block, size_t& known_rows) {
  const accel::KeyRing ring(block.signers, block.id);
  std::map<accel::Key, uint32_t> index;
  for (size_t i = 0; i < block.signers.size(); ++i) index.emplace(block.signers[i], static_cast<uint32_t>(i));
  Selection known, strangers;
  for (size_t row = 0; row < block.rows(); ++row) {
    const auto found = index.find(block.public_keys[row]);
    if (found != index.end()) {
      known.add(block, row, found->second);
    } else {
      strangers.add(block, row, 0);
    }
  }
  known_rows = known.rows.size();
  Statuses statuses(block.rows());
  known.put(ring.verify_many(known.indices, known.signatures, accel::Messages(known.messages)), statuses);
  strangers.put(accel::verify_many(strangers.keys, strangers.signatures, accel::Messages(strangers.messages), block.id),
                statuses);
  return statuses;
}

accel::Hash merkle_root(const Block& block, const accel::Messages& leaves) {
  accel::RootTree tree(block.merkle_rule);
  tree.append(leaves);
  return tree.root();
}

struct Verdicts {
  Statuses statuses;
  size_t valid = 0, bad = 0, differing = 0, first_differing = 0;

  Verdicts(Statuses found, const Block& block) : statuses(std::move(found)) {
    valid = static_cast<size_t>(std::ranges::count(statuses, accel::Status::ok));
    bad = statuses.size() - valid;
    for (size_t row = 0; row < statuses.size(); ++row) {
      if (statuses[row] != block.statuses[row] && differing++ == 0) first_differing = row;
    }
  }
};

struct Report {
  Verdicts keys, ring;
  size_t known_rows;
  accel::Hash root;
  bool root_as_recorded;

  bool all_as_recorded() const { return keys.differing == 0 && ring.differing == 0 && root_as_recorded; }
};

std::string hex(const accel::Hash& hash) {
  std::ostringstream text;
  for (const int byte : hash) text << std::hex << std::setw(2) << std::setfill('0') << byte;
  return text.str();
}

void print_verdicts(const char* name, const Verdicts& found, const Block& block) {
  std::cout << name << found.valid << " of " << block.rows() << " valid, " << found.bad << " bad: ";
  if (found.differing == 0) {
    std::cout << "as recorded\n";
    return;
  }
  const size_t row = found.first_differing;
  std::cout << found.differing << " DIFFER, the first is row " << row << ": " << accel::name(found.statuses[row])
            << ", recorded as " << accel::name(block.statuses[row]) << "\n";
}

void print_text(const Report& report, const Block& block) {
  constexpr size_t shown = 10;
  print_verdicts("keys      ", report.keys, block);
  print_verdicts("key ring  ", report.ring, block);
  std::cout << "root      " << hex(report.root) << " " << accel::rule_name(block.merkle_rule) << ": "
            << (report.root_as_recorded ? "as recorded" : "DIFFERS") << "\n";
  size_t listed = 0;
  for (size_t row = 0; row < block.rows() && listed < shown; ++row) {
    const accel::Status status = report.keys.statuses[row];
    if (status == accel::Status::ok) continue;
    std::cout << (listed++ == 0 ? "bad rows  " : ", ") << row << " " << accel::name(status);
  }
  if (report.keys.bad > listed) std::cout << ", and " << report.keys.bad - listed << " more";
  if (listed > 0) std::cout << "\n";
}

std::string json_of(const Verdicts& found) {
  return "{\"valid\": " + std::to_string(found.valid) + ", \"bad\": " + std::to_string(found.bad) +
         ", \"differing\": " + std::to_string(found.differing);
}

void print_json(const Report& report, const Block& block) {
  std::cout << std::boolalpha << "{\"language\": \"c++\", \"accel\": \"" << accel_version()
            << "\", \"rows\": " << block.rows() << ", \"signers\": " << block.signers.size()
            << ", \"keys\": " << json_of(report.keys) << "}, \"key_ring\": " << json_of(report.ring)
            << ", \"known_rows\": " << report.known_rows << "}, \"bad\": [";
  const char* separator = "";
  for (size_t row = 0; row < block.rows(); ++row) {
    const accel::Status status = report.keys.statuses[row];
    if (status == accel::Status::ok) continue;
    std::cout << separator << "{\"row\": " << row << ", \"status\": \"" << accel::name(status) << "\"}";
    separator = ", ";
  }
  std::cout << "], \"merkle_rule\": \"" << accel::rule_name(block.merkle_rule) << "\", \"merkle_root\": \""
            << hex(report.root) << "\", \"root_as_recorded\": " << report.root_as_recorded
            << ", \"as_recorded\": " << report.all_as_recorded() << "}\n";
}

ExitCode verify(const Block& block, bool json) {
  const accel::Messages messages(block.messages, block.offsets);
  Verdicts keys(accel::verify_many(block.public_keys, block.signatures, messages, block.id), block);
  size_t known_rows = 0;
  Verdicts ring(verify_by_ring(block, known_rows), block);
  const accel::Hash root = merkle_root(block, messages);
  const Report report{std::move(keys), std::move(ring), known_rows, root, root == block.root};
  if (json) {
    print_json(report, block);
  } else {
    print_text(report, block);
  }
  std::cout.flush();
  if (!std::cout) throw std::runtime_error("standard output cannot be written");
  return report.all_as_recorded() ? as_recorded : differs;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool json = arguments.size() == 2 && arguments[0] == "--json";
  if (arguments.size() != (json ? 2 : 1) || arguments.back().starts_with('-')) {
    std::cerr << "usage: verify_block [--json] DIR\n";
    return failed;
  }
  try {
    accel::require_abi();
    return verify(Block::read(arguments.back()), json);
  } catch (const std::exception& error) {
    std::cerr << "verify_block: " << error.what() << "\n";
    return failed;
  }
}
