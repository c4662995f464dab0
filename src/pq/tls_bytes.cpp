// Asks the OpenSSL that libpq uses, without linking to any: there may be several in one process.
#include "pq/tls_bytes.hpp"

#include <dlfcn.h>

/// OpenSSL's, of what is linked: null if the linker knows of none.
extern "C" [[gnu::weak]] int SSL_pending(const void* ssl);

namespace copg::pq {
namespace {

using CountPending = int (*)(const void* ssl);

CountPending find_count_pending() noexcept {
  Dl_info libpq{};
  if (dladdr(reinterpret_cast<const void*>(&PQsslStruct), &libpq) == 0) return nullptr;
  // Where both are linked in, nothing that could be looked up has the name. Else it may be that of another
  // OpenSSL.
  Dl_info openssl{};
  const CountPending linked = &SSL_pending;
  const bool known = linked != nullptr && dladdr(reinterpret_cast<const void*>(linked), &openssl) != 0;
  if (known && openssl.dli_fbase == libpq.dli_fbase) return linked;
  void* const found = dlopen(libpq.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  void* const library = found != nullptr ? found : RTLD_DEFAULT;  // libpq is part of the program itself
  return reinterpret_cast<CountPending>(dlsym(library, "SSL_pending"));
}

}  // namespace

bool tls_holds_bytes(PGconn* conn) noexcept {
  static const CountPending count_pending = find_count_pending();
  const void* const ssl = PQsslStruct(conn, "OpenSSL");
  return ssl != nullptr && count_pending != nullptr && count_pending(ssl) > 0;
}

}  // namespace copg::pq
