// Rates of the library's kernels beside OpenSSL's EVP and, where there are AVX-512 IFMA and the library, Intel
// crypto_mb: in alternation, in one process pinned to one core. Answers of all sides are checked first.
//
//   accel_bench [--json] [--quick] [--rounds N] [--core N] [--only SUBSTRING]
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include "crypto_mb_peer.hpp"
#include "measure.hpp"
#include "output.hpp"
#include "sm2_rows.hpp"
#include "sm3_rows.hpp"
#include "workload.hpp"

namespace accel::bench {
namespace {

constexpr char kUsage[] =
    "usage: accel_bench [--json] [--quick] [--rounds N] [--core N] [--only SUBSTRING]\n"
    "  --json            for programs\n"
    "  --quick           small batches and short windows: that it works, not how fast\n"
    "  --rounds N        10 unless given\n"
    "  --core N          the core to run on; the present one unless given\n"
    "  --only SUBSTRING  rows whose `task kernel peer` has it\n";

struct Options {
  bool json = false, quick = false, help = false;
  size_t rounds = 10;
  int core = -1;
  std::string only;
};

int number(const std::string& option, const std::string& text, int least) {
  size_t used = 0;
  int value = -1;
  try {
    value = std::stoi(text, &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  require(!text.empty() && used == text.size() && value >= least,
          option + ": expected an integer, at least " + std::to_string(least) + ", got " + text);
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&]() -> std::string {
      require(i + 1 < argc, argument + ": a value is missing\n" + kUsage);
      return argv[++i];
    };
    if (argument == "--json") {
      options.json = true;
    } else if (argument == "--quick") {
      options.quick = true;
    } else if (argument == "--help") {
      options.help = true;
    } else if (argument == "--rounds") {
      options.rounds = static_cast<size_t>(number(argument, value(), 1));
    } else if (argument == "--core") {
      options.core = number(argument, value(), 0);
    } else if (argument == "--only") {
      options.only = value();
    } else {
      throw std::runtime_error(argument + ": unknown\n" + kUsage);
    }
  }
  return options;
}

void run(const Options& options) {
  // Tables that the library makes by itself would turn unknown keys into known ones.
  setenv("ACCEL_ADAPTIVE_TABLES", "0", 1);
  Report report = {{}, {openssl_version()}, {}, options.rounds, pin(options.core)};
  check(accel_set_num_threads(1));
  std::string why_not;
  const std::unique_ptr<CryptoMb> crypto_mb = find_crypto_mb(&why_not);
  if (crypto_mb) {
    report.peers.push_back(crypto_mb->version());
  } else {
    report.notes.push_back("crypto_mb is not measured: " + why_not);
  }
  const Sizes& sizes = options.quick ? kQuick : kFull;
  const Workload work(sizes);
  for (const std::vector<Row>& rows : {sm2_rows(work, crypto_mb.get()), sm3_rows(sizes, crypto_mb.get())}) {
    for (const Row& row : rows) {
      const std::string name = row.task + " " + row.kernel + " " + row.peer;
      if (name.find(options.only) != std::string::npos) report.rows.push_back(row);
    }
  }
  require(!report.rows.empty(), "--only: no row has \"" + options.only + "\" in its `task kernel peer`");
  measure(report.rows, options.rounds, sizes.window);
  settle_alternatives(report.rows);
  (options.json ? print_json : print_table)(report);
}

}  // namespace
}  // namespace accel::bench

int main(int argc, char** argv) {
  try {
    const accel::bench::Options options = accel::bench::parse(argc, argv);
    if (options.help) {
      std::fputs(accel::bench::kUsage, stdout);
    } else {
      accel::bench::run(options);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "accel_bench: %s\n", error.what());
    return 2;
  }
}
