#include "tensor/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/strings.h"
#include "tensor/cpu/kernels.h"
#include "tensor/cuda/library.h"

namespace hone::tensor {
namespace {

/// Loads the CUDA half of libtorch; returns why it could not be, or "".
const std::string& load_cuda() {
  static const std::string failure = [] {
    if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) return std::string(::dlerror());
    return at::hasCUDA() ? std::string() : std::string("no GPU is visible to this process");
  }();
  return failure;
}

std::string cpu_field(const std::string& key) {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (starts_with(line, key)) return std::string(trim(line.substr(line.find(':') + 1)));
  }
  return "";
}

bool cpu_has(const std::string& flag) {
  static const std::string flags = " " + cpu_field("flags") + " ";
  return flags.find(" " + flag + " ") != std::string::npos;
}

/// Of a file of lines such as "VmHWM:   1234 kB", in bytes; 0 where it has none.
int64_t kilobytes(const char* file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (starts_with(line, key)) return std::strtoll(line.c_str() + key.size(), nullptr, 10) * 1024;
  }
  return 0;
}

/// A file of this process's control group (version 2); empty where there is none.
std::string group_file(const std::string& name) {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!starts_with(line, "0::/")) continue;
    std::ifstream file("/sys/fs/cgroup" + line.substr(3) + "/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  return "";
}

/// A single number; 0 for "max".
int64_t group_bytes(const std::string& name) {
  return std::strtoll(group_file(name).c_str(), nullptr, 10);
}

int64_t group_field(const std::string& name, const std::string& key) {
  std::istringstream lines(group_file(name));
  for (std::string line; std::getline(lines, line);) {
    if (starts_with(line, key + " ")) return std::strtoll(line.c_str() + key.size(), nullptr, 10);
  }
  return 0;
}

/// The GPU that "cuda" or "cuda:N" names, once CUDA is loaded.
c10::Device gpu_from_name(const std::string& name) {
  const std::string number = name == "cuda" ? "0" : name.substr(5);
  const int count = c10::impl::VirtualGuardImpl(c10::kCUDA).deviceCount();
  for (int i = 0; i < count; ++i) {
    if (number == std::to_string(i)) return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(i));
  }
  fail_input("device", format("\"%s\" is no GPU that this process sees; it sees %d, from cuda:0", name.c_str(), count));
}

std::string gpu_summary(const c10::Device& device) {
  const auto* kernels = cuda::kernels();
  if (kernels == nullptr) return device.str() + " by libtorch's operators alone (" + cuda::kernels_failure() + ")";
  char name[256] = "";
  kernels->device_name(device.index(), name, sizeof name);
  return device.str() + " " + name + " with hone's kernels";
}

}  // namespace

c10::Device device_from_name(const std::string& name) {
  if (name == "cpu") return c10::Device(c10::kCPU);
  if (name == "auto") return load_cuda().empty() ? gpu_from_name("cuda") : c10::Device(c10::kCPU);
  if (name == "cuda" || starts_with(name, "cuda:")) {
    if (!load_cuda().empty()) {
      fail_input("device", "\"" + name + "\" cannot be used: " + load_cuda(),
                 "install NVIDIA's driver and the CUDA libraries of torch (docs/dependencies.md), or use device: cpu");
    }
    return gpu_from_name(name);
  }
  fail_input("device", "\"" + name + "\" is unknown; known: auto, cpu, cuda, cuda:N");
}

bool multiplies_bf16(const c10::Device& device) {
  return device.is_cuda() || cpu_has("avx512_bf16") || cpu_has("amx_bf16") ||
         cpu_field("Features").find("bf16") != std::string::npos;
}

c10::ScalarType dtype_from_name(const std::string& name, const std::string& place) {
  if (name == "float32" || name == "fp32" || name == "float") return at::kFloat;
  if (name == "bfloat16" || name == "bf16") return at::kBFloat16;
  if (name == "float16" || name == "fp16" || name == "half") return at::kHalf;
  if (name == "float64" || name == "double") return at::kDouble;
  fail_input(place, "\"" + name + "\" is not a type;" + did_you_mean(name, {"float32", "bfloat16", "float16"}) +
                        " known: float32, bfloat16, float16");
}

c10::ScalarType compute_dtype_from_name(const std::string& name, const std::string& place, const c10::Device& device) {
  if (name == "auto") return multiplies_bf16(device) ? at::kBFloat16 : at::kFloat;
  const c10::ScalarType type = dtype_from_name(name, place);
  if (type == at::kHalf && !device.is_cuda())
    fail_input(place, "float16 arithmetic needs a GPU", "use bfloat16 or float32");
  return type;
}

std::string dtype_name(c10::ScalarType type) {
  switch (type) {
    case at::kFloat: return "float32";
    case at::kBFloat16: return "bfloat16";
    case at::kHalf: return "float16";
    case at::kDouble: return "float64";
    default: return c10::toString(type);
  }
}

void set_threads(int count) {
  at::set_num_threads(count > 0 ? count : static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
}

int threads() {
  return at::get_num_threads();
}

bool only_portable() {
  static const bool asked = [] {
    const char* wanted = std::getenv("HONE_KERNELS");
    return wanted != nullptr && std::strcmp(wanted, "none") == 0;
  }();
  return asked;
}

int64_t peak_memory_bytes(const c10::Device& device) {
  if (!device.is_cpu()) {
    const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
    return stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  }
  return kilobytes("/proc/self/status", "VmHWM:");
}

int64_t resident_bytes() {
  return kilobytes("/proc/self/status", "VmRSS:");
}

int64_t available_memory_bytes(const c10::Device& device) {
  if (!device.is_cpu()) return 0;
  const int64_t machine = kilobytes("/proc/meminfo", "MemAvailable:");
  const int64_t limit = group_bytes("memory.max"), used = group_bytes("memory.current");
  // Pages of files count as used there, but give way.
  const int64_t files = group_field("memory.stat", "inactive_file");
  const int64_t group = limit > 0 ? std::min(machine, limit - used + files) : machine;
  rlimit own{};
  if (::getrlimit(RLIMIT_DATA, &own) != 0 || own.rlim_cur == RLIM_INFINITY) return group;
  const int64_t left = static_cast<int64_t>(own.rlim_cur) - kilobytes("/proc/self/status", "VmData:");
  return std::min(group, std::max<int64_t>(1, left));
}

std::string processor_summary(const c10::Device& device) {
  const std::string processor =
      cpu_field("model name") + format(" (%d threads, %s kernels%s)", threads(),
                                       only_portable() ? "no" : cpu::kernels().name,
                                       multiplies_bf16(c10::Device(c10::kCPU)) ? ", multiplies bf16" : "");
  return device.is_cuda() ? processor + "; " + gpu_summary(device) : processor;
}

}  // namespace hone::tensor
