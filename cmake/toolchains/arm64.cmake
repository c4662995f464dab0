# Compiles for arm64 with Debian's cross compiler. COPG_SYSROOT: a folder with the packages of arm64 unpacked, as
# scripts/test-platforms makes it. Tests run under qemu-user.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES COPG_SYSROOT)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_SYSROOT ${COPG_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind IN ITEMS LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${COPG_SYSROOT})
# Libraries of libraries, which are found where they will be at run time.
set(CMAKE_EXE_LINKER_FLAGS_INIT -Wl,-rpath-link,${COPG_SYSROOT}/usr/lib/aarch64-linux-gnu)
set(CMAKE_SHARED_LINKER_FLAGS_INIT -Wl,-rpath-link,${COPG_SYSROOT}/usr/lib/aarch64-linux-gnu)
