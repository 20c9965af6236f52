#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/result.h"
#include "server/admin/server_status.h"

// The words that an operator sends to the client port in place of a frame's length, and their
// answers, in ZooKeeper's exact lines.
// Source: ZooKeeper 3.8, server/command/*Command.java; client-protocol.md section 14.
namespace paddock::server {

enum class FourLetterWord : std::uint8_t {
  kConf,
  kCons,
  kCrst,  // the host resets each connection's counts
  kDirs,
  kDump,
  kEnvi,
  kGtmk,
  kHash,
  kIsro,
  kMntr,
  kRuok,
  kSrst,  // the host resets Metrics
  kSrvr,
  kStat,
  kStmk,  // eight more bytes follow: the mask
  kWchc,
  kWchp,
  kWchs,
};
inline constexpr std::size_t kFourLetterWords = 18;

// The word that these four bytes are; nullopt: they are a length. No word is a possible length: as
// a number each is above kJuteMaxBufferMax.
std::optional<FourLetterWord> four_letter_word(std::uint32_t first_four_bytes);
std::string_view to_string(FourLetterWord word);

// Which words are answered. srvr always is; isro is where a server may be read-only.
// Source: ZooKeeper 3.8, FourLetterCommands.isEnabled.
class FourLetterWhitelist {
 public:
  FourLetterWhitelist() = default;  // srvr alone
  // `text`: a comma list or "*". Unknown words are passed over, as ZooKeeper does; `unknown` gets
  // them.
  static FourLetterWhitelist parse(std::string_view text, bool read_only_enabled,
                                   std::string* unknown = nullptr);

  bool allows(FourLetterWord word) const { return words_[static_cast<std::size_t>(word)]; }

 private:
  std::bitset<kFourLetterWords> words_{1u << static_cast<unsigned>(FourLetterWord::kSrvr)};
};

// "<word> is not executed because it is not in the whitelist.\n"
std::string refusal_of(FourLetterWord word);

// What the answer needs.
StatusParts parts_for(FourLetterWord word);

// The answer. `trace_mask`: the current one; for stmk, the one just set. crst and srst answer only:
// the host has done the work.
std::string answer_to(FourLetterWord word, const ServerStatus& status, std::int64_t trace_mask);

inline constexpr std::int64_t kTraceMaskDefault = 306;

}  // namespace paddock::server
