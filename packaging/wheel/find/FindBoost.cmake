# Boost's headers are among the standard ones of zig.cmake, and only they are wanted.
add_library(Boost::headers INTERFACE IMPORTED GLOBAL)
set(Boost_FOUND TRUE)
