# libhone_cuda.so, the GPU kernels, where a CUDA toolkit is found (HONE_CUDA: AUTO, ON = required, OFF).
# It is opened at run time (src/tensor/cuda/library.cpp); nothing links to it, so a program built with it
# also runs where there is no GPU and no driver.
set(HONE_CUDA AUTO CACHE STRING "Build the GPU kernels: AUTO (where nvcc is found), ON (an error without it), OFF")
set_property(CACHE HONE_CUDA PROPERTY STRINGS AUTO ON OFF)
# Machine code for Ampere (8.0; 8.6 also runs on 8.9) and Hopper (9.0), and PTX for what comes after.
set(HONE_CUDA_ARCHITECTURES "80-real;86-real;90" CACHE STRING "GPU architectures, as in CMAKE_CUDA_ARCHITECTURES")
set(HONE_CUDA_FOUND OFF)
# The programs look for it where they lie themselves, the tests also one folder up.
set(CMAKE_BUILD_RPATH "$ORIGIN;$ORIGIN/..")
if(HONE_CUDA STREQUAL "OFF" OR HONE_SANITIZE)
  return()
endif()

include(CheckLanguage)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_CUDA_HOST_COMPILER)
  set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
endif()
set(CMAKE_CUDA_ARCHITECTURES ${HONE_CUDA_ARCHITECTURES})
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(HONE_CUDA STREQUAL "ON")
    message(FATAL_ERROR "HONE_CUDA=ON, but no nvcc that works was found: put it on PATH, or name it in CUDACXX.")
  endif()
  message(STATUS "GPU kernels: none (no CUDA toolkit was found)")
  return()
endif()
if(CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
enable_language(CUDA)
set(HONE_CUDA_FOUND ON)
list(JOIN HONE_CUDA_ARCHITECTURES " " architectures)
message(STATUS "GPU kernels: nvcc ${CMAKE_CUDA_COMPILER_VERSION} for ${architectures}")
