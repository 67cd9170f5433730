#include "base/heap.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace hone {
namespace {

struct Piece {
  void* data;
  size_t size;
  uint8_t mark;
  bool whole() const {
    const auto* bytes = static_cast<const uint8_t*>(data);
    return bytes[0] == mark && bytes[size - 1] == mark && bytes[size / 2] == mark;
  }
};

Piece take(Heap& heap, size_t size, uint8_t mark) {
  Piece piece{heap.allocate(size), size, mark};
  std::memset(piece.data, mark, size);
  return piece;
}

/// Takes and gives back pieces in a random order; every one must hold what was written to it.
void stir(Heap& heap, unsigned seed, int rounds) {
  std::mt19937 random(seed);
  std::vector<Piece> pieces;
  for (int i = 0; i < rounds; ++i) {
    if (pieces.size() < 8 || random() % 2 == 0) {
      pieces.push_back(take(heap, 1 + random() % (400 << 10), static_cast<uint8_t>(random())));
    } else {
      std::swap(pieces[random() % pieces.size()], pieces.back());
      ASSERT_TRUE(pieces.back().whole());
      ASSERT_TRUE(heap.free(pieces.back().data));
      pieces.pop_back();
    }
  }
  for (const Piece& piece : pieces) {
    ASSERT_TRUE(piece.whole());
    ASSERT_TRUE(heap.free(piece.data));
  }
}

TEST(Heap, PiecesDoNotOverlapAndNothingIsKeptBeyondThePeak) {
  Heap heap;
  for (unsigned seed = 0; seed < 4; ++seed) {
    stir(heap, seed, 3000);
    EXPECT_EQ(heap.live(), 0u);
    EXPECT_LE(heap.touched(), heap.peak());
  }
}

TEST(Heap, WhatWasGivenBackIsHandedOutAgain) {
  Heap heap;
  void* first = heap.allocate(1 << 20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 4096, 0u);
  void* second = heap.allocate(1 << 20);
  EXPECT_TRUE(heap.free(first));
  EXPECT_EQ(heap.allocate((1 << 20) - 5000), first);
  EXPECT_TRUE(heap.free(first));
  EXPECT_TRUE(heap.free(second));
  EXPECT_EQ(heap.allocate(2 << 20), first);  // neighbours have become one
  EXPECT_EQ(heap.live(), size_t{2} << 20);
}

TEST(Heap, HolesThatFitNothingLoseTheirPages) {
  Heap heap;
  std::vector<Piece> pieces;
  for (int i = 0; i < 64; ++i) pieces.push_back(take(heap, 256 << 10, 1));
  for (size_t i = 0; i < pieces.size(); i += 2) heap.free(pieces[i].data);
  EXPECT_EQ(heap.touched(), heap.peak());
  take(heap, 8 << 20, 2);  // larger than any hole: new pages, for which as many old ones go
  EXPECT_EQ(heap.peak(), size_t{16} << 20);
  EXPECT_EQ(heap.touched(), heap.peak());
  for (size_t i = 1; i < pieces.size(); i += 2) EXPECT_TRUE(pieces[i].whole());
}

TEST(Heap, KnowsWhatIsItsOwn) {
  Heap heap;
  std::vector<char> other(10000);
  EXPECT_FALSE(heap.free(other.data()));
  void* data = heap.allocate(100000);
  EXPECT_FALSE(heap.free(static_cast<char*>(data) + 4096));
  EXPECT_TRUE(heap.free(data));
  EXPECT_FALSE(heap.free(data));
}

TEST(Heap, MoreThanThereIsGivesNull) {
  Heap heap;
  EXPECT_EQ(heap.allocate(size_t{1} << 60), nullptr);
  EXPECT_EQ(heap.live(), 0u);
}

TEST(HeapThreads, MayShareIt) {
  Heap heap;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back([&heap, i] { stir(heap, i, 500); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heap.live(), 0u);
}

}  // namespace
}  // namespace hone
