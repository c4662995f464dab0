#pragma once
namespace copg::pool {}
