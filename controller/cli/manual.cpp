#include "controller/cli/manual.h"

#include "controller/cli/console.h"
#include "controller/config/config.h"
#include "controller/manual/manual.h"

namespace weir {
namespace {

std::string text_of(const DescribedCommand& program, const std::string& what) {
  if (what == "man") return command_man_page(program, WEIR_VERSION);
  if (what == "man-config") return config_man_page(builtin_catalogs(), WEIR_VERSION);
  if (what == "markdown") return command_markdown(program);
  if (what == "bash") return bash_completion(program);
  return what == "zsh" ? zsh_completion(program) : fish_completion(program);
}

}  // namespace

Exit command_manual(const DescribedCommand& program, const std::string& what) {
  print(text_of(program, what));
  return Exit::ok;
}

}  // namespace weir
