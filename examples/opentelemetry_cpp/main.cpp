// Two statements, one of which fails, as spans on standard output: a parent, and a span for each below it.
//
// Built where opentelemetry-cpp is installed, with its exporter to a stream. DATABASE_URL, or DB_HOST and so
// on, say where the server is.
#include <copg/copg.hpp>

#include <opentelemetry/exporters/ostream/span_exporter_factory.h>
#include <opentelemetry/sdk/trace/simple_processor_factory.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/sdk/trace/tracer_provider_factory.h>
#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/scope.h>

#include <cstdio>
#include <exception>
#include <memory>

#include "opentelemetry_cpp/spans.hpp"

namespace {

void serve(copg::PooledDatabase& db) {
  namespace trace = opentelemetry::trace;
  const auto tracer = trace::Provider::GetTracerProvider()->GetTracer("example");
  const trace::Scope request(tracer->StartSpan("request"));  // the current span of this thread
  const auto three = db.fetch_val<int>("SELECT $1::int + 2", 1);
  std::printf("%d\n", three);
  try {
    db.execute("SELECT 1 / 0");
  } catch (const copg::QueryFailed& error) {
    std::printf("%s\n", error.what());
  }
}

}  // namespace

int main() {
  namespace sdk = opentelemetry::sdk::trace;
  std::shared_ptr<opentelemetry::trace::TracerProvider> provider =
      sdk::TracerProviderFactory::Create(sdk::SimpleSpanProcessorFactory::Create(
          opentelemetry::exporter::trace::OStreamSpanExporterFactory::Create()));
  opentelemetry::trace::Provider::SetTracerProvider(provider);
  try {
    const copg::Config config = copg::Config::from_env();
    copg::PooledDatabase db(config, {.observer = std::make_shared<Spans>(config.database)});
    serve(db);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
