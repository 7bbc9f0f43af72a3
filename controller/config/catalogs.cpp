#include "controller/config/config.h"

namespace weir {

Catalogs builtin_catalogs() {
  return {.providers = provider_catalog(),
          .policies = policy_catalog(),
          .balancers = balancer_catalog(),
          .receivers = receiver_catalog()};
}

}  // namespace weir
