#pragma once

#include "controller/log/log.h"
#include "controller/ports/ports.h"
#include "model/memory.h"

namespace weir {

/// One line each for what became of a group's deploy between the memories before and after a turn: that it began, that somebody
/// let it go on, that it turned round, that it ended.
void log_deploy(const Log& log, const Memory& before, const Memory& after, const Record& record);

}  // namespace weir
