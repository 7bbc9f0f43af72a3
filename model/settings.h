#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/rollout.h"
#include "model/time.h"
#include "model/time_zone.h"

namespace weir {

/// What a configuration key takes. The same table parses the file, writes the JSON Schema and writes the reference.
enum class KeyType {
  text,       ///< a string; `${NAME}` takes an environment variable
  secret,     ///< a string that is never printed
  integer,    ///< a whole number in [minimum, maximum]
  number,     ///< a finite number in [minimum, maximum]
  boolean,    ///< true | false
  duration,   ///< 90s, 5m, 1h30m; minimum and maximum are in seconds
  choice,     ///< one of `choices`
  command,    ///< a string, split as a shell splits words, or a list of strings
  texts,      ///< a list of strings
  text_map,   ///< a mapping of names to strings (environment variables, labels, headers)
  time_zone,  ///< an IANA name: Asia/Seoul
  change,     ///< +N, -N, "+N%", "-N%" or "=N"
  portion,    ///< N servers, or "N%" of the group's size: 0% to 100%
  percent,    ///< "N%", more than 0% and less than 100%; held as a number
  percents,   ///< a list of such, rising
  version,    ///< what model/version.h allows
  fallback,   ///< hold | zero | last | {last, for: 5m} | {at_least: N}
  section,    ///< a mapping with the keys in `keys`
  sections,   ///< a list of such mappings
  rest,       ///< every key that the table does not name, with whatever value: kept together as the text of one JSON object
};

/// What the key of type `rest` is called: no key of a file can be in its way, for those are all in it.
inline constexpr std::string_view kRestKey = "*";

/// One key of a configuration table. Tables are constant data: `constexpr Key kKeys[] = {…}`.
struct Key {
  std::string_view name;
  KeyType type = KeyType::text;
  std::string_view doc;  ///< one sentence for the schema and the reference
  bool required = false;
  std::string_view fallback = {};  ///< the default, as one would write it in the file; empty: none
  double minimum = -1e300;
  double maximum = 1e300;
  std::span<const std::string_view> choices = {};
  std::span<const Key> keys = {};  ///< for section and sections
};

/// A change of size: by servers, by percent, or to an exact number.
struct Change {
  enum class Kind { by_servers, by_percent, to_exactly };
  Kind kind = Kind::by_servers;
  double amount = 0;
  bool operator==(const Change&) const = default;
};

/// What a query's answer means when it is empty or not a number.
struct Fallback {
  enum class Kind {
    hold,      ///< abstain: no scale-in from anybody, no scale-out from this policy
    zero,      ///< the user says: nothing means zero
    last,      ///< the last good value, for at most `window`
    at_least,  ///< abstain, but want no fewer than `servers`
  };
  Kind kind = Kind::hold;
  Duration window{0};
  int servers = 0;
  bool operator==(const Fallback&) const = default;
};

/// Where a value stood in the file, for messages that come after parsing. Line and column count from 1; 0 = a default.
struct SourceMark {
  int line = 0;
  int column = 0;
  bool operator==(const SourceMark&) const = default;
};

/// Values that were parsed and checked against a table of keys: what providers, balancers and policies are built from. Reading a
/// key the table does not have, or as another type, is a bug and aborts; a key without value and default reads as absent.
class Settings {
 public:
  using Texts = std::vector<std::string>;
  using TextMap = std::map<std::string, std::string>;
  using Numbers = std::vector<double>;
  using Sections = std::vector<Settings>;
  using Value = std::variant<std::string, std::int64_t, double, bool, Duration, Texts, TextMap, Change, Fallback, TimeZone, Portion,
                             Numbers, Sections>;

  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] const std::string& text(std::string_view key) const;  ///< text, secret, choice, version, rest; "" if absent
  [[nodiscard]] int integer(std::string_view key) const;
  [[nodiscard]] double number(std::string_view key) const;       ///< number, percent; 0 if absent
  [[nodiscard]] bool boolean(std::string_view key) const;        ///< false if absent
  [[nodiscard]] Duration duration(std::string_view key) const;   ///< 0 if absent
  [[nodiscard]] const Texts& texts(std::string_view key) const;  ///< command, texts; empty if absent
  [[nodiscard]] const TextMap& text_map(std::string_view key) const;
  [[nodiscard]] const Numbers& numbers(std::string_view key) const;  ///< percents; empty if absent
  [[nodiscard]] Portion portion(std::string_view key) const;         ///< none if absent
  [[nodiscard]] const Change& change(std::string_view key) const;
  [[nodiscard]] Fallback fallback(std::string_view key) const;        ///< hold if absent
  [[nodiscard]] TimeZone time_zone(std::string_view key) const;       ///< UTC if absent
  [[nodiscard]] const Settings& section(std::string_view key) const;  ///< an empty Settings if absent
  [[nodiscard]] const Sections& sections(std::string_view key) const;

  void set(std::string_view key, Value value, SourceMark mark = {});
  /// Where the key's value stood; {0,0} for a default or an absent key.
  [[nodiscard]] SourceMark mark(std::string_view key) const;

  bool operator==(const Settings& other) const;

 private:
  struct Entry {
    Value value;
    SourceMark mark;
  };
  [[nodiscard]] const Value* find(std::string_view key) const;

  std::map<std::string, Entry, std::less<>> values_;
};

/// A complaint about one key, made by a factory after the table check: `path` is relative to the Settings given.
struct SettingsError {
  std::string path;
  std::string message;
  SourceMark mark;
};

}  // namespace weir
