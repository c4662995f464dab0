# Compiles with Zig's Clang, for the glibc that scripts/wheel names and with a C++ library of its own, which is linked in.
# COPG_WHEEL: the folder where scripts/wheel builds. zig/ has the compiler, libs/ has libpq and the headers of Boost, {fmt}
# and CLI11, which the system has in /usr/include: there are also those of another glibc, which must not be seen.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES COPG_WHEEL)
set(CMAKE_C_COMPILER ${COPG_WHEEL}/zig/zig-cc)
set(CMAKE_CXX_COMPILER ${COPG_WHEEL}/zig/zig-c++)
set(CMAKE_AR ${COPG_WHEEL}/zig/zig-ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${COPG_WHEEL}/zig/zig-ranlib CACHE FILEPATH "")
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${COPG_WHEEL}/libs/include)
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR}/find)
set(PostgreSQL_INCLUDE_DIR ${COPG_WHEEL}/libs/include CACHE PATH "")
set(PostgreSQL_TYPE_INCLUDE_DIR ${COPG_WHEEL}/libs/include CACHE PATH "")
set(PostgreSQL_LIBRARY ${COPG_WHEEL}/libs/lib/libpq.a CACHE FILEPATH "")
# One file for each program and module, with what it uses.
string(APPEND CMAKE_C_FLAGS_INIT " -ffunction-sections -fdata-sections")
string(APPEND CMAKE_CXX_FLAGS_INIT " -ffunction-sections -fdata-sections")
foreach(kind IN ITEMS EXE MODULE)
  string(APPEND CMAKE_${kind}_LINKER_FLAGS_INIT " -s -Wl,--gc-sections -Wl,--allow-shlib-undefined")
endforeach()
# Threads that Python ends are unwound by the system's libgcc_s, for whose contexts Zig's own unwinder has no use.
file(GLOB libgcc /lib/*/libgcc_s.so.1)
set(CMAKE_CXX_STANDARD_LIBRARIES "${libgcc}")
