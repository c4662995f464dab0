// Which sanitizer this program is built with: GCC defines a macro, Clang has a feature.
#pragma once

namespace copg::test {

#if defined(__has_feature)
inline constexpr bool under_address_sanitizer = __has_feature(address_sanitizer);
inline constexpr bool under_thread_sanitizer = __has_feature(thread_sanitizer);
#else
inline constexpr bool under_address_sanitizer =
#if defined(__SANITIZE_ADDRESS__)
    true;
#else
    false;
#endif
inline constexpr bool under_thread_sanitizer =
#if defined(__SANITIZE_THREAD__)
    true;
#else
    false;
#endif
#endif

}  // namespace copg::test
