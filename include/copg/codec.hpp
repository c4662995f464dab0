// How C++ types travel to and from the server. codec/codec.hpp says how to add a type of your own.
#pragma once

#include <copg/codec/array.hpp>
#include <copg/codec/codec.hpp>
#include <copg/codec/composite.hpp>
#include <copg/codec/enum.hpp>
#include <copg/codec/inet.hpp>
#include <copg/codec/number.hpp>
#include <copg/codec/range.hpp>
#include <copg/codec/text.hpp>
#include <copg/codec/time.hpp>
