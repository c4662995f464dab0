// The header of Catch2 3, also where version 2 is installed, which calls it otherwise.
#pragma once

#if __has_include(<catch2/catch.hpp>)
#include <catch2/catch.hpp>
#else
#include_next <catch2/catch_test_macros.hpp>
#endif
