#include "tests/fuzz/answering.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_provider(
      "providers:\n  aws: {type: aws_asg, region: us-east-1, access_key_id: AKIDEXAMPLE, secret_access_key: s3cr3t-k3y}\n"
      "groups:\n  - {name: app, provider: aws, min: 1, max: 5, server: {auto_scaling_group: app, port: 8080}}\n",
      data, size);
  return 0;
}
