#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "platform/descriptor.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A real Chromium without a window, driven by its DevTools protocol over a pipe: no port, a profile of its own that goes with the
/// object. It knows no host but 127.0.0.1: whatever a page asks for is seen in requests().
class Browser {
 public:
  enum class Scheme { light, dark };

  /// Whether there is a `chromium` to start.
  [[nodiscard]] static bool is_installed();
  [[nodiscard]] static Result<std::unique_ptr<Browser>> start();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  /// The window's inside, in CSS pixels, and what the user prefers.
  void show(int width, int height, Scheme scheme = Scheme::light);
  /// Opens the file and waits until it is loaded and drawn.
  void open(const std::filesystem::path& page) { open_url("file://" + page.string()); }
  /// The same with an address. What the pages of one site kept in this browser goes on with the next one.
  void open_url(const std::string& url);
  /// What moves for beauty alone the user does not want to see.
  void calm();
  /// The languages that the user reads, as a browser tells them: "ko-KR".
  void speak(const std::string& language);
  /// Where the clocks of the user are: "Europe/Berlin". Empty: as at first, in Asia/Seoul.
  void live_in(const std::string& zone) { (void)call("Emulation.setTimezoneOverride", {{"timezoneId", zone}}); }
  /// What runs first in every page that is opened from now on; empty: nothing any more.
  void run_first(const std::string& script);
  /// While it is cut, nothing reaches the network.
  void cut_network(bool cut);
  /// The value of an expression in the page, of a promise what it comes to; {"exception": …} if it throws.
  [[nodiscard]] nlohmann::json evaluate(const std::string& expression);

  /// Waits until the expression is true in the page; false if it does not become so.
  [[nodiscard]] bool comes_true(const std::string& expression);

  /// The middle of an element, scrolled into view, and how wide it is. Of an expression that is no element: zeros.
  struct Place {
    double x = 0;
    double y = 0;
    double width = 0;
  };
  [[nodiscard]] Place place_of(const std::string& element);
  /// Presses and releases the mouse there.
  void click(const std::string& element);
  void move_to(double x, double y) { mouse("mouseMoved", x, y, "none", 0); }
  void press(double x, double y) { mouse("mousePressed", x, y, "left", 1); }
  void drag_to(double x, double y) { mouse("mouseMoved", x, y, "left", 1); }
  void release(double x, double y) { mouse("mouseReleased", x, y, "left", 0); }
  /// A key by its DOM name: "Tab", "ArrowRight", "Escape" …
  void key(const std::string& name);
  void type(const std::string& text) { (void)call("Input.insertText", {{"text", text}}); }
  /// PNG of the whole page. The file is there in one step: who collects pictures finds no half of one.
  void save_picture(const std::filesystem::path& path);

  /// What the page complained of since open(): exceptions, console errors, violations of its content security policy.
  [[nodiscard]] std::vector<std::string> complaints();
  /// Addresses that were asked for since open(), the page itself included.
  [[nodiscard]] std::vector<std::string> requests();
  /// What went wrong between us and the browser; empty: nothing.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  Browser() = default;
  [[nodiscard]] Result<void> spawn();
  void attach();
  void navigate(const std::string& url);
  /// The result of one DevTools command; null, and trouble(), if there is none.
  nlohmann::json call(const std::string& method, const nlohmann::json& parameters = nlohmann::json::object());
  [[nodiscard]] bool send(const nlohmann::json& message);
  [[nodiscard]] nlohmann::json receive();
  void mouse(const std::string& type, double x, double y, const std::string& button, int buttons);

  TempDirectory directory_;
  Descriptor to_;
  Descriptor from_;
  pid_t process_ = -1;
  int last_call_ = 0;
  std::string session_;
  std::string received_;                ///< beginning of a message
  std::vector<nlohmann::json> events_;  ///< since open()
  std::string trouble_;
  std::string user_agent_;
  std::string first_script_;  ///< the name of what runs first
};

}  // namespace weir
