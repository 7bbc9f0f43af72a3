#include "providers/process/process.h"

namespace weir {

std::unique_ptr<Provider> make_process_provider(ProcessProviderOptions /*options*/) { return nullptr; }

}  // namespace weir
