#include "tests/fakes/aws_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace weir {
namespace {

using nlohmann::json;

struct Service {
  json model;
  bool ec2 = false;

  [[nodiscard]] const json& shape(const std::string& name) const { return model.at("shapes").at(name); }

  /// What a member is called in a request: EC2 writes it with a capital letter.
  [[nodiscard]] std::string asked_as(const std::string& key, const json& member) const {
    std::string name = member.value("locationName", key);
    if (ec2) name.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(name.front())));
    return name;
  }
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool is_number(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string complaint_about_value(const json& shape, const std::string& value) {
  const std::string type = shape.at("type");
  if (type == "boolean" && value != "true" && value != "false") return "is no boolean";
  if (type == "integer" && !is_number(value)) return "is no number";
  if (type == "string" && value.size() < shape.value("min", 0U)) return "is too short";
  if (type == "string" && value.size() > shape.value("max", 1U << 20U)) return "is too long";
  const bool known = type != "string" || !shape.contains("enum") ||
                     std::find(shape.at("enum").begin(), shape.at("enum").end(), value) != shape.at("enum").end();
  return known ? "" : "is not one of its values";
}

/// Follows `A.member.1.B` through the shapes to the one of its value.
std::string complaint_about_parameter(const Service& service, const json& shape, std::vector<std::string> path,
                                      const std::string& value) {
  if (path.empty()) return complaint_about_value(shape, value);
  const std::string type = shape.at("type");
  if (type == "list") {
    if (!service.ec2 && path.front() != "member") return "lacks 'member'";
    if (!service.ec2) path.erase(path.begin());
    if (path.empty() || !is_number(path.front())) return "lacks its number in the list";
    path.erase(path.begin());
    return complaint_about_parameter(service, service.shape(shape.at("member").at("shape")), std::move(path), value);
  }
  if (type != "structure") return "goes on behind a value";
  for (const auto& [key, member] : shape.at("members").items()) {
    if (service.asked_as(key, member) != path.front()) continue;
    path.erase(path.begin());
    return complaint_about_parameter(service, service.shape(member.at("shape")), std::move(path), value);
  }
  return "is not in the model";
}

std::string complaint_about_element(const Service& service, const json& shape, const XmlElement& element) {
  const std::string type = shape.at("type");
  if (type == "list") {
    const std::string item = shape.at("member").value("locationName", "member");
    for (const XmlElement& child : element.children) {
      if (child.name != item) return fmt::format("<{}> in the list <{}>", child.name, element.name);
      std::string wrong = complaint_about_element(service, service.shape(shape.at("member").at("shape")), child);
      if (!wrong.empty()) return wrong;
    }
    return {};
  }
  if (type != "structure") return element.children.empty() ? "" : fmt::format("children in <{}>", element.name);
  for (const XmlElement& child : element.children) {
    const auto members = shape.at("members").items();
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const auto& each) { return each.value().value("locationName", each.key()) == child.name; });
    if (found == members.end()) return fmt::format("<{}> in <{}>", child.name, element.name);
    std::string wrong = complaint_about_element(service, service.shape((*found).value().at("shape")), child);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace

struct AwsModel::Impl {
  std::vector<Service> services;

  [[nodiscard]] const Service* service_of(const std::string& action) const {
    const auto has = [&](const Service& each) { return each.model.at("operations").contains(action); };
    const auto found = std::ranges::find_if(services, has);
    return found == services.end() ? nullptr : &*found;
  }
};

AwsModel::AwsModel() : impl_(std::make_unique<Impl>()) {
  for (const char* name : {"autoscaling", "ec2", "elbv2"}) {
    std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/tests/data/aws/" + name + "-service-2.json");
    impl_->services.push_back({json::parse(file), std::string(name) == "ec2"});
  }
}
AwsModel::~AwsModel() = default;

std::string AwsModel::complaint_about(const std::map<std::string, std::string>& parameters) const {
  const auto action = parameters.find("Action");
  if (action == parameters.end()) return "no Action";
  const Service* service = impl_->service_of(action->second);
  if (service == nullptr) return "no such action: " + action->second;
  const auto version = parameters.find("Version");
  if (version == parameters.end() || version->second != service->model.at("metadata").at("apiVersion")) return "wrong Version";
  const json& input = service->shape(service->model.at("operations").at(action->second).at("input").at("shape"));
  for (const auto& [name, value] : parameters) {
    if (name == "Action" || name == "Version") continue;
    const std::string wrong = complaint_about_parameter(*service, input, split(name), value);
    if (!wrong.empty()) return fmt::format("{}: {}={} {}", action->second, name, value, wrong);
  }
  for (const json& required : input.value("required", json::array())) {
    const std::string key = required;
    const std::string name = service->asked_as(key, input.at("members").at(key));
    const bool there =
        std::ranges::any_of(parameters, [&](const auto& each) { return each.first == name || each.first.starts_with(name + "."); });
    if (!there) return fmt::format("{}: {} is missing", action->second, name);
  }
  return {};
}

std::string AwsModel::complaint_about(const std::string& action, const XmlElement& answer) const {
  const Service* service = impl_->service_of(action);
  if (service == nullptr) return "no such action: " + action;
  if (answer.name != action + "Response") return "root <" + answer.name + ">";
  const json& operation = service->model.at("operations").at(action);
  if (!operation.contains("output")) return {};
  const json& output = service->shape(operation.at("output").at("shape"));
  if (!service->ec2)
    return complaint_about_element(*service, output, answer.child(operation.at("output").at("resultWrapper").get<std::string>()));
  XmlElement body = answer;
  std::erase_if(body.children, [](const XmlElement& each) { return each.name == "requestId"; });
  return complaint_about_element(*service, output, body);
}

}  // namespace weir
