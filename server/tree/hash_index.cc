#include "server/tree/hash_index.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/check.h"

namespace paddock::server {

namespace {
constexpr std::uint32_t kCapacityMin = 32;     // of the first segment
constexpr std::uint32_t kCapacityStep = 64;    // by which a segment grows
constexpr std::uint32_t kCapacitySplit = 512;  // of a segment that is split instead
constexpr std::uint32_t kDepthMax = 24;        // beyond, segments only grow

// Three quarters full and a bit: a probe stays within one or two cache lines.
constexpr std::uint32_t entries_max(std::uint32_t capacity) {
  return capacity - capacity / 5;
}
}  // namespace

std::uint64_t hash_of_path(std::string_view path, std::uint64_t seed) {
  return XXH3_64bits_withSeed(path.data(), path.size(), seed);
}

HashIndex::HashIndex() : directory_{make_segment(0, kCapacityMin)} {}

HashIndex::~HashIndex() {
  free_all();
}

HashIndex::HashIndex(HashIndex&& other) noexcept
    : directory_(std::move(other.directory_)),
      shift_(std::exchange(other.shift_, 32)),
      size_(std::exchange(other.size_, 0)) {
  other.directory_.clear();
}

HashIndex& HashIndex::operator=(HashIndex&& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(shift_, other.shift_);
  std::swap(size_, other.size_);
  return *this;
}

void HashIndex::free_all() {
  const Segment* last = nullptr;  // a segment's places in the directory are side by side
  for (Segment* segment : directory_) {
    if (segment != last) free_segment(segment);
    last = segment;
  }
}

HashIndex::Segment* HashIndex::make_segment(std::uint32_t depth, std::uint32_t capacity) {
  void* memory = std::calloc(1, sizeof(Segment) + capacity * sizeof(Slot));
  if (memory == nullptr) throw std::bad_alloc();
  return new (memory) Segment{depth, capacity, 0};
}

void HashIndex::free_segment(Segment* segment) {
  std::free(segment);
}

void HashIndex::Segment::put(Slot slot) {
  std::uint32_t at = home(slot.tag);
  while (slots()[at].handle != 0) at = next(at);
  slots()[at] = slot;
  ++size;
}

void HashIndex::insert(std::uint64_t hash, std::uint32_t handle) {
  PADDOCK_CHECK(handle != 0);
  const std::uint32_t tag = tag_of(hash);
  make_room(tag);
  directory_[directory_slot(tag)]->put({tag, handle});
  ++size_;
}

void HashIndex::erase(std::uint64_t hash, std::uint32_t handle) {
  const std::uint32_t tag = tag_of(hash);
  Segment& segment = *directory_[directory_slot(tag)];
  Slot* slots = segment.slots();
  std::uint32_t hole = segment.home(tag);
  while (slots[hole].handle != handle) {
    PADDOCK_CHECK(slots[hole].handle != 0);
    hole = segment.next(hole);
  }
  // What stands behind moves up, unless that would put it in front of its home.
  const auto distance = [&](std::uint32_t from, std::uint32_t to) {
    return to >= from ? to - from : to + segment.capacity - from;
  };
  for (std::uint32_t at = segment.next(hole); slots[at].handle != 0; at = segment.next(at)) {
    if (distance(segment.home(slots[at].tag), at) < distance(hole, at)) continue;
    slots[hole] = slots[at];
    hole = at;
  }
  slots[hole] = {};
  --segment.size;
  --size_;
}

// Afterwards the segment of `tag` has an empty slot to spare.
void HashIndex::make_room(std::uint32_t tag) {
  for (;;) {
    const Segment& segment = *directory_[directory_slot(tag)];
    if (segment.size < entries_max(segment.capacity)) return;
    if (segment.capacity < kCapacitySplit || segment.depth == kDepthMax) return grow(tag);
    split(tag);
  }
}

HashIndex::Segment* HashIndex::enlarged(const Segment& segment) {
  Segment* larger = make_segment(segment.depth, segment.capacity + kCapacityStep);
  std::for_each_n(segment.slots(), segment.capacity, [&](const Slot& slot) {
    if (slot.handle != 0) larger->put(slot);
  });
  return larger;
}

void HashIndex::grow(std::uint32_t tag) {
  Segment* larger = enlarged(*directory_[directory_slot(tag)]);
  replace(tag, larger, larger);
}

void HashIndex::split(std::uint32_t tag) {
  const Segment& old = *directory_[directory_slot(tag)];
  const std::uint32_t depth = old.depth + 1;
  if (32 - shift_ < depth) {
    std::vector<Segment*> doubled;
    doubled.reserve(directory_.size() * 2);
    for (Segment* each : directory_) doubled.insert(doubled.end(), 2, each);
    directory_ = std::move(doubled);
    --shift_;
  }
  Segment* halves[2] = {make_segment(depth, kCapacitySplit / 2 + kCapacityStep),
                        make_segment(depth, kCapacitySplit / 2 + kCapacityStep)};
  std::for_each_n(old.slots(), old.capacity, [&](const Slot& slot) {
    if (slot.handle == 0) return;
    Segment*& half = halves[(slot.tag >> (32 - depth)) & 1];
    if (half->size == entries_max(half->capacity)) {  // chance put nearly all on one side
      Segment* larger = enlarged(*half);
      free_segment(half);
      half = larger;
    }
    half->put(slot);
  });
  replace(tag, halves[0], halves[1]);
}

// Puts `low` and `high` into the two halves of where the segment of `tag` stands in the directory.
void HashIndex::replace(std::uint32_t tag, Segment* low, Segment* high) {
  Segment* old = directory_[directory_slot(tag)];
  const std::size_t places = std::size_t{1} << (32 - shift_ - old->depth);
  const auto first =
      directory_.begin() + static_cast<std::ptrdiff_t>(directory_slot(tag) & ~(places - 1));
  std::fill_n(first, places, high);
  if (low != high) std::fill_n(first, places / 2, low);
  free_segment(old);
}

std::size_t HashIndex::memory_bytes() const {
  std::size_t bytes = directory_.capacity() * sizeof(Segment*);
  const Segment* last = nullptr;
  for (const Segment* segment : directory_) {
    if (segment != last) bytes += sizeof(Segment) + segment->capacity * sizeof(Slot);
    last = segment;
  }
  return bytes;
}

}  // namespace paddock::server
