# What every target of this project has in common: the language level, the warnings, the sanitizers, hidden visibility.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(COPG_CCACHE ccache)
  mark_as_advanced(COPG_CCACHE)
  if(COPG_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${COPG_CCACHE})
  endif()
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

function(copg_configure_target target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
                                           -Wswitch-enum -Wnon-virtual-dtor -Wold-style-cast
                                           $<$<BOOL:${COPG_WERROR}>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict)  # false alarms in std::string (GCC bug 105651)
  endif()
  if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)  # it takes the files of a unity build for headers
  endif()
  if(COPG_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(COPG_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${COPG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${COPG_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
      # Clang before 17 can't assemble its check of function types where there are coroutines; GCC has none.
      target_compile_options(${target} PRIVATE -fno-sanitize=function)
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)  # instrumented code of Boost's misleads it
    endif()
    if(COPG_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # GCC warns that TSan does not model fences; Boost.Asio's are harmless here.
      target_compile_options(${target} PRIVATE -Wno-tsan)
    endif()
  endif()
endfunction()

# copg_add_layer(name [APART] SOURCES file... LINKS lib...): one layer of the picture in ARCHITECTURE.md. It links only what
# LINKS names, so that a wrong dependency between layers fails to compile or to link. A layer without sources is headers
# alone. APART: it is no part of the library copg.
function(copg_add_layer name)
  cmake_parse_arguments(ARG "APART" "" "SOURCES;LINKS" ${ARGN})
  set(folders ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  if(ARG_SOURCES)
    add_library(copg_${name} STATIC ${ARG_SOURCES})
    target_include_directories(copg_${name} PUBLIC ${folders})
    target_link_libraries(copg_${name} PUBLIC ${ARG_LINKS})
    copg_configure_target(copg_${name})
    if(NOT ARG_APART)
      set_property(GLOBAL APPEND PROPERTY COPG_COMPILED_LAYERS copg_${name})
    endif()
  else()
    add_library(copg_${name} INTERFACE)
    target_include_directories(copg_${name} INTERFACE ${folders})
    target_link_libraries(copg_${name} INTERFACE ${ARG_LINKS})
  endif()
endfunction()

# copg_add_test(name SOURCES file... LINKS lib... [LABELS label...] [TIMEOUT seconds] [ONE_SERVER]): a GoogleTest program,
# each of whose tests is a test of ctest. ONE_SERVER: its tests share a server, so that the program is one test of ctest.
# LABELS: `fast` belongs to `scripts/test fast`, which must stay under a minute; `threads` is worth running under the
# thread sanitizer; `slow` needs minutes. TIMEOUT is per test of ctest, 60 s if not given.
function(copg_add_test name)
  cmake_parse_arguments(ARG "ONE_SERVER" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest_main)
  copg_configure_target(${name})
  # `tests` builds every test program, `tests_<label>` those with the label.
  foreach(target IN ITEMS tests ${ARG_LABELS})
    if(NOT target STREQUAL "tests")
      set(target tests_${target})
    endif()
    if(NOT TARGET ${target})
      add_custom_target(${target})
    endif()
    add_dependencies(${target} ${name})
  endforeach()
  if(ARG_ONE_SERVER)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
                         ENVIRONMENT COPG_POSTGRES_TEMPLATE=${PROJECT_BINARY_DIR}/postgres-template)
    return()
  endif()
  # PRE_TEST: building does not run the program, ctest asks it for its tests.
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 NO_PRETTY_VALUES
                       PROPERTIES TIMEOUT ${ARG_TIMEOUT}
                                  ENVIRONMENT COPG_POSTGRES_TEMPLATE=${PROJECT_BINARY_DIR}/postgres-template)
  # gtest_discover_tests loses all but the first of several labels, so they are set after it has found the tests.
  set(script ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
  file(WRITE ${script} "foreach(test IN LISTS ${name}_TESTS)\n"
                       "  set_tests_properties(\"\${test}\" PROPERTIES LABELS \"${ARG_LABELS}\")\n"
                       "endforeach()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${script})
endfunction()

# copg_run_without_sanitizers(name FILTER): what these tests of a program measure or do is nothing for a sanitizer, under
# which they skip. One test of ctest, which `scripts/test` runs in the debug build.
function(copg_run_without_sanitizers name filter)
  if(NOT COPG_SANITIZE)
    add_test(NAME ${name}_without_sanitizers COMMAND ${name} --gtest_filter=${filter})
    set_tests_properties(${name}_without_sanitizers PROPERTIES LABELS plain TIMEOUT 120
                         ENVIRONMENT COPG_POSTGRES_TEMPLATE=${PROJECT_BINARY_DIR}/postgres-template)
  endif()
endfunction()

# Adds each folder below the given one that has a CMakeLists.txt; what lies deeper inside such a folder is its own affair.
function(copg_add_folders_below top)
  file(GLOB_RECURSE lists CONFIGURE_DEPENDS LIST_DIRECTORIES false ${top}/*/CMakeLists.txt)
  list(SORT lists)
  set(added)
  foreach(list IN LISTS lists)
    cmake_path(GET list PARENT_PATH folder)
    set(inside FALSE)
    foreach(outer IN LISTS added)
      cmake_path(IS_PREFIX outer ${folder} NORMALIZE inside)
      if(inside)
        break()
      endif()
    endforeach()
    if(NOT inside)
      list(APPEND added ${folder})
      add_subdirectory(${folder})
    endif()
  endforeach()
endfunction()
