#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace paddock::server {

// The hash of a path, as every HashIndex of one tree wants it. Seeded, so that nobody outside can
// aim at one place.
std::uint64_t hash_of_path(std::string_view path, std::uint64_t seed);

// From 64-bit hashes to 32-bit handles that are not 0: a flat table of 8-byte slots, which grows in
// segments, so that one insertion moves some hundred slots at the most (extendible hashing). What
// a handle stands for, and whether it is the one sought, only the caller knows. 10 to 12 bytes an
// entry. Never shrinks. One that was moved from may only be destroyed or assigned to.
// Thread: whoever owns it; const functions from any thread while nobody writes.
class HashIndex {
 public:
  HashIndex();
  ~HashIndex();
  HashIndex(HashIndex&& other) noexcept;
  HashIndex& operator=(HashIndex&& other) noexcept;

  // The first handle under `hash` for which matches(handle); 0 if there is none.
  template <typename Matches>
  std::uint32_t find(std::uint64_t hash, Matches&& matches) const {
    const std::uint32_t tag = tag_of(hash);
    const Segment& segment = *directory_[directory_slot(tag)];
    for (std::uint32_t at = segment.home(tag);; at = segment.next(at)) {
      const Slot& slot = segment.slots()[at];
      if (slot.handle == 0) return 0;
      if (slot.tag == tag && matches(slot.handle)) return slot.handle;
    }
  }
  void insert(std::uint64_t hash, std::uint32_t handle);  // it is not in yet
  void erase(std::uint64_t hash, std::uint32_t handle);   // it is in
  // Starts loading the place of `hash` into the cache, ahead of a find().
  void prefetch(std::uint64_t hash) const {
    const std::uint32_t tag = tag_of(hash);
    const Segment& segment = *directory_[directory_slot(tag)];
    __builtin_prefetch(segment.slots() + segment.home(tag));
  }
  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const;

 private:
  struct Slot {
    std::uint32_t tag;
    std::uint32_t handle;  // 0: empty
  };
  // An open-addressed table of all entries whose tags begin with the same `depth` bits. The slots
  // follow in the same allocation. Never full.
  struct Segment {
    std::uint32_t depth, capacity, size;

    Slot* slots() { return reinterpret_cast<Slot*>(this + 1); }
    const Slot* slots() const { return reinterpret_cast<const Slot*>(this + 1); }
    // The bits behind the common ones say where the search begins.
    std::uint32_t home(std::uint32_t tag) const {
      return static_cast<std::uint32_t>((std::uint64_t{tag << depth} * capacity) >> 32);
    }
    std::uint32_t next(std::uint32_t at) const { return at + 1 == capacity ? 0 : at + 1; }
    void put(Slot slot);
  };

  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t directory_slot(std::uint32_t tag) const { return std::uint64_t{tag} >> shift_; }
  static Segment* make_segment(std::uint32_t depth, std::uint32_t capacity);
  static void free_segment(Segment* segment);
  static Segment* enlarged(const Segment& segment);
  void make_room(std::uint32_t tag);
  void grow(std::uint32_t tag);
  void split(std::uint32_t tag);
  void replace(std::uint32_t tag, Segment* low, Segment* high);
  void free_all();

  std::vector<Segment*> directory_;  // by the first bits of the tag; a segment may be in it often
  std::uint32_t shift_ = 32;         // 32 - the bits that the directory is indexed by
  std::size_t size_ = 0;
};

}  // namespace paddock::server
