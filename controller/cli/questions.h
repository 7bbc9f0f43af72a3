#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "controller/cli/commands.h"
#include "controller/config/config.h"
#include "controller/render/report.h"
#include "controller/state/state_reader.h"
#include "model/error.h"

namespace weir {

/// For questions about what a controller did: it may have been started with an earlier text of a file that is no longer valid.
/// What is wrong with it goes to standard error.
[[nodiscard]] std::optional<Config> load_for_questions(const CommonOptions& options);

/// The reader of the state of a group that the configuration has, or why not.
[[nodiscard]] Result<std::unique_ptr<StateReader>> reader_for(const Config& config, const std::string& group);

/// Memory as `weir run` left it; a group nobody ran yet has a fresh one. The configuration need not outlive it.
[[nodiscard]] std::function<Result<Memory>(const std::string&)> memory_on_disk(const Config& config);

/// The group as its last turn left it. `reader` is nullptr before weir ever ran.
[[nodiscard]] Result<GroupStatus> status_on_disk(const StateReader* reader, const Group& group);

}  // namespace weir
