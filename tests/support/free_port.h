#pragma once

namespace weir::test {

/// A TCP port nobody listens on at 127.0.0.1. It lies below the range from which the kernel takes ports for outgoing connections,
/// and no other test program gets it as long as this one runs.
[[nodiscard]] int free_port();

}  // namespace weir::test
