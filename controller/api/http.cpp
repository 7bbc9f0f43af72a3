#include "controller/api/http.h"

#include <string_view>

#include "controller/render/json_writer.h"

namespace weir {
namespace {

std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

}  // namespace

ApiResponse problem(int status, const std::string& detail) {
  ApiResponse response{status, "application/problem+json", {}, {}};
  JsonWriter out(response.body);
  out.begin_object();
  out.field("type", "about:blank");
  out.field("title", title_of(status));
  out.field("status", status);
  out.field("detail", detail);
  out.end_object();
  return response;
}

}  // namespace weir
