// What clients and servers say to each other, record by record. The first byte chooses the record,
// the rest is its bytes. Records that can also be written are written back, to the same bytes where
// the format has only one way to say a thing.

#include <algorithm>

#include "common/check.h"
#include "common/records.h"

using namespace paddock;

namespace {

template <typename T>
Bytes encoded(const T& record) {
  Bytes bytes;
  JuteWriter writer(bytes);
  write(writer, record);
  return bytes;
}

// One way to write it: the reader has consumed exactly what the writer makes of the result.
template <typename T>
void check_same_bytes(ByteView input, const JuteReader& reader, const Result<T>& record) {
  if (!record.ok()) return;
  const Bytes written = encoded(*record);
  PADDOCK_CHECK(std::ranges::equal(written, input.first(reader.offset())));
}

// A boolean is true for any byte but 0, and a null text may read as "": what is written is read
// back and written alike.
template <typename T, typename Read>
void check_settles(const Result<T>& record, Read&& read) {
  if (!record.ok()) return;
  const Bytes once = encoded(*record);
  JuteReader reader(once);
  const Result<T> again = read(reader);
  PADDOCK_CHECK(again.ok());
  PADDOCK_CHECK(reader.remaining() == 0);
  PADDOCK_CHECK(encoded(*again) == once);
}

void check_acl(ByteView input) {
  JuteReader reader(input);
  const Result<AclBytes> acl = read_acl(reader);
  if (!acl.ok()) return;
  const std::vector<Acl> entries = decode_acl(*acl);
  const Bytes written = encode_acl(entries);
  PADDOCK_CHECK(decode_acl(AclBytes{written}) == entries);
}

template <typename T>
void consume(const JuteReader& reader, std::size_t size, const Result<T>&) {
  PADDOCK_CHECK(reader.offset() <= size);
}

void read_one(std::uint8_t choice, ByteView input) {
  JuteReader reader(input);
  const std::size_t size = input.size();
  switch (choice % 19) {
    case 0:
      return check_settles(read_connect_request(reader), read_connect_request);
    case 1:
      return check_settles(read_connect_response(reader), read_connect_response);
    case 2: {
      const Result<RequestHeader> header = read_request_header(reader);
      return check_same_bytes(input, reader, header);
    }
    case 3: {
      const Result<ReplyHeader> header = read_reply_header(reader);
      return check_same_bytes(input, reader, header);
    }
    case 4: {
      const Result<Stat> stat = read_stat(reader);
      return check_same_bytes(input, reader, stat);
    }
    case 5:
      return check_settles(read_multi_header(reader), read_multi_header);
    case 6:
      return check_settles(read_watcher_event(reader), read_watcher_event);
    case 7:
      return check_acl(input);
    case 8:
      return consume(reader, size, read_create_request(reader, false));
    case 9:
      return consume(reader, size, read_create_request(reader, true));
    case 10:
      return consume(reader, size, read_path_version_request(reader));
    case 11:
      return consume(reader, size, read_path_watch_request(reader));
    case 12:
      return consume(reader, size, read_set_data_request(reader));
    case 13:
      return consume(reader, size, read_set_acl_request(reader));
    case 14:
      return consume(reader, size, read_path_type_request(reader));
    case 15:
      return consume(reader, size, read_auth_packet(reader));
    case 16:
      return consume(reader, size, read_set_watches_request(reader, false));
    case 17:
      return consume(reader, size, read_set_watches_request(reader, true));
    case 18:
      return consume(reader, size, read_reconfig_request(reader));
    default:
      PADDOCK_CHECK(false);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  read_one(data[0], ByteView(data + 1, size - 1));
  return 0;
}
