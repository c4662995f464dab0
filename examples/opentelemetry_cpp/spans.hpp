// An observer that makes a span of OpenTelemetry of each call that sends statements.
#pragma once

#include <copg/error.hpp>
#include <copg/observer.hpp>

#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/span.h>
#include <opentelemetry/trace/span_startoptions.h>
#include <opentelemetry/trace/tracer.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

/// The names are those of the semantic conventions for databases. Parameters are never told, and literals in
/// a text as they stand. The parent of a span is the current one of the thread that makes the call: with
/// Boost.Asio that is whatever the program has made current where it awaits.
class Spans final : public copg::Observer {
 public:
  /// `database`: what the spans call it.
  explicit Spans(std::string database) : database_(std::move(database)) {}

  /// What else happens in the pool is for metrics and logs.
  [[nodiscard]] bool wants(copg::Hook hook) const noexcept override {
    return hook == copg::Hook::statement_began || hook == copg::Hook::statement_ended;
  }

  [[nodiscard]] std::shared_ptr<void> statement_began(
      const copg::event::StatementBegan& event) noexcept override {
    namespace trace = opentelemetry::trace;
    const auto tracer = trace::Provider::GetTracerProvider()->GetTracer("copg", "0.1.0");
    trace::StartSpanOptions options;
    options.kind = trace::SpanKind::kClient;
    const std::string text(event.text);
    auto span = tracer->StartSpan(summary_of(event),
                                  {{"db.system.name", "postgresql"},
                                   {"db.namespace", database_},
                                   {"db.query.text", text},
                                   {"db.client.connection.pool.name", std::string(event.pool)}},
                                  options);
    if (event.statements > 1)
      span->SetAttribute("db.operation.batch.size", static_cast<std::int64_t>(event.statements));
    return std::make_shared<Kept>(std::move(span));
  }

  void statement_ended(const copg::event::StatementEnded& event,
                       const std::shared_ptr<void>& begun) noexcept override {
    if (!begun) return;
    const Kept& span = *std::static_pointer_cast<Kept>(begun);
    span->SetAttribute("copg.wait_s", std::chrono::duration<double>(event.wait).count());
    if (event.error != nullptr) {
      const std::string state = event.error->sqlstate.text();
      if (!state.empty()) span->SetAttribute("db.response.status_code", state);
      span->SetAttribute("error.type", state.empty() ? std::string(to_string(event.error->kind)) : state);
      span->SetStatus(opentelemetry::trace::StatusCode::kError, event.error->message);
    } else if (event.abandoned) {
      span->SetAttribute("error.type", "abandoned");
      span->SetStatus(opentelemetry::trace::StatusCode::kError);
    } else {
      span->SetAttribute("db.response.returned_rows", event.rows);
    }
    span->End();
  }

 private:
  using Kept = opentelemetry::nostd::shared_ptr<opentelemetry::trace::Span>;

  /// The first word of the text, such as SELECT.
  static std::string summary_of(const copg::event::StatementBegan& event) {
    if (event.statements > 1) return "BATCH";
    constexpr std::string_view space = " \t\r\n";
    std::string_view text = event.text;
    text.remove_prefix(std::min(text.find_first_not_of(space), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(space));
    return std::string(word.empty() ? to_string(event.verb) : word);
  }

  const std::string database_;
};
