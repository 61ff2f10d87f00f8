// The model's TOML: no document may end in anything but a configuration or a ConfigError with a sentence, and what is
// accepted comes back the same from what is written.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "model/config.hpp"

namespace {

using accel::model::Config;
using accel::model::ConfigError;

std::string written(const Config& config) {
  std::string document;
  for (const accel::model::FieldValue& it : fields(config)) {
    document += it.field + " = " + it.value + "\n";  // a dotted key is a section and a name
  }
  return document;
}

void read(std::string_view document) {
  try {
    const Config config = Config::from_toml(document, "fuzz.toml");
    const std::string first = written(config);
    if (written(Config::from_toml(first, "written.toml")) != first) std::abort();
  } catch (const ConfigError& error) {
    if (std::string_view(error.what()).substr(0, 10) != "fuzz.toml:") std::abort();
  }
}

// One field, as --set takes it: what stands before the first '=', and what stands behind.
void set(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return;
  Config config = Config::sim96();
  try {
    config.set(text.substr(0, equals), text.substr(equals + 1));
    config.check();
  } catch (const ConfigError& error) {
    if (*error.what() == '\0') std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text);
  set(text);
  return 0;
}
