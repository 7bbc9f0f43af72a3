#include "tests/fuzz/answering.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_provider(
      "providers:\n  icn: {type: vultr, api_key: s3cr3t-k3y}\n"
      "groups:\n  - {name: app, provider: icn, min: 1, max: 5, server: {plan: vc2-1c-1gb, region: icn, image: {os: 2136}, port: "
      "8080}}\n",
      data, size);
  return 0;
}
