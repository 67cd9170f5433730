// Renders the Jinja chat templates that models ship, byte for byte as the reference (Jinja2 with
// trim_blocks, lstrip_blocks, loop controls, and transformers' extra functions) does.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace hone::text {

/// How white space around block tags is treated; the defaults are those that transformers sets.
struct TemplateSyntax {
  bool trim_blocks = true;    ///< drop the line break after a block tag
  bool lstrip_blocks = true;  ///< drop white space before a block tag that begins a line
};

class ChatTemplate {
 public:
  /// Parses; a fault throws Error with `name`, line and column.
  explicit ChatTemplate(const std::string& source, const std::string& name = "chat_template",
                        TemplateSyntax syntax = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  /// `variables` is an object: messages, tools, documents, add_generation_prompt, bos_token, eos_token
  /// and whatever else the template reads. A fault while rendering (raise_exception included) throws
  /// Error with line and column. Bounded: a template cannot loop or nest without end.
  std::string render(const Json& variables) const;

  /// Where the text inside {% generation %} … {% endgeneration %} lies in the rendering, as byte
  /// ranges; empty when the template has no such tags.
  std::string render(const Json& variables, std::vector<std::pair<size_t, size_t>>& generation_ranges) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The text of a named built-in template (chatml, llama-3, …), for base models that ship none.
/// An unknown name throws Error with the known ones.
std::string builtin_chat_template(const std::string& name);

}  // namespace hone::text
