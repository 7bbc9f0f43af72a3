// An exec balancer for the tests: keeps the peers in the file it is given. With a second argument it misbehaves in that way.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using nlohmann::json;

int misbehave(const std::string& way) {
  if (way == "garbage") std::cout << "Traceback: something\n";
  if (way == "silence") std::cerr << "cannot find the router\n";
  if (way == "huge") std::cout << std::string(std::size_t{3} << 20, 'x');
  if (way == "fails") {
    std::cout << R"({"protocol":1})";
    std::cerr << "connection refused\nby the router\n";
    return 3;
  }
  if (way == "denied") std::cout << R"({"protocol":1,"error":{"kind":"denied","message":"wrong token"}})";
  if (way == "version") std::cout << R"({"protocol":2})";
  if (way == "wrong_types") std::cout << R"({"protocol":1,"peers":[{"address":80}],"in_force":"yes"})";
  if (way == "hangs") {
    // Holds its output open and never says a word.
    for (;;) (void)::pause();
  }
  return 0;
}

json answer(const json& question, const std::string& file) {
  std::ifstream in(file);
  const json kept = in ? json::parse(in) : json::array();
  if (question.at("verb") == "write") {
    std::ofstream(file + ".new") << question.at("peers");
    std::rename((file + ".new").c_str(), file.c_str());
    std::ofstream(file + ".log", std::ios::app) << "written\n";
    return {{"protocol", 1}};
  }
  if (question.at("verb") == "diff") return {{"protocol", 1}, {"diff", kept.dump(1) + "\n->\n" + question.at("peers").dump(1)}};
  json connections = json::object();
  for (const json& address : question.at("count")) connections[address.get<std::string>()] = 4;
  return {{"protocol", 1}, {"peers", kept}, {"in_force", true}, {"connections", connections}};
}

}  // namespace

int main(int count, char** words) {
  const std::string text(std::istreambuf_iterator<char>(std::cin), {});
  if (count > 2) return misbehave(words[2]);
  std::cout << answer(json::parse(text), words[1]) << "\n";
  return 0;
}
