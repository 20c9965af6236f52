#include "server/storage/config_files.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/concat.h"
#include "common/config_file.h"

namespace paddock::server {

namespace {

// Its "version=" line goes where the file's name has it.
std::string dynamic_text(const zab::Ensemble& ensemble) {
  std::string text = zab::to_text(ensemble);
  text.resize(text.rfind("version="));
  return text;
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// With all links followed, as it will be read from wherever the server is started next.
std::string whole_path(const std::string& path) {
  std::error_code ignored;  // then it stays as it was written
  const std::filesystem::path whole = std::filesystem::weakly_canonical(path, ignored);
  return whole.empty() ? path : whole.string();
}

// A backslash at the end carries on with the next line, unless it is escaped itself.
bool goes_on(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  const std::size_t last = line.find_last_not_of('\\');
  const std::size_t backslashes = line.size() - (last == line.npos ? 0 : last + 1);
  return backslashes % 2 == 1;
}

bool is_comment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\f");
  return first != line.npos && (line[first] == '#' || line[first] == '!');
}

// One entry with the lines that it goes on in, or a comment, or nothing.
std::string_view first_entry(std::string_view text) {
  std::size_t end = 0;
  do {
    const std::size_t begin = end;
    end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    if (is_comment(text) || !goes_on(text.substr(begin, end - begin))) break;
  } while (end < text.size());
  return text.substr(0, end);
}

bool is_replaced(const std::string& key, bool has_client_port) {
  if (key == "clientPort" || key == "clientPortAddress") return has_client_port;
  return key == "dynamicConfigFile" || key == "peerType" || key.starts_with("server.") ||
         key.starts_with("group.") || key.starts_with("weight.");
}

}  // namespace

std::string dynamic_config_path(const std::string& config_path, std::int64_t version) {
  return concat(config_path, ".dynamic.", hex(static_cast<std::uint64_t>(version)));
}

std::string next_config_path(const std::string& config_path) {
  return config_path + ".dynamic.next";
}

Result<void> back_up_config(Env& env, const std::string& config_path) {
  PADDOCK_TRY(const Bytes text, read_file(env, config_path, kConfigBytesMax));
  return replace_file(env, config_path + ".bak", text);
}

std::string point_to_dynamic_config(const std::string& text, const std::string& dynamic_path,
                                    bool has_client_port) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view lines = first_entry(rest);
    rest.remove_prefix(lines.size());
    const Result<std::vector<ConfigEntry>> entries = parse_config(lines);
    const bool goes =
        entries && !entries->empty() && is_replaced(entries->front().key, has_client_port);
    if (!goes) out += lines;
  }
  if (!out.empty() && out.back() != '\n') out += '\n';
  return out + config_line("dynamicConfigFile", dynamic_path);
}

Result<void> ConfigFiles::write(const zab::Ensemble& committed, const zab::Ensemble* last_seen) {
  if (last_seen != nullptr) {
    PADDOCK_TRY_DO(
        replace_file(env_, next_config_path(config_path_), as_bytes(zab::to_text(*last_seen))));
  }
  if (committed.version != version_) {
    PADDOCK_TRY_DO(write_committed(committed));
    version_ = committed.version;
  }
  return last_seen == nullptr ? remove_next() : Result<void>();
}

Result<void> ConfigFiles::write_committed(const zab::Ensemble& committed) {
  const std::string path = dynamic_config_path(config_path_, committed.version);
  PADDOCK_TRY_DO(replace_file(env_, path, as_bytes(dynamic_text(committed))));
  PADDOCK_TRY(const Bytes text, read_file(env_, config_path_, kConfigBytesMax));
  const zab::Member* const self = committed.find(self_);
  const std::string changed = point_to_dynamic_config(std::string(as_chars(text)), whole_path(path),
                                                      self != nullptr && self->client.has_value());
  return replace_file(env_, config_path_, as_bytes(changed));
}

Result<void> ConfigFiles::remove_next() {
  const std::string path = next_config_path(config_path_);
  if (!env_.exists(path)) return {};
  PADDOCK_TRY_DO(env_.remove(path));
  return env_.sync_folder(folder_of(path));
}

}  // namespace paddock::server
