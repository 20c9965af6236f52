// A transaction as the log and the peers carry it: either an error, or a value that survives being
// written and read again.

#include "common/check.h"
#include "common/txn_records.h"

using namespace paddock;

namespace {

Bytes encoded(const Txn& txn) {
  Bytes bytes;
  encode_txn(txn, bytes);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const Result<TxnHeader> header = decode_txn_header(input);
  const Result<Txn> txn = decode_txn(input);
  if (!txn.ok()) return 0;
  PADDOCK_CHECK(header.ok());
  PADDOCK_CHECK(header->zxid == txn->header.zxid);

  // Not the input's own bytes: an old create, and what stands behind a digest, are read but never
  // written.
  const Bytes once = encoded(*txn);
  const Result<Txn> again = decode_txn(once);
  PADDOCK_CHECK(again.ok());
  PADDOCK_CHECK(again->digest == txn->digest);
  PADDOCK_CHECK(again->body.index() == txn->body.index());
  PADDOCK_CHECK(encoded(*again) == once);
  return 0;
}
