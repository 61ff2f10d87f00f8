// The configuration: what it takes, what it refuses, and with which sentence.
#include <gtest/gtest.h>

#include <set>

#include "model/config.hpp"

namespace accel::model {
namespace {

std::string refused(const std::string& document) {
  try {
    Config::from_toml(document, "test.toml");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ModelConfig, Sim96IsTheChipOfItsFile) {
  const Config config = Config::sim96();
  EXPECT_EQ(config.chip.cores, 96u);
  EXPECT_EQ(config.calibration.multiplier_interval_cycles, 16u);
  EXPECT_EQ(config.link_bits_per_second(), 16u * 15'754'000'000u);
  EXPECT_EQ(config.ticks_per_second(), 4'000'000'000u);
}

TEST(ModelConfig, EveryFieldHasAValueAndTakesItBack) {
  const Config config = Config::sim96();
  std::set<std::string> names;
  for (const FieldValue& it : fields(config)) {
    EXPECT_TRUE(names.insert(it.field).second) << it.field;
    Config copy = config;
    copy.set(it.field, it.value);
    for (size_t i = 0; i < fields(config).size(); ++i) EXPECT_EQ(fields(copy)[i].value, fields(config)[i].value);
  }
  EXPECT_EQ(names.size(), sizeof(Config) / sizeof(uint64_t));  // no field of the struct lacks its place in the schema
}

TEST(ModelConfig, ADocumentSetsWhatItNames) {
  const Config config =
      Config::from_toml("[chip]\ncores = 8\n[noc]\nclusters = 2\n[link]\nkind = \"baud\"\n", "test.toml");
  EXPECT_EQ(config.chip.cores, 8u);
  EXPECT_EQ(config.link_bits_per_second(), 2'400'000u);
  EXPECT_EQ(config.dispatcher.window, Config::sim96().dispatcher.window);
  EXPECT_EQ(Config::from_toml("", "empty.toml").chip.cores, 96u);
  EXPECT_EQ(Config::from_toml("# d\xc3\xa9j\xc3\xa0 vu\n[chip]  # \xe6\xa0\xb8\n", "comments.toml").chip.cores, 96u);
}

TEST(ModelConfig, RefusesWithTheFieldWhatCameAndWhatIsWanted) {
  EXPECT_EQ(refused("[chip]\ncores = 0\n"), "test.toml: chip.cores: expected a whole number from 1 to 4096, got 0");
  EXPECT_EQ(refused("[chip]\ncores = -1\n"), "test.toml: chip.cores: expected a whole number from 1 to 4096, got -1");
  EXPECT_EQ(refused("[chip]\ncores = 9.5\n"), "test.toml: chip.cores: expected a whole number from 1 to 4096, got 9.5");
  EXPECT_EQ(refused("[chip]\ncores = \"9\"\n"),
            "test.toml: chip.cores: expected a whole number from 1 to 4096, got '9'");
  EXPECT_EQ(refused("[chip]\ncores = [9]\n"),
            "test.toml: chip.cores: expected a whole number from 1 to 4096, got [ 9 ]");
  EXPECT_EQ(refused("[chip]\ncore = 9\n"), "test.toml: chip.core: no such field; [chip] has cores");
  EXPECT_EQ(refused("[chip]\n\"a\\u0000\\n\" = 9\n"), "test.toml: chip.a\\x00\\x0a: no such field; [chip] has cores");
  EXPECT_EQ(refused("[chip]\ncor\xc2\xa1s = 9\n"), "test.toml: line 2: expected ASCII but in comments");
  EXPECT_EQ(refused("[link]\nkind = \"radio\"\n"),
            "test.toml: link.kind: expected one of \"lanes\", \"baud\", got 'radio'");
  EXPECT_EQ(refused("[link]\nkind = 1\n"), "test.toml: link.kind: expected one of \"lanes\", \"baud\", got 1");
  EXPECT_EQ(refused("cores = 9\n"), "test.toml: cores: expected a section, [cores], got 9");
  EXPECT_NE(
      refused("[chips]\ncores = 9\n").find("test.toml: chips.cores: no such section; there are chip, clock, link"),
      std::string::npos);
  EXPECT_NE(refused("[chips]\n").find("no such section"), std::string::npos);
  EXPECT_EQ(refused("[chip]\ncores = = 9\n").find("test.toml: line 2, column 9: "), 0u);
}

TEST(ModelConfig, RefusesFieldsThatDoNotGoTogether) {
  EXPECT_EQ(refused("[chip]\ncores = 4\n"),
            "test.toml: noc.clusters: expected at most one for each of the 4 cores of chip.cores, got 8");
  EXPECT_EQ(refused("[core]\nbuffers = 1\n"),
            "test.toml: core.buffers: expected at least core.contexts, which is 2, got 1");
  EXPECT_EQ(refused("[key_cache]\nkib = 59\n"),
            "test.toml: key_cache.kib: expected room for one table of calibration.known_table_bytes, 60 KiB, got 59");
  EXPECT_EQ(refused("[dram]\nrow_bytes = 128\n"),
            "test.toml: dram.row_bytes: expected at least dram.interleave_bytes, 256, got 128");
}

TEST(ModelConfig, FilesThatCannotBeRead) {
  EXPECT_THROW(Config::from_file("/nowhere/at/all.toml"), ConfigError);
  EXPECT_THROW(Config::from_file("/"), ConfigError);
}

TEST(ModelConfig, SetTakesWordsWithAndWithoutQuotationMarks) {
  Config config = Config::sim96();
  config.set("dispatcher.policy", "round_robin");
  EXPECT_EQ(static_cast<Policy>(config.dispatcher.policy), Policy::kRoundRobin);
  config.set("dispatcher.policy", "\"first_free\"");
  EXPECT_EQ(static_cast<Policy>(config.dispatcher.policy), Policy::kFirstFree);
  EXPECT_THROW(config.set("dispatcher", "1"), ConfigError);
  EXPECT_THROW(config.set("chip.cores", "\xc2\xa1"), ConfigError);
  EXPECT_THROW(config.set("chip.cores", ""), ConfigError);
  EXPECT_THROW(config.set("chip.cores", "8\nother = 9"), ConfigError);
  EXPECT_THROW(config.set("chip.cores", "99999999999999999999"), ConfigError);
}

TEST(ModelConfig, ABasisGoesWithItsValueAlone) {
  EXPECT_EQ(basis("calibration.multiplier_interval_cycles", 16), "throw-away RTL");
  EXPECT_EQ(basis("calibration.multiplier_interval_cycles", 17), "configured");
  EXPECT_EQ(basis("energy.static_mw", Config::sim96().energy.static_mw), "assumed");
}

}  // namespace
}  // namespace accel::model
