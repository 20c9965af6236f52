// A transaction log as a disk may give it back. The first byte says whether the records' checksums
// are made right first: without that, hardly any change would get past them.

#include <zlib.h>

#include "common/txn_records.h"
#include "server/storage/txn_log_reader.h"
#include "tests/fuzz/memory_files.h"

using namespace paddock;
using namespace paddock::server;

namespace {

constexpr std::uint32_t kTxnBytes = 1u << 20;

// Layout: storage-format.md section 2.
void make_checksums_right(Bytes& log) {
  for (std::size_t at = 16; at + 12 <= log.size();) {
    const std::size_t length = load_be32(log.data() + at + 8);
    if (length == 0 || length > log.size() - at - 12) return;
    const auto sum = adler32(1, log.data() + at + 12, static_cast<uInt>(length));
    store_be64(log.data() + at, sum);
    at += 12 + length + 1;
  }
}

void check_told(const Error& error) {
  PADDOCK_CHECK(!error.message.empty());
}

// Reads to the end or to the first error. Zxids rise, and each record lies inside the file.
void read_all(Result<TxnLogReader> reader, std::size_t file_bytes) {
  if (!reader.ok()) return check_told(reader.error());
  bool any = false;
  Zxid last;
  for (;;) {
    const Result<bool> more = reader->next();
    if (!more.ok()) return check_told(more.error());
    if (!*more) break;
    PADDOCK_CHECK(!any || reader->zxid() > last);
    PADDOCK_CHECK(reader->offset() + reader->payload().size() <= file_bytes);
    any = true;
    last = reader->zxid();
    (void)decode_txn(reader->payload());
  }
  PADDOCK_CHECK(reader->tail().end <= reader->tail().size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Bytes log(data + 1, data + size);
  if ((data[0] & 1) != 0) make_checksums_right(log);

  OverlayEnv env(posix_env());
  const std::string path = fuzz::kFolder + "/log.1";
  fuzz::put_file(env, path, log);
  read_all(TxnLogReader::open_file(env, path, kTxnBytes), log.size());
  read_all(TxnLogReader::open(env, fuzz::kFolder, Zxid{}, kTxnBytes), log.size());
  read_all(TxnLogReader::open(env, fuzz::kFolder, Zxid{5}, kTxnBytes), log.size());
  return 0;
}
