#include <fmt/format.h>

#include <string>
#include <vector>

#include "graph/anomaly.hpp"
#include "graph/hooks.hpp"
#include "graph/leaf.hpp"
#include "graph/pass.hpp"
#include "mushin/autograd/dot.hpp"

namespace mushin::core {
namespace {

std::int64_t bytes_in(const Array& a) { return a.sizes().count() * static_cast<std::int64_t>(bytes_of(a.type())); }

std::int64_t saved_bytes(const GraphNode& n) {
  std::int64_t bytes = n.extras && n.extras->function ? n.extras->function->saved_bytes() : 0;
  if (!n.rule) return bytes;
  for (const Array& a : static_cast<const OpNode&>(n).kept)
    if (a) bytes += bytes_in(a);
  return bytes;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

class Drawing {
 public:
  explicit Drawing(const Traced& z) : pass_("to_dot", z), sizes_(pass_.entries().size()) {
    // Nodes keep no shape of their own: it is told by what is made from them, which stands before them.
    sizes_[0] = z.sizes();
    known_.resize(sizes_.size());
    known_[0] = true;
  }

  std::string text() {
    out_ = "digraph mushin {\n  rankdir=BT;\n  node [fontname=\"sans-serif\"];\n";
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const GraphNode& n = *pass_.entries()[i].node;
      if (!n.rule) learn(i, static_cast<const LeafNode&>(n).handle.sizes());
      node(i, n);
      for (unsigned k = 0; k < n.operands; ++k)
        if (n.inputs()[k]) edge(i, n, k);
    }
    return out_ += "}\n";
  }

 private:
  std::string shape(std::size_t i) const {
    return known_[i] ? fmt::format("({})", fmt::join(sizes_[i].at, sizes_[i].at + sizes_[i].rank, ", ")) : "?";
  }
  void learn(std::size_t i, const Sizes& s) {
    sizes_[i] = s;
    known_[i] = true;
  }

  void node(std::size_t i, const GraphNode& n) {
    std::string label = fmt::format("{}\\n{} {}", escaped(name_of(n)), shape(i), name_of(n.type));
    if (n.released.load(std::memory_order_relaxed))
      label += "\\nfreed";
    else if (const std::int64_t bytes = saved_bytes(n))
      label += fmt::format("\\nsaves {} bytes", bytes);
    const std::string line = escaped(forward_call(n));
    out_ += fmt::format("  n{} [label=\"{}\", shape={}{}];\n", i, label, n.rule ? "ellipse" : "box, style=filled, fillcolor=lightblue",
                        line.empty() ? line : fmt::format(", tooltip=\"{}\"", line.substr(2, line.size() - 3)));
  }

  void edge(std::size_t i, const GraphNode& n, unsigned k) {
    const GraphNode* operand = n.inputs()[k];
    const auto at = static_cast<std::size_t>(pass_.find(operand) - pass_.entries().begin());
    if (!operand->rule)
      learn(at, static_cast<const LeafNode*>(operand)->handle.sizes());
    else if (is_function(n) && !n.extras->sizes.empty())
      learn(at, n.extras->sizes[k]);
    else if (const Sizes* s = n.operands <= max_operands ? static_cast<const OpNode&>(n).sizes[k] : nullptr)
      learn(at, *s);
    else if (known_[i] && !is_function(n))
      learn(at, sizes_[i]);
    out_ += fmt::format("  n{} -> n{} [label=\"{}\"];\n", at, i, shape(at));
  }
  /// Also one that was freed.
  static bool is_function(const GraphNode& n) { return n.extras && n.extras->name; }

  Pass pass_;
  std::vector<Sizes> sizes_;
  std::vector<bool> known_;
  std::string out_;
};

}  // namespace

Text spell_dot(const Traced& z) {
  const std::string text = Drawing(z).text();
  return Text(text.data(), text.size());
}

}  // namespace mushin::core
