#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "controller/api/http.h"

namespace weir {

/// A file of web/ as it is.
struct PageFile {
  std::string_view name;
  std::string_view content;
};

/// All of web/, as of when weir was compiled.
[[nodiscard]] std::span<const PageFile> page_files();

/// Answers GET of the web page (`/`) and of its parts (`/web/NAME`); nothing for any other path. The page may load nothing from
/// elsewhere and run nothing that does not come from weir itself.
[[nodiscard]] std::optional<ApiResponse> page_answer(const ApiRequest& request);

}  // namespace weir
