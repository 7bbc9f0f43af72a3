// A plug-in for weir; interface and configuration are described in docs/providers/plugin.md.
//
// Its servers are records in a directory, one file each; put what really makes and removes a server into make_server and
// remove_server.
#include <weir/plugin.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// An error that weir is told of: its kind says what weir can do about it.
struct Refusal {
  const char* kind;
  std::string message;
};

Json read_record(const fs::path& path) {
  std::ifstream file(path);
  return Json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
}

class Records {
 public:
  explicit Records(const Json& hello) : directory_(fs::path(hello.at("state_directory").get<std::string>()) / "servers") {
    fs::create_directories(directory_);
  }

  Json answer(const Json& request) {
    // The same token is the same server, also when it is asked for twice at once.
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto verb = request.at("verb").get<std::string>();
    if (verb == "list") return list();
    if (verb == "launch") return launch(request);
    if (verb == "terminate") return terminate(request);
    throw Refusal{"invalid", "the verb " + verb + " is not known here"};
  }

 private:
  // All or nothing: an exception here becomes an error, never a list with something missing.
  Json list() const {
    Json servers = Json::array();
    for (const fs::directory_entry& entry : fs::directory_iterator(directory_)) {
      if (entry.path().extension() == ".json") servers.push_back(read_record(entry.path()));
    }
    return {{"servers", servers}};
  }

  Json launch(const Json& request) const {
    const auto token = request.at("token").get<std::string>();
    if (!is_name(token)) throw Refusal{"invalid", "this token cannot be the name of a file"};
    const fs::path path = path_of(token);
    if (!fs::exists(path)) make_server(path, request);
    return {{"server", read_record(path)}};
  }

  Json terminate(const Json& request) const {
    const auto server = request.at("server").get<std::string>();
    // What does not exist, or is another group's, is as good as gone.
    if (!is_name(server) || !fs::exists(path_of(server))) return Json::object();
    if (read_record(path_of(server)).at("group") == request.at("group").at("name")) remove_server(path_of(server));
    return Json::object();
  }

  /// Here a real provider would start a machine, tag it with the token, and learn its address. It must be able to find by the token
  /// what an earlier call, cut off half way, has made already.
  static void make_server(const fs::path& path, const Json& request) {
    using Seconds = std::chrono::duration<double>;
    const Json record = {{"id", request.at("token")},
                         {"token", request.at("token")},
                         {"group", request.at("group").at("name")},
                         {"version", request.at("version")},
                         {"phase", "warming"},
                         {"launched_at", Seconds(std::chrono::system_clock::now().time_since_epoch()).count()}};
    const fs::path unfinished = fs::path(path).replace_extension(".new");
    std::ofstream(unfinished) << record;
    fs::rename(unfinished, path);
  }

  static void remove_server(const fs::path& path) { fs::remove(path); }

  static bool is_name(const std::string& text) {
    constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return !text.empty() && text.front() != '.' && text.find_first_not_of(allowed) == std::string::npos;
  }
  fs::path path_of(const std::string& name) const { return directory_ / (name + ".json"); }

  const fs::path directory_;
  std::mutex mutex_;
};

void reply(const weir_plugin_call* call, const Json& answer) {
  const std::string text = answer.dump();
  call->answer(call->context, text.data(), text.size());
}

/// No exception may leave a plug-in: it may be another compiler's.
template <typename Work>
void reply_with(const weir_plugin_call* call, Work work) {
  try {
    reply(call, work());
  } catch (const Refusal& refusal) {
    reply(call, {{"error", {{"kind", refusal.kind}, {"message", refusal.message}}}});
  } catch (const std::exception& error) {  // Nobody knows how far it came: weir will ask again.
    reply(call, {{"error", {{"kind", "unavailable"}, {"message", error.what()}}}});
  }
}

void* open_records(const char* hello, size_t length, const weir_plugin_call* call) {
  std::unique_ptr<Records> records;
  reply_with(call, [&]() -> Json {
    records = std::make_unique<Records>(Json::parse(std::string_view(hello, length)));
    return {{"protocol", 1}};
  });
  return records.release();
}

void ask_records(void* provider, const char* request, size_t length, const weir_plugin_call* call) {
  reply_with(call, [&] { return static_cast<Records*>(provider)->answer(Json::parse(std::string_view(request, length))); });
}

void close_records(void* provider) { delete static_cast<Records*>(provider); }

const weir_plugin kPlugin = {WEIR_PLUGIN_ABI, 0, "records 1.0", open_records, ask_records, close_records};

}  // namespace

const weir_plugin* weir_plugin_entry(void) { return &kPlugin; }
