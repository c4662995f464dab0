# CLI11's headers are among the standard ones of zig.cmake, and only they are wanted.
add_library(CLI11::CLI11 INTERFACE IMPORTED GLOBAL)
set(CLI11_FOUND TRUE)
