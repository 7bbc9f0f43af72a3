#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "controller/simulate/world.h"
#include "model/error.h"
#include "model/group.h"

namespace weir {

/// A number of a group's configuration that can be turned, and how far. Whatever values within their ranges are set together, the
/// configuration stays one that can be read.
struct Knob {
  enum class Kind { number, duration, count };
  enum class Scale { linear, logarithmic };
  /// `bands`: all bounds of a step policy at once; the value is the factor to multiply them with.
  enum class Section { policy, bands, scale_out, scale_in, group };

  Section section = Section::policy;
  std::size_t policy = 0;  ///< index in Group::policies, for `policy` and `bands`
  std::string key;         ///< in that section
  std::string path;        ///< for people: policies.cpu.target, scale_in.cooldown, min
  Kind kind = Kind::number;
  Scale scale = Scale::logarithmic;
  double present = 0;  ///< durations in seconds
  double low = 0;      ///< <= present
  double high = 0;     ///< >= present

  /// The value at a place from 0 to 1 between low and high, rounded to what a person would write; at place_of(present) exactly
  /// that.
  [[nodiscard]] double at(double place) const;
  [[nodiscard]] double place_of(double value) const;
  /// As one would write it in the file; a factor for `bands`.
  [[nodiscard]] std::string text(double value) const;
};

/// Which knobs there are to turn.
struct KnobOptions {
  bool vary_min = false;
  std::vector<std::string> keep = {};  ///< paths, or ends or beginnings of them: `cooldown`, `policies.cpu`, `cpu`
};

/// The knobs of a group in a world: those of policies that are simulated, and of scale_out and scale_in. `model` has the meaning of
/// every query (meanings_of()) and the capacity, beyond which no bound makes sense. Errors: not_found for a `keep` that keeps
/// nothing; invalid if nothing is left to turn.
[[nodiscard]] Result<std::vector<Knob>> knobs_of(const Group& group, const WorldModel& model, const KnobOptions& options);

/// The group with these values, one for each knob.
[[nodiscard]] Group with_values(const Group& group, std::span<const Knob> knobs, std::span<const double> values);

}  // namespace weir
