# fmt's headers are among the standard ones of zig.cmake, and only they are wanted.
add_library(fmt::fmt-header-only INTERFACE IMPORTED GLOBAL)
target_compile_definitions(fmt::fmt-header-only INTERFACE FMT_HEADER_ONLY=1)
set(fmt_FOUND TRUE)
