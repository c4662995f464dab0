// The rows of a statement as they come, in bounded memory.
#pragma once

#include <copg/deadline.hpp>
#include <copg/detail/row_shape.hpp>
#include <copg/detail/rows_of.hpp>
#include <copg/params.hpp>
#include <copg/result.hpp>
#include <copg/sql.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {

class Connection;
namespace engine {
class OpenStream;
}  // namespace engine

namespace detail {

/// The iterator of a stream: `Source` has next_row(), which tells whether there is one, and row().
template <class Source, class Value>
class StreamIterator {
 public:
  using value_type = Value;
  using reference = Value;
  using pointer = void;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  StreamIterator() = default;
  explicit StreamIterator(Source& source) : source_(&source) { ++*this; }
  Value operator*() const { return source_->row(); }
  StreamIterator& operator++() {
    if (!source_->next_row()) source_ = nullptr;
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const StreamIterator& it, std::default_sentinel_t /*end*/) noexcept {
    return it.source_ == nullptr;
  }

 private:
  Source* source_ = nullptr;  // null: behind the last row
};

}  // namespace detail

/// What `stream` returns: the rows of one statement, which are read from the server in chunks, as they are
/// asked for. A range that can be gone through once: `for (copg::Row row : conn.stream(sql))`. Move-only. It
/// is for the thread of its connection, which must outlive it and must not be moved; a stream of the pool has
/// a connection of its own, and gives that back at the end.
///
/// Nothing is sent before the first row is asked for. Each wait for a chunk ends by the connection's
/// `timeout`, or by the deadline of `within`, and throws what Connection's calls throw; then the stream is
/// over. Values that cannot be read as they are asked for do not end it.
///
/// Inside a transaction other statements can be executed between two rows, and the stream ends with the
/// transaction. Outside one, the stream occupies the connection: until it has ended or was closed, any other
/// call is a UsageError, which the connection survives. Inside a transaction the server plans the statement
/// as one whose first rows are wanted soon (cursor_tuple_fraction); and the rows of INSERT ... RETURNING,
/// SHOW and others that are no query come as one chunk.
///
/// To stop before the end, drop the stream or `close` it: neither blocks. What the server still does is ended
/// (outside a transaction, cancelled) in front of the next statement, or, once the connection is given back,
/// in the background. The connection and its transaction can go on.
class RowStream {
 public:
  using Iterator = detail::StreamIterator<RowStream, Row>;

  RowStream(RowStream&& other) noexcept;
  RowStream& operator=(RowStream&& other) noexcept;
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;
  /// As close().
  ~RowStream();

  /// The same stream, of which at most `rows` rows are in memory at a time: 1 to 1,000,000 (else UsageError),
  /// 1000 by default.
  /// Outside a transaction a chunk also ends with the row that makes it 1 MiB large; with libpq 17 and later,
  /// which hands out up to 32 rows at a time, with those that came along. To be called before the first row.
  [[nodiscard]] RowStream in_chunks_of(std::size_t rows) &&;

  /// Returns the next chunk, which may be kept; it is empty at the end. Blocks.
  [[nodiscard]] Result next();
  /// Asks for the first row. A row is valid until the iterator moves on.
  [[nodiscard]] Iterator begin() { return Iterator(*this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }

  /// Lets go of the rows that have not been read. Never blocks. Calling next() is a UsageError then.
  void close() noexcept;

 private:
  friend class Connection;
  friend class ConnectionWithin;
  friend class DatabaseWithin;
  friend class PooledDatabase;
  friend Iterator;
  template <class T>
  friend class TypedStream;

  RowStream(Connection& connection, const Sql& sql, const Params& params, std::optional<Deadline> deadline);
  /// With a connection of its own.
  RowStream(std::shared_ptr<Connection> own, const Sql& sql, const Params& params);
  [[nodiscard]] bool next_row();
  [[nodiscard]] Row row() const { return chunk_[at_]; }
  [[nodiscard]] const Result& chunk() const noexcept { return chunk_; }

  std::shared_ptr<Connection> own_;
  Connection* connection_;
  std::optional<Deadline> deadline_;
  std::shared_ptr<engine::OpenStream> stream_;  // null: closed
  Result chunk_;                                // of the iterator
  std::size_t at_ = 0;
};

/// A RowStream whose rows are read as a T, which owns its memory: an aggregate or tuple by position, or one
/// value. Reading a row throws DataError if it does not fit.
template <class T>
class TypedStream {
  static_assert(!detail::rows_as<T>.needs_row);  // refuses a T that no row can be read as

 public:
  using Iterator = detail::StreamIterator<TypedStream, detail::RowType<T>>;

  explicit TypedStream(RowStream rows) noexcept : rows_(std::move(rows)) {}
  /// See RowStream.
  [[nodiscard]] TypedStream in_chunks_of(std::size_t rows) && {
    return TypedStream(std::move(rows_).in_chunks_of(rows));
  }
  [[nodiscard]] Iterator begin() { return Iterator(*this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }
  void close() noexcept { rows_.close(); }

 private:
  friend Iterator;
  [[nodiscard]] bool next_row() { return rows_.next_row(); }
  [[nodiscard]] detail::RowType<T> row() const {
    return detail::read(rows_.chunk(), [&] { return rows_.row().template as<T>(); });
  }

  RowStream rows_;
};

namespace detail {
/// What `stream<T>` returns.
template <class T>
using StreamOf = std::conditional_t<std::is_same_v<T, Row>, RowStream, TypedStream<T>>;
}  // namespace detail

}  // namespace copg
#pragma GCC visibility pop
