// Attention against its definition in float64: forward, log-sum-exp and every gradient, over packed sequences of
// awkward lengths, head counts and dimensions, in each instruction set this processor has and from plain operators.
#include "tensor/attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/cpu/kernels.h"

namespace hone::tensor {
namespace {

struct Case {
  int64_t heads, kv_heads, dim;
};

struct Gradients {
  Tensor out, dq, dk, dv;
};

/// [T, heads, dim] as [heads, T, dim], heads of keys and values repeated for their group.
Tensor by_head(const Tensor& x, int64_t heads) {
  return x.transpose(0, 1).repeat_interleave(heads / x.size(1), 0);
}

/// The definition, with its derivatives written out, in float64.
Gradients defined(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& dout,
                  const std::vector<int64_t>& cu_seqlens, double scale, AttentionMask mask = AttentionMask::kCausal) {
  std::vector<Tensor> out, dq, dk, dv;
  for (size_t s = 0; s + 1 < cu_seqlens.size(); ++s) {
    const int64_t begin = cu_seqlens[s], length = cu_seqlens[s + 1] - begin, heads = q.size(1);
    const auto part = [&](const Tensor& x) { return by_head(x.narrow(0, begin, length).to(at::kDouble), heads); };
    const Tensor queries = part(q), keys = part(k), values = part(v), upstream = part(dout);
    const Tensor hidden = at::ones({length, length}, at::kBool).triu(mask == AttentionMask::kCausal ? 1 : length);
    const Tensor scores = (at::matmul(queries, keys.transpose(1, 2)) * scale).masked_fill(hidden, -INFINITY);
    const Tensor p = at::softmax(scores, -1);
    const Tensor dp = at::matmul(upstream, values.transpose(1, 2));
    const Tensor ds = p * (dp - (dp * p).sum(-1, true)) * scale;
    const auto grouped = [&](const Tensor& x) {  // [heads, T, dim] to [T, kv_heads, dim]
      return x.view({k.size(1), heads / k.size(1), length, x.size(2)}).sum(1).transpose(0, 1);
    };
    out.push_back(at::matmul(p, values).transpose(0, 1));
    dq.push_back(at::matmul(ds, keys).transpose(0, 1));
    dk.push_back(grouped(at::matmul(ds.transpose(1, 2), queries)));
    dv.push_back(grouped(at::matmul(p.transpose(1, 2), upstream)));
  }
  return {at::cat(out), at::cat(dq), at::cat(dk), at::cat(dv)};
}

void expect_close(const Tensor& got, const Tensor& expected, double bound, const char* what) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  const double scale = std::max(1.0, expected.abs().max().item<double>());
  EXPECT_LE((got.to(at::kDouble) - expected).abs().max().item<double>() / scale, bound) << what;
}

class Attention : public testing::TestWithParam<at::ScalarType> {};

void expect_equal_to_definition(at::ScalarType type, decltype(attention)& forward, decltype(attention_backward)& back,
                                AttentionMask mask) {
  const std::vector<int64_t> cu_seqlens = {0, 1, 6, 70, 135, 300, 303};
  const double bound = type == at::kDouble ? 1e-13 : type == at::kFloat ? 3e-6 : 1.2e-2;
  for (const Case& c :
       {Case{4, 4, 64}, Case{9, 3, 64}, Case{4, 1, 8}, Case{2, 2, 80}, Case{6, 2, 128}, Case{3, 3, 5}}) {
    SCOPED_TRACE(testing::Message() << c.heads << " heads, " << c.kv_heads << " of keys, dim " << c.dim);
    const auto random = [&](int64_t heads) { return at::randn({cu_seqlens.back(), heads, c.dim}).to(type); };
    const Tensor q = random(c.heads), k = random(c.kv_heads), v = random(c.kv_heads), dout = random(c.heads);
    const double scale = 1 / std::sqrt(static_cast<double>(c.dim));
    AttentionSaved saved;
    const Tensor out = forward(q, k, v, cu_seqlens, scale, &saved, mask);
    Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    back(dout, q, k, v, out, saved, cu_seqlens, scale, dq, dk, dv, mask);
    const Gradients expected = defined(q, k, v, dout, cu_seqlens, scale, mask);
    expect_close(out, expected.out, bound, "out");
    expect_close(dq, expected.dq, bound, "dq");
    expect_close(dk, expected.dk, bound, "dk");
    expect_close(dv, expected.dv, bound, "dv");
  }
}

TEST_P(Attention, EqualsItsDefinition) {
  expect_equal_to_definition(GetParam(), attention, attention_backward, AttentionMask::kCausal);
}

TEST_P(Attention, EqualsItsDefinitionWithoutKernels) {
  expect_equal_to_definition(GetParam(), portable::attention, portable::attention_backward, AttentionMask::kCausal);
}

TEST_P(Attention, EqualsItsDefinitionWithoutMask) {
  expect_equal_to_definition(GetParam(), attention, attention_backward, AttentionMask::kNone);
}

TEST_P(Attention, CachedEqualsPacked) {
  const int64_t length = 97, past = 60;
  const Tensor q = at::randn({length, 6, 32}).to(GetParam()), k = at::randn({length, 2, 32}).to(GetParam()),
               v = at::randn({length, 2, 32}).to(GetParam());
  const Tensor whole = attention(q, k, v, std::vector<int64_t>{0, length}, 0.2, nullptr);
  const Tensor keys = k.transpose(0, 1).contiguous(), values = v.transpose(0, 1).contiguous();
  for (const int64_t begin : {int64_t{0}, past, length - 1}) {
    const Tensor part = q.narrow(0, begin, length - begin);
    const Tensor expected = whole.narrow(0, begin, length - begin).to(at::kDouble);
    const double bound = GetParam() == at::kBFloat16 ? 1.6e-2 : 3e-6;
    expect_close(attention_cached(part, keys, values, length, 0.2), expected, bound, "cached");
    expect_close(portable::attention_cached(part, keys, values, length, 0.2), expected, bound, "without kernels");
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Attention, testing::Values(at::kFloat, at::kBFloat16, at::kDouble));

TEST(AttentionKernels, EveryVariantAgrees) {
  const int64_t length = 150, heads = 2, dim = 40;
  const Tensor q = at::randn({length, heads, dim}), k = at::randn({length, heads, dim}),
               v = at::randn({length, heads, dim}), dout = at::randn({length, heads, dim});
  const Gradients expected = defined(q, k, v, dout, {0, length}, 0.3);
  for (const char* name : {"portable", "avx2", "avx512"}) {
    const cpu::Kernels* kernels = cpu::kernels_named(name);
    if (kernels == nullptr) continue;
    SCOPED_TRACE(name);
    Tensor out = at::empty_like(q), dq = at::empty_like(q), dk = at::empty_like(q), dv = at::empty_like(q);
    Tensor sums = at::zeros({length, heads});
    std::vector<float> scratch(static_cast<size_t>(kernels->attention_scratch(length, dim, true)));
    for (int64_t head = 0; head < heads; ++head) {
      const cpu::AttentionItem item{cpu::Type::kFloat32, 0, length, head, heads, heads, dim, 0.3f};
      kernels->attention_forward(item, q.const_data_ptr(), k.const_data_ptr(), v.const_data_ptr(),
                                 out.mutable_data_ptr(), sums.mutable_data_ptr<float>(), scratch.data());
      kernels->attention_backward(item, q.const_data_ptr(), k.const_data_ptr(), v.const_data_ptr(),
                                  out.const_data_ptr(), sums.const_data_ptr<float>(), dout.const_data_ptr(),
                                  dq.mutable_data_ptr(), dk.mutable_data_ptr<float>(), dv.mutable_data_ptr<float>(),
                                  scratch.data());
    }
    expect_close(out, expected.out, 3e-6, "out");
    expect_close(dq, expected.dq, 3e-6, "dq");
    expect_close(dk, expected.dk, 3e-6, "dk");
    expect_close(dv, expected.dv, 3e-6, "dv");
  }
}

TEST(AttentionKernels, LargeScoresStayFinite) {
  const Tensor q = at::full({70, 1, 16}, 1e4), k = at::full({70, 1, 16}, 1e4), v = at::randn({70, 1, 16});
  AttentionSaved saved;
  const std::vector<int64_t> cu_seqlens = {0, 70};
  const Tensor out = attention(q, k, v, cu_seqlens, 1.0, &saved);
  expect_close(out, defined(q, k, v, v, cu_seqlens, 1.0).out, 1e-5, "mean of the values so far");
  Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
  attention_backward(v, q, k, v, out, saved, cu_seqlens, 1.0, dq, dk, dv);
  EXPECT_TRUE(dv.isfinite().all().item<bool>());
}

TEST(AttentionKernels, NothingThatIsNotANumberIsHidden) {
  Tensor q = at::randn({3, 1, 16}), k = at::randn({3, 1, 16});
  const Tensor v = at::randn({3, 1, 16});
  k.select(0, 1).fill_(std::numeric_limits<double>::quiet_NaN());
  const Tensor out = attention(q, k, v, std::vector<int64_t>{0, 3}, 1.0, nullptr);
  EXPECT_TRUE(out.select(0, 0).isfinite().all().item<bool>()) << "the first row does not see the key";
  EXPECT_TRUE(out.select(0, 1).isnan().all().item<bool>());
}

}  // namespace
}  // namespace hone::tensor
