#pragma once

#include <string>

#include "controller/manual/command.h"

namespace weir {

/// The page weir(1), for man(1): every command with every option.
[[nodiscard]] std::string command_man_page(const DescribedCommand& program, const std::string& version);

/// The same as a Markdown page.
[[nodiscard]] std::string command_markdown(const DescribedCommand& program);

/// Scripts that let a shell complete commands, options, choices and file names.
[[nodiscard]] std::string bash_completion(const DescribedCommand& program);
[[nodiscard]] std::string zsh_completion(const DescribedCommand& program);
[[nodiscard]] std::string fish_completion(const DescribedCommand& program);

}  // namespace weir
