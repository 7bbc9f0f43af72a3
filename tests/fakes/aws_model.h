#pragma once

#include <map>
#include <memory>
#include <string>

#include "platform/aws/xml.h"

namespace weir {

/// The service models of Auto Scaling, EC2 and Elastic Load Balancing in tests/data/aws: what a request may ask and an answer may
/// say.
class AwsModel {
 public:
  AwsModel();
  ~AwsModel();
  AwsModel(const AwsModel&) = delete;
  AwsModel& operator=(const AwsModel&) = delete;

  /// What is wrong with the parameters of a request (Action and Version among them); empty if nothing.
  [[nodiscard]] std::string complaint_about(const std::map<std::string, std::string>& parameters) const;
  /// What a good answer to `action` says that it cannot; empty if nothing.
  [[nodiscard]] std::string complaint_about(const std::string& action, const XmlElement& answer) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
