#pragma once

#include "receivers/receiver.h"

namespace weir {

/// Mail, handed to an SMTP server.
[[nodiscard]] ReceiverType email_receiver();

}  // namespace weir
