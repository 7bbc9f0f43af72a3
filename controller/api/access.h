#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "controller/api/http.h"
#include "controller/api/writes.h"
#include "controller/config/access.h"

namespace weir {

/// The name of the token by which this request may do what `needed` allows, empty where none is needed; else the answer to it: 401
/// without a token or with a wrong one (429 where its peer has shown too many), 403 where the token's role does not allow it or
/// where no token could. Takes equally long whatever part of a token is right.
[[nodiscard]] std::expected<std::string, ApiResponse> allowed(const ApiRequest& request, ApiRole needed, ApiControl& control);

/// The answer to a peer that asks too often.
[[nodiscard]] ApiResponse too_many(Duration wait, const std::string& detail);

/// Whether this path is answered to everybody: the web page with its parts, which hold nothing of the groups, and what supervisors
/// ask.
[[nodiscard]] bool is_public(std::string_view path);

}  // namespace weir
