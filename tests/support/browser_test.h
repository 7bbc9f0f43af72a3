#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/browser.h"

namespace weir {

/// Where pictures of pages stay: in $WEIR_ARTEFACTS/screenshots, by default in build/screenshots.
[[nodiscard]] inline std::filesystem::path pictures_folder() {
  const char* artefacts = std::getenv("WEIR_ARTEFACTS");
  const bool is_told = artefacts != nullptr && *artefacts != '\0';
  return (is_told ? std::filesystem::path(artefacts) : std::filesystem::path(WEIR_SOURCE_DIR) / "build") / "screenshots";
}

/// Tests of a page in one browser. Whatever a test does, the page asks nobody but whom it comes from, and complains of nothing but
/// what the test has brought about.
class BrowserTest : public testing::Test {
 protected:
  static void start_browser() {
    if (!Browser::is_installed()) return;
    auto started = Browser::start();
    ASSERT_TRUE(started) << started.error().message;
    browser_ = *std::move(started);
    std::filesystem::create_directories(pictures_folder());
  }
  static void TearDownTestSuite() { browser_.reset(); }
  /// Skips the test where there is no browser.
  void SetUp() override {
    if (!Browser::is_installed())
      GTEST_SKIP() << "there is no chromium on PATH; ./dev test e2e installs it where the system has it";
    ASSERT_TRUE(browser_);
    browser_->show(1360, 1000);
    browser_->speak("en-US");
  }
  void TearDown() override {
    if (!browser_) return;
    std::vector<std::string> complaints = browser_->complaints();
    std::erase_if(complaints, [this](const std::string& each) { return !expected_.empty() && each.contains(expected_); });
    EXPECT_THAT(complaints, testing::IsEmpty());
    EXPECT_THAT(browser_->requests(), testing::Each(testing::StartsWith(place())));
    EXPECT_EQ(browser_->trouble(), "");
  }

  /// The address of the page, with the slash at its end.
  [[nodiscard]] virtual std::string place() const = 0;

  void picture(const std::string& name) { browser_->save_picture(pictures_folder() / (name + ".png")); }
  [[nodiscard]] nlohmann::json evaluate(const std::string& expression) { return browser_->evaluate(expression); }
  [[nodiscard]] std::string text(const std::string& expression) {
    const nlohmann::json value = evaluate(expression);
    return value.is_string() ? value.get<std::string>() : value.dump();
  }
  [[nodiscard]] double number(const std::string& expression) {
    const nlohmann::json value = evaluate(expression);
    return value.is_number() ? value.get<double>() : -1e9;
  }
  static std::string element(const std::string& selector) { return fmt::format("document.querySelector('{}')", selector); }
  [[nodiscard]] std::string text_of(const std::string& selector) { return text(element(selector) + "?.innerText ?? 'none'"); }
  [[nodiscard]] bool shows(const std::string& selector, const std::string& part) {
    const bool shown =
        browser_->comes_true(fmt::format("{}?.innerText.includes({})", element(selector), nlohmann::json(part).dump()));
    EXPECT_TRUE(shown) << selector << " does not show " << part << " but " << text_of(selector);
    return shown;
  }
  [[nodiscard]] bool focused(const std::string& selector) {
    return evaluate(fmt::format("document.activeElement.matches('{}')", selector)) == true;
  }
  void click(const std::string& selector) {
    EXPECT_TRUE(browser_->comes_true(element(selector))) << "there is no " << selector;
    browser_->click(element(selector));
  }
  void fill(const std::string& field, const std::string& value) {
    (void)evaluate(element("#field-" + field) + ".select()");
    browser_->type(value);
  }

  static inline std::unique_ptr<Browser> browser_;
  std::string expected_;  ///< what complaints the test brings about have in them
};

}  // namespace weir
