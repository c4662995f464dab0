# A project that has copg's sources inside, with add_subdirectory and with FetchContent: it is configured, one file of it is
# compiled, and what would be built is looked over. WHOLE=ON also builds and runs it, which takes a minute on two cores.

include(${CMAKE_CURRENT_LIST_DIR}/run_command.cmake)

file(REMOVE_RECURSE ${WORK})
set(configure ${CMAKE_COMMAND} -G Ninja -S ${PROJECT} -D COPG=${COPG} -D CMAKE_CXX_COMPILER=${COMPILER}
              -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
run(${configure} -D WAY=fetch -B ${WORK}/fetch)
# As one unit each, which is quicker from nothing.
run(${configure} -D CMAKE_UNITY_BUILD=ON -D CMAKE_UNITY_BUILD_BATCH_SIZE=0 -B ${WORK}/inside)
execute_process(COMMAND ninja -C ${WORK}/inside -t commands all OUTPUT_VARIABLE commands COMMAND_ERROR_IS_FATAL ANY)
# It costs what it links, and nothing more.
foreach(wanted IN ITEMS libcopg.a libcopg_testing.a libpq)
  if(NOT commands MATCHES ${wanted})
    message(FATAL_ERROR "the program is not linked with ${wanted}:\n${commands}")
  endif()
endforeach()
foreach(unwanted IN ITEMS libcopg.so libcopg_testing.so libcopg_monitor -Werror)
  if(commands MATCHES ${unwanted})
    message(FATAL_ERROR "${unwanted} is there, though nothing asks for it:\n${commands}")
  endif()
endforeach()
if(WHOLE)
  run(${CMAKE_COMMAND} --build ${WORK}/inside)
  run(${WORK}/inside/consumer)
else()
  run(ninja -C ${WORK}/inside CMakeFiles/consumer.dir/Unity/unity_0_cxx.cxx.o)
endif()
file(REMOVE_RECURSE ${WORK})
