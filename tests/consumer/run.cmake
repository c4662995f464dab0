# Installs the build BUILD into a fresh folder below WORK and builds PROJECT against it, in each way a user may.
# The installed tree is moved before it is used: nothing in it may remember where it was installed.

include(${CMAKE_CURRENT_LIST_DIR}/run_command.cmake)

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/installed)
set(prefix "${WORK}/moved here")
file(RENAME ${WORK}/installed ${prefix})
set(with_postgres ${prefix}/bin/copg with-postgres --)
if(NOT EXISTS "${prefix}/share/man/man1/copg.1")
  message(FATAL_ERROR "the manual page of copg is not installed where man looks for it")
endif()
if(NOT EXISTS "${prefix}/share/bash-completion/completions/copg")
  message(FATAL_ERROR "the completion of copg is not installed where bash looks for it")
endif()

# find_package: the static and the shared library, and each header on its own.
run(${CMAKE_COMMAND} -G Ninja -S ${PROJECT} -B ${WORK}/package -D CMAKE_PREFIX_PATH=${prefix}
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} -D CMAKE_BUILD_TYPE=Debug)
run(${CMAKE_COMMAND} --build ${WORK}/package)
run(${with_postgres} ${WORK}/package/consumer_static)
run(${with_postgres} ${WORK}/package/consumer_shared)
run(${with_postgres} ${WORK}/package/consumer_monitor)
run(${with_postgres} ${WORK}/package/consumer_monitor_shared)
run(${WORK}/package/consumer_testing)

# pkg-config, which splits at spaces: from a path without one.
file(RENAME ${prefix} ${WORK}/moved)
set(prefix ${WORK}/moved)
set(with_postgres ${prefix}/bin/copg with-postgres --)
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
find_program(pkg_config NAMES pkg-config pkgconf REQUIRED)
function(flags_of result)
  execute_process(COMMAND ${pkg_config} --cflags --libs ${ARGN} OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  set(${result} ${flags} PARENT_SCOPE)
endfunction()
flags_of(shared_flags copg)
flags_of(monitor_flags copg_monitor)
foreach(kind IN ITEMS shared monitor)
  list(APPEND ${kind}_flags -Wl,-rpath,${prefix}/${LIBDIR})
endforeach()
# Both libraries are there, and -lcopg would take the shared one.
flags_of(static_flags --static copg)
list(TRANSFORM static_flags REPLACE "^-lcopg$" "-l:libcopg.a")
foreach(kind IN ITEMS shared static monitor)
  set(source main)
  if(EXISTS ${PROJECT}/${kind}.cpp)
    set(source ${kind})
  endif()
  run(${LAUNCHER} ${COMPILER} -std=c++20 -c ${PROJECT}/${source}.cpp -o ${WORK}/main.o ${${kind}_flags})
  run(${COMPILER} ${WORK}/main.o -o ${WORK}/consumer_${kind} ${${kind}_flags})
  run(${with_postgres} ${WORK}/consumer_${kind})
endforeach()

file(REMOVE_RECURSE ${WORK})
