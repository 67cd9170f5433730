# hone_layer(NAME [DEPENDS targets…]): the static library hone_NAME from every .cpp below the
# current folder.
function(hone_layer name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources) # a layer of headers alone
    add_library(hone_${name} INTERFACE)
    target_include_directories(hone_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
    target_link_libraries(hone_${name} INTERFACE ${ARG_DEPENDS})
    return()
  endif()
  add_library(hone_${name} STATIC ${sources})
  target_include_directories(hone_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(hone_${name} PUBLIC ${ARG_DEPENDS} PRIVATE hone_flags ${ARG_PRIVATE_DEPENDS})
endfunction()

# hone_layer_tests(NAME [THREADS]): one GoogleTest program from tests/NAME/*_test.cpp. THREADS marks a
# layer with objects that several threads may use at once: the tests that have Threads in their name are
# what a build for ThreadSanitizer runs (the others, one thread each, would only be slow there).
function(hone_layer_tests name)
  cmake_parse_arguments(ARG "THREADS" "" "" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(hone_${name}_tests ${sources})
  target_include_directories(hone_${name}_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  # Tests are started in the root of the sources. An absolute path here would mean that no object of
  # another clone could be taken from ccache.
  target_compile_definitions(hone_${name}_tests PRIVATE HONE_SOURCE_DIR=".")
  target_link_libraries(hone_${name}_tests PRIVATE hone_${name} hone_flags GTest::gtest_main)
  add_test(NAME ${name} COMMAND hone_${name}_tests WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 900
    ENVIRONMENT "${quiet_threads};GTEST_OUTPUT=xml:${CMAKE_BINARY_DIR}/reports/${name}.xml")
  add_dependencies(unit_tests hone_${name}_tests)
  if(ARG_THREADS)
    add_dependencies(thread_tests hone_${name}_tests)
    if(HONE_SANITIZE STREQUAL "thread")
      add_test(NAME ${name}.threads COMMAND hone_${name}_tests --gtest_filter=*Threads*
               WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
      set_tests_properties(${name}.threads PROPERTIES LABELS threads TIMEOUT 900
        ENVIRONMENT "GTEST_OUTPUT=xml:${CMAKE_BINARY_DIR}/reports/${name}.threads.xml")
    endif()
  endif()
endfunction()
