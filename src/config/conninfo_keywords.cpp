// The table; to be extended when libpq grows a keyword.
#include "config/conninfo_keywords.hpp"

#include <algorithm>

namespace copg::detail {
namespace {

// PQconninfoOptions in libpq's fe-connect.c. Keywords that no libpq since 14 has are left out.
constexpr ConninfoKeyword keywords[] = {
    {"service", "PGSERVICE"},
    {"servicefile", "PGSERVICEFILE", 18},
    {"user", "PGUSER"},
    {"password", "PGPASSWORD"},
    {"passfile", "PGPASSFILE"},
    {"channel_binding", "PGCHANNELBINDING"},
    {"connect_timeout", "PGCONNECT_TIMEOUT"},
    {"dbname", "PGDATABASE"},
    {"host", "PGHOST"},
    {"hostaddr", "PGHOSTADDR"},
    {"port", "PGPORT"},
    {"client_encoding", "PGCLIENTENCODING"},
    {"options", "PGOPTIONS"},
    {"application_name", "PGAPPNAME"},
    {"fallback_application_name", ""},
    {"keepalives", ""},
    {"keepalives_idle", ""},
    {"keepalives_interval", ""},
    {"keepalives_count", ""},
    {"tcp_user_timeout", ""},
    {"sslmode", "PGSSLMODE"},
    {"sslnegotiation", "PGSSLNEGOTIATION", 17},
    {"sslcompression", "PGSSLCOMPRESSION"},
    {"sslcert", "PGSSLCERT"},
    {"sslkey", "PGSSLKEY"},
    {"sslcertmode", "PGSSLCERTMODE", 16},
    {"sslpassword", ""},
    {"sslrootcert", "PGSSLROOTCERT"},
    {"sslcrl", "PGSSLCRL"},
    {"sslcrldir", "PGSSLCRLDIR"},
    {"sslsni", "PGSSLSNI"},
    {"requirepeer", "PGREQUIREPEER"},
    {"require_auth", "PGREQUIREAUTH", 16},
    {"min_protocol_version", "PGMINPROTOCOLVERSION", 18},
    {"max_protocol_version", "PGMAXPROTOCOLVERSION", 18},
    {"ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"},
    {"ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"},
    {"gssencmode", "PGGSSENCMODE"},
    {"krbsrvname", "PGKRBSRVNAME"},
    {"gsslib", "PGGSSLIB"},
    {"gssdelegation", "PGGSSDELEGATION", 17},
    {"replication", ""},
    {"target_session_attrs", "PGTARGETSESSIONATTRS"},
    {"load_balance_hosts", "PGLOADBALANCEHOSTS", 16},
    {"scram_client_key", "", 18},
    {"scram_server_key", "", 18},
    {"oauth_issuer", "", 18},
    {"oauth_client_id", "", 18},
    {"oauth_client_secret", "", 18},
    {"oauth_scope", "", 18},
    {"sslkeylogfile", "", 18},
};

}  // namespace

std::span<const ConninfoKeyword> conninfo_keywords() noexcept { return keywords; }

bool is_conninfo_keyword(std::string_view name) noexcept {
  return std::any_of(std::begin(keywords), std::end(keywords),
                     [name](const ConninfoKeyword& keyword) { return keyword.name == name; });
}

}  // namespace copg::detail
