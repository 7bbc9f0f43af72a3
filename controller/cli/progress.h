#pragma once

#include <string>

namespace weir {

/// A bar on standard error while something takes long, if a person looks on; gone when it ends.
class Progress {
 public:
  explicit Progress(std::string name);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `share` is 0 to 1.
  void show(double share) const;

 private:
  std::string name_;
  bool shown_;
};

}  // namespace weir
