// The few things the driver asks of JSON, kept apart so that the JSON library is compiled once for all WSDLs.

#pragma once

#include <string>

/// The text with the value at the JSON pointer replaced by a string.
std::string json_with(const std::string &text, const std::string &pointer, const std::string &value);

/// The string at the JSON pointer.
std::string json_string(const std::string &text, const std::string &pointer);

/// The names of the object's members, sorted, each followed by a blank.
std::string json_members(const std::string &text);

/// Whether both texts say the same.
bool json_same(const std::string &left, const std::string &right);

/// A JSON object with one member.
std::string json_object(const std::string &name, const std::string &value);
