// Config from and to a URL. The grammar is libpq's (docs 34.1.1.2), with the last '@' and not the first one
// before the host, as most other URL parsers have it. No message of this file may show a password, or what
// could be a piece of one.
#include <copg/config.hpp>
#include <copg/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ostream>

#include "config/config_values.hpp"

namespace copg {
namespace {

[[noreturn]] void reject_url(std::string_view rule) {
  throw ConfigurationError(fmt::format("the database URL can't be understood: {}", rule));
}

std::string percent_decode(std::string_view what, std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    unsigned char byte = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (read.ptr != digits.data() + 2)
      reject_url(fmt::format("in its {}, '%' must be followed by two hexadecimal digits", what));
    if (byte == 0) reject_url(fmt::format("its {} has %00, which can't be sent", what));
    result += static_cast<char>(byte);
    i += 2;
  }
  return result;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string result;
  for (const char c : text) {
    if (plain.find(c) != std::string_view::npos) {
      result += c;
    } else {
      result += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

/// What is before the first `separator`; `rest` is left with what comes after it, or nothing.
std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view before = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return before;
}

/// False for nothing but the commas of a list: as the authority of a URL that says that no host was given.
bool names_host(std::string_view hosts) noexcept {
  return hosts.find_first_not_of(',') != std::string_view::npos;
}

class UrlReader {
 public:
  Config read(std::string_view url) {
    const std::size_t colon = url.find("://");
    if (colon == std::string_view::npos) reject_url("it must begin with postgresql://");
    std::string_view scheme = url.substr(0, colon);
    scheme = scheme.substr(0, scheme.find('+'));
    if (scheme != "postgresql" && scheme != "postgres") reject_url("it must begin with postgresql://");
    std::string_view rest = url.substr(colon + 3);

    const std::size_t question = std::min(rest.find('?'), rest.size());
    std::string_view query = rest.substr(std::min(question + 1, rest.size()));
    rest = rest.substr(0, question);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    // "user:pass/word@host": what looks like the port may be a piece of the password.
    secret_ = rest.find('@', slash) != std::string_view::npos || query.find('@') != std::string_view::npos;
    read_authority(rest.substr(0, slash));
    if (slash + 1 < rest.size()) database_ = percent_decode("database name", rest.substr(slash + 1));
    while (!query.empty()) read_option(cut(query, '&'));
    return finish();
  }

 private:
  void read_authority(std::string_view authority) {
    const std::size_t at = authority.rfind('@');
    if (at != std::string_view::npos) {
      std::string_view user_info = authority.substr(0, at);
      user_ = percent_decode("user name", cut(user_info, ':'));
      config_.password = percent_decode("password", user_info);
      authority.remove_prefix(at + 1);
    }
    std::string hosts;
    std::string ports;
    while (true) {
      const std::size_t end = std::min(authority.find(','), authority.size());
      read_host(authority.substr(0, end), hosts, ports);
      if (end == authority.size()) break;
      authority.remove_prefix(end + 1);
      hosts += ',';
      ports += ',';
    }
    if (names_host(hosts)) hosts_ = hosts;
    if (ports.find_first_not_of(',') != std::string::npos) ports_ = ports;
  }

  void read_host(std::string_view text, std::string& hosts, std::string& ports) const {
    std::string_view host = text;
    std::string_view port;
    if (text.starts_with('[')) {
      const std::size_t close = text.find(']');
      if (close == std::string_view::npos) reject_url("an IPv6 address must end with ']'");
      host = text.substr(1, close - 1);
      if (host.empty()) reject_url("an IPv6 address is empty");
      const std::string_view after = text.substr(close + 1);
      if (!after.empty() && !after.starts_with(':')) reject_url("only a port may follow an IPv6 address");
      port = after.substr(std::min<std::size_t>(1, after.size()));
    } else {
      host = cut(port = text, ':');
    }
    if (secret_ && port.find_first_not_of("0123456789") != std::string_view::npos) {
      reject_url("'/', '?' and '#' in the user name or the password must be percent-encoded");
    }
    hosts += percent_decode("host", host);
    ports += percent_decode("port", port);
  }

  void read_option(std::string_view option) {
    if (option.empty()) return;
    if (option.find('=') == std::string_view::npos) reject_url("each part of its query must be key=value");
    std::string_view rest = option;
    const std::string key = percent_decode("query", cut(rest, '='));
    std::string value = percent_decode("query", rest);
    if (key == "host") {
      hosts_ = std::move(value);
    } else if (key == "port") {
      ports_ = std::move(value);
    } else if (key == "dbname") {
      database_ = std::move(value);
    } else if (key == "user") {
      user_ = std::move(value);
    } else if (key == "password") {
      config_.password = std::move(value);
    } else if (key == "sslmode") {
      config_.sslmode = std::move(value);
    } else if (key == "ssl") {
      // As in libpq, for the sake of JDBC's URLs.
      if (value != "true") detail::reject_option(key, value, "it must be true; say sslmode otherwise");
      config_.sslmode = "require";
    } else if (key == "statement_timeout") {
      config_.statement_timeout = detail::parse_timeout(key, value);
    } else {
      config_.options[key] = std::move(value);
    }
  }

  Config finish() {
    const bool service = config_.options.contains("service") || !detail::environment("PGSERVICE").empty();
    const Config defaults = service ? detail::config_without_defaults() : Config{};
    config_.host = hosts_.value_or(defaults.host);
    config_.port = defaults.port;
    if (ports_) detail::set_ports(config_, "port", *ports_);
    config_.database = database_.value_or(defaults.database);
    config_.user = user_ ? *user_ : defaults.user;
    config_.validate();
    return std::move(config_);
  }

  Config config_;
  bool secret_ = false;
  std::optional<std::string> hosts_;
  std::optional<std::string> ports_;
  std::optional<std::string> database_;
  std::optional<std::string> user_;
};

constexpr std::string_view hidden = "***";

std::string to_url(const Config& config, bool show_password) {
  std::string url = "postgresql://";
  std::string query;
  const auto ask = [&query](std::string_view key, std::string_view value) {
    query += fmt::format("{}{}={}", query.empty() ? '?' : '&', key, value);
  };
  if (!config.user.empty()) url += percent_encode(config.user);
  if (!config.password.empty()) {
    url += ':';
    url += show_password ? percent_encode(config.password) : std::string(hidden);
  }
  if (!config.user.empty() || !config.password.empty()) url += '@';

  std::string_view hosts = config.host;
  const bool named = names_host(hosts);
  for (bool more = named; more;) {
    more = hosts.find(',') != std::string_view::npos;
    const std::string_view host = cut(hosts, ',');
    const bool address = host.find(':') != std::string_view::npos && !host.starts_with('/');
    url += address ? fmt::format("[{}]", percent_encode(host)) : percent_encode(host);
    if (config.port != 0) url += fmt::format(":{}", config.port);
    if (more) url += ',';
  }
  url += '/';
  url += percent_encode(config.database);

  // What is empty would come back as the default, unless it is said to be empty.
  if (!named) ask("host", percent_encode(config.host));
  if (config.port == 0 || !named) ask("port", config.port == 0 ? "" : std::to_string(config.port));
  if (config.database.empty()) ask("dbname", "");
  if (config.user.empty()) ask("user", "");
  if (!config.sslmode.empty()) ask("sslmode", percent_encode(config.sslmode));
  if (config.statement_timeout) ask("statement_timeout", std::to_string(config.statement_timeout->count()));
  for (const auto& [key, value] : config.options) {
    const bool secret = key == "password" || key == "sslpassword" ||
                        key.find("secret") != std::string::npos || key.starts_with("scram_");
    ask(percent_encode(key), secret && !show_password ? std::string(hidden) : percent_encode(value));
  }
  return url + query;
}

}  // namespace

Config Config::from_url(std::string_view url) { return UrlReader().read(url); }

std::string Config::dsn() const { return to_url(*this, true); }

std::string to_string(const Config& config) { return to_url(config, false); }

std::ostream& operator<<(std::ostream& out, const Config& config) { return out << to_string(config); }

}  // namespace copg
