# torch::cpu, an imported target for the libtorch inside an installed torch package.
#
# find_package(Torch) aborts on a CUDA wheel where no CUDA toolkit is installed, and drags in
# far more than we link. libtorch_cuda is never linked: src/tensor/device.cpp loads it at run
# time when a GPU is asked for, so the same program runs with and without one.
if(DEFINED ENV{HONE_TORCH_DIR})
  # Kept, since the build tool configures again by itself, where the variable may be unset.
  set(HONE_TORCH_DIR $ENV{HONE_TORCH_DIR} CACHE PATH "Folder of an installed torch package (holds lib/ and include/)" FORCE)
endif()
if(NOT HONE_TORCH_DIR)
  file(GLOB candidates ${CMAKE_SOURCE_DIR}/build/python-engine/lib/python3*/site-packages/torch)
  if(candidates)
    list(GET candidates 0 HONE_TORCH_DIR)
  endif()
endif()
if(NOT EXISTS ${HONE_TORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "no libtorch at '${HONE_TORCH_DIR}'. Run tools/setup.sh build, or point "
                      "HONE_TORCH_DIR at the torch folder of a Python environment that has torch.")
endif()
get_filename_component(HONE_TORCH_DIR ${HONE_TORCH_DIR} REALPATH)
message(STATUS "libtorch: ${HONE_TORCH_DIR}")

add_library(torch_c10 SHARED IMPORTED)
set_target_properties(torch_c10 PROPERTIES IMPORTED_LOCATION ${HONE_TORCH_DIR}/lib/libc10.so)
add_library(torch_cpu SHARED IMPORTED)
set_target_properties(torch_cpu PROPERTIES IMPORTED_LOCATION ${HONE_TORCH_DIR}/lib/libtorch_cpu.so)
add_library(torch::cpu INTERFACE IMPORTED)
target_link_libraries(torch::cpu INTERFACE torch_cpu torch_c10)
# -idirafter keeps the wheel's own copies of fmt, protobuf and others behind the system's.
target_compile_options(torch::cpu INTERFACE
  "SHELL:-idirafter \"${HONE_TORCH_DIR}/include\""
  "SHELL:-idirafter \"${HONE_TORCH_DIR}/include/torch/csrc/api/include\""
  -Wno-unused-parameter -Wno-shadow -Wno-pedantic -Wno-deprecated-declarations)
target_compile_definitions(torch::cpu INTERFACE AT_PER_OPERATOR_HEADERS)

# The two CUDA libraries that libtorch_cpu.so names even for CPU work lie beside it in the wheel.
file(GLOB cuda_runtime ${HONE_TORCH_DIR}/../nvidia/*/lib)
set(HONE_TORCH_RPATH ${HONE_TORCH_DIR}/lib ${cuda_runtime})
target_link_options(torch::cpu INTERFACE -Wl,--allow-shlib-undefined)
list(JOIN HONE_TORCH_RPATH ":" rpath)
# DT_RPATH, not DT_RUNPATH: the CUDA libraries are needed by libtorch_cpu.so, not by us.
target_link_options(torch::cpu INTERFACE "-Wl,--disable-new-dtags,-rpath,${rpath}")

# OpenMP: libtorch brings its own libgomp; a second one in the process would mean a second set of
# threads, so ours is that one.
file(GLOB torch_gomp ${HONE_TORCH_DIR}/lib/libgomp*.so* ${HONE_TORCH_DIR}/../torch.libs/libgomp*.so*)
add_library(torch::openmp INTERFACE IMPORTED)
if(torch_gomp)
  list(GET torch_gomp 0 torch_gomp)
  add_library(torch_gomp SHARED IMPORTED)
  set_target_properties(torch_gomp PROPERTIES IMPORTED_LOCATION ${torch_gomp})
  target_link_libraries(torch::openmp INTERFACE torch_gomp)
else()
  target_link_options(torch::openmp INTERFACE -fopenmp)
endif()
