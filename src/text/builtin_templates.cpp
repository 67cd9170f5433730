// Chat formats for base models that ship none. Each marks with {% generation %} what the model writes
// itself, its end-of-turn token included, so that training can tell.
#include "text/builtin_templates.h"

#include "text/chat_template.h"

namespace hone::text {
namespace {

constexpr const char* kChatml = R"jinja(
{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\n' }}
    {%- if message['role'] == 'assistant' %}
        {%- generation %}{{ (message['content'] or '') + '<|im_end|>' }}{% endgeneration %}
    {%- else %}
        {{- (message['content'] or '') + '<|im_end|>' }}
    {%- endif %}
    {{- '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %})jinja";

constexpr const char* kLlama3 = R"jinja(
{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}
    {%- if message['role'] == 'assistant' %}
        {%- generation %}{{ (message['content'] or '') | trim + '<|eot_id|>' }}{% endgeneration %}
    {%- else %}
        {{- (message['content'] or '') | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %})jinja";

constexpr const char* kGemma = R"jinja(
{{- bos_token }}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system = (messages[0]['content'] or '') | trim + '\n\n' %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set system = '' %}
    {%- set turns = messages %}
{%- endif %}
{%- for message in turns %}
    {%- if message['role'] == 'assistant' %}
        {{- '<start_of_turn>model\n' }}
        {%- generation %}{{ (message['content'] or '') | trim + '<end_of_turn>' }}{% endgeneration %}
    {%- else %}
        {{- '<start_of_turn>' + message['role'] + '\n' + (system if loop.first else '') }}
        {{- (message['content'] or '') | trim + '<end_of_turn>' }}
    {%- endif %}
    {{- '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<start_of_turn>model\n' }}
{%- endif %})jinja";

constexpr const char* kAlpaca = R"jinja(
{%- for message in messages %}
    {%- if message['role'] == 'system' %}
        {{- (message['content'] or '') | trim + '\n\n' }}
    {%- elif message['role'] == 'user' %}
        {{- '### Instruction:\n' + (message['content'] or '') | trim + '\n\n' }}
    {%- elif message['role'] == 'assistant' %}
        {{- '### Response:\n' }}
        {%- generation %}{{ (message['content'] or '') | trim + eos_token }}{% endgeneration %}
        {{- '\n\n' }}
    {%- else %}
        {{- raise_exception('the alpaca template knows system, user and assistant, not ' ~ message['role']) }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '### Response:\n' }}
{%- endif %})jinja";

constexpr const char* kPlain = R"jinja(
{%- for message in messages %}
    {%- if message['role'] == 'assistant' %}
        {%- generation %}{{ (message['content'] or '') + eos_token }}{% endgeneration %}
    {%- else %}
        {{- (message['content'] or '') + '\n' }}
    {%- endif %}
{%- endfor %})jinja";

}  // namespace

const Registry<const char*>& builtin_chat_templates() {
  static const Registry<const char*> all = [] {
    Registry<const char*> registry("chat template");
    registry.add({"chatml", "<|im_start|>role … <|im_end|>; Qwen and many others", kChatml});
    registry.add({"llama-3", "<|start_header_id|>role<|end_header_id|> … <|eot_id|>", kLlama3});
    registry.add({"gemma", "<start_of_turn>role … <end_of_turn>; the system text goes into the first turn", kGemma});
    registry.add({"alpaca", "### Instruction: … ### Response: …; needs no special tokens but the end", kAlpaca});
    registry.add({"plain", "the texts themselves, one a line; the answer ends with the end token", kPlain});
    return registry;
  }();
  return all;
}

std::string builtin_chat_template(const std::string& name) {
  return builtin_chat_templates().at(name, "chat_template").make;
}

}  // namespace hone::text
