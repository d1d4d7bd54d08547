#include "json.h"

#include <nlohmann/json.hpp>

using nlohmann::json;

std::string json_with(const std::string &text, const std::string &pointer, const std::string &value) {
    json document = json::parse(text);
    document[json::json_pointer(pointer)] = value;
    return document.dump();
}

std::string json_string(const std::string &text, const std::string &pointer) {
    return json::parse(text).at(json::json_pointer(pointer)).get<std::string>();
}

std::string json_members(const std::string &text) {
    std::string names;
    const json document = json::parse(text);
    for (const auto &member : document.items()) names += member.key() + " ";
    return names;
}

bool json_same(const std::string &left, const std::string &right) { return json::parse(left) == json::parse(right); }

std::string json_object(const std::string &name, const std::string &value) { return json{{name, value}}.dump(); }
