#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iostream>

#include "controller/cli/commands.h"
#include "controller/import/asg.h"
#include "controller/import/hpa.h"

namespace weir {
namespace {

/// One byte more than is imported, so that the importer sees that there is too much.
Result<std::string> read_all(std::istream& in, const std::string& name) {
  std::string text(kMaxImport + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (!in && in.gcount() == 0 && !in.eof())) return failure(ErrorKind::unavailable, "cannot read " + name);
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

Result<std::string> read_input(const std::string& file) {
  if (file == "-") return read_all(std::cin, "standard input");
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return failure(ErrorKind::not_found,
                   fmt::format("cannot open {}: expected a file that can be read, or - for standard input", file));
  }
  return read_all(in, file);
}

}  // namespace

Exit command_import(const std::string& from, const std::string& file, bool json) {
  const auto text = read_input(file);
  if (!text) {
    (void)std::fprintf(stderr, "weir: %s\n", text.error().message.c_str());
    return Exit::error;
  }
  const std::string name = file == "-" ? "standard input" : file;
  const ImportResult imported = from == "hpa" ? import_hpa(*text, name) : import_asg(*text, name);
  if (!imported) {
    for (const ConfigError& error : imported.error()) (void)std::fprintf(stderr, "%s\n", to_string(error).c_str());
    return Exit::error;
  }
  const std::string out = json ? to_json(*imported) + "\n" : to_yaml(*imported);
  const bool written = std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0;
  return written ? Exit::ok : Exit::error;
}

}  // namespace weir
