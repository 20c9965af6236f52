// A zoo.cfg as a server starts from it: options within their ranges, or a refusal that says why.
// The first byte says whether an unknown key is an error.

#include <string>

#include "common/check.h"
#include "server/options.h"
#include "tests/fuzz/memory_files.h"

using namespace paddock;
using namespace paddock::server;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  OverlayEnv env(posix_env());
  OptionSources sources;
  sources.config_path = fuzz::kFolder + "/zoo.cfg";
  sources.strict = (data[0] & 1) != 0;
  fuzz::put_file(env, sources.config_path, ByteView(data + 1, size - 1));
  for (const char* folder : {"/paddock-fuzz", "data/ensemble/1", "data/observer/1"}) {
    PADDOCK_CHECK(env.make_folders(folder).ok());
    fuzz::put_file(env, std::string(folder) + "/myid", as_bytes("1\n"));
  }

  const Result<LoadedOptions> loaded = load_options(env, sources);
  if (!loaded.ok()) {
    PADDOCK_CHECK(!loaded.error().message.empty());
    return 0;
  }
  const ServerOptions& options = loaded->options;
  PADDOCK_CHECK(options.core.tick_time > Millis{});
  PADDOCK_CHECK(options.core.session_timeout_min <= options.core.session_timeout_max);
  PADDOCK_CHECK(!options.storage.data_dir.empty());
  const EnsembleOptions& ensemble = options.ensemble;
  if (ensemble.ensemble != nullptr) {
    PADDOCK_CHECK(ensemble.member() != nullptr);
    PADDOCK_CHECK(!ensemble.ensemble->voters().empty());
    PADDOCK_CHECK(ensemble.timing.init_timeout() > Millis{});
    PADDOCK_CHECK(ensemble.timing.sync_timeout() > Millis{});
    PADDOCK_CHECK(ensemble.timing.max_notification >= ensemble.timing.min_notification);
    PADDOCK_CHECK(options.core.server_id == ensemble.self);
  }
  for (const Notice& notice : loaded->notices) PADDOCK_CHECK(!notice.text.empty());
  PADDOCK_CHECK(!describe_configuration(options).empty());
  return 0;
}
