# What every target of this project has in common: the language level, the warnings, the sanitizers, hidden visibility.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

function(copg_configure_target target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
                                           -Wswitch-enum -Wnon-virtual-dtor -Wold-style-cast -Werror)
  if(COPG_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${COPG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${COPG_SANITIZE})
  endif()
endfunction()

# copg_add_layer(name LINKS lib...): one layer of the picture in ARCHITECTURE.md. It links only what LINKS names, so
# that a wrong dependency between layers fails to compile or to link.
function(copg_add_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(copg_${name} STATIC ${ARG_SOURCES})
  target_include_directories(copg_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(copg_${name} PUBLIC ${ARG_LINKS})
  copg_configure_target(copg_${name})
endfunction()
