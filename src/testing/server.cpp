// See testing/server.hpp of the public headers.
#include <copg/testing/server.hpp>

#include <memory>
#include <string>
#include <utility>

#include "testing/throwaway_postgres.hpp"

namespace copg::testing {

Server::Server(ServerOptions options)
    : postgres_(std::make_unique<ThrowawayPostgres>(ThrowawayOptions{
          .settings = std::move(options.settings), .tcp = false, .start_timeout = options.start_timeout})),
      url_(postgres_->url()),
      socket_folder_(postgres_->socket_folder()) {}

Server::~Server() = default;

std::string Server::log() const { return postgres_ ? postgres_->log() : std::string(); }

void Server::close() noexcept { postgres_.reset(); }

}  // namespace copg::testing
