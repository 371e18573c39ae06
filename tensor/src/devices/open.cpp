#include "devices/open.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/streams.hpp"

namespace mushin::core {
namespace {

// More devices than any machine has: a count beyond it is garbage.
constexpr std::uint32_t most_devices = 256;

std::atomic<std::uint32_t> next_index{0};

std::string read_info(Device& d, std::uint32_t kinds) {
  mu_error error = empty_error();
  d.info.size = sizeof d.info;
  if (const mu_code code = d.device.info(d.handle, &d.info, &error); code != MU_OK) return "info: " + describe(code, error);
  for (auto [text, size] :
       {std::pair{d.info.name, sizeof d.info.name}, {d.info.arch, sizeof d.info.arch}, {d.info.driver, sizeof d.info.driver}})
    text[size - 1] = 0;
  d.info.pw_max_in = std::max(d.info.pw_max_in, 12u);
  d.info.pw_max_out = std::max(d.info.pw_max_out, 4u);
  d.info.pw_max_inst = std::max(d.info.pw_max_inst, 64u);
  if (d.info.kind > 31 || !(kinds >> d.info.kind & 1u))
    return fmt::format("is of kind {}, which the plugin's note doesn't name", d.info.kind);
  d.host_memory = (d.info.caps & MU_CAP_HOST_MEMORY) != 0;
  d.layouts = (d.info.caps & (MU_CAP_OPAQUE_LAYOUTS | MU_CAP_IMAGE_LAYOUTS)) != 0;
  return d.host_memory ? std::string() : check_memory_table(d.memory);
}

bool takes(const Device& d, std::uint16_t opcode, std::uint16_t second) {
  constexpr mu_dtype types[] = {MU_F32, MU_F32};
  const mu_pw_inst inst{opcode, 0, MU_F32, 0, second, MU_PW_NONE, 0};
  const mu_pw_program program{sizeof program, MU_PW_MAGIC, 1, 2, 1, 0, 1, 0, {2}, opcode, types, nullptr, nullptr, &inst};
  const mu_op_pointwise op{{sizeof op, MU_OP_POINTWISE}, &program};
  mu_tensor view{};
  view.size = sizeof view, view.dtype = MU_F32, view.rank = 1, view.dim[0] = view.stride[0] = 1, view.bytes = sizeof(float);
  const mu_tensor in[] = {view, view};
  mu_plan_info info{};
  info.size = sizeof info;
  mu_error error = empty_error();
  mu_plan* none = nullptr;
  return d.compute.plan_create(d.handle, &op.h, MU_PLAN_QUERY_ONLY, 2, in, 1, &view, &none, &info, &error) == MU_OK;
}

bool refuses_optional_opcodes(const Device& d) {
  for (std::uint16_t op = MU_PW_SIGMOID; op < MU_PW_OPTIONAL_END; ++op)
    if (!takes(d, op, MU_PW_NONE) && !takes(d, op, 1)) return true;
  return false;
}

// A CPU plugin's only device goes by the plugin's name alone.
void set_name(Device& d, std::uint32_t i, std::uint32_t count) {
  const bool plain = count == 1 && d.info.kind == MU_KIND_CPU;
  const std::string name = plain ? d.plugin_name : fmt::format("{}:{}", d.plugin_name, i);
  std::memcpy(d.name, name.c_str(), std::min(name.size() + 1, sizeof d.name - 1));
}

std::string open_one(const Backend& b, std::uint32_t kinds, std::uint32_t i, std::uint32_t count, OpenedDevices& opened) {
  mu_error error = empty_error();
  mu_device* handle = nullptr;
  if (const mu_code code = b.plugin.device_open(i, &handle, &error); code != MU_OK) {
    opened.code = code;
    return "device_open: " + describe(code, error);
  }
  auto* d = new Device{};          // for the life of the process
  d->plugin_name = b.plugin.name;  // static in a library that stays mapped
  d->handle = handle;
  d->device = b.device, d->memory = b.memory, d->stream = b.stream, d->compute = b.compute;
  d->graph = b.graph, d->collectives = b.collectives, d->many = b.many;
  std::string wrong = read_info(*d, kinds);
  mu_code code = MU_INVALID;
  if (wrong.empty())
    if (code = Streams::open(*d, error); code != MU_OK) wrong = "stream.create: " + describe(code, error);
  if (!wrong.empty()) {
    opened.code = code;
    b.device.close(handle);
    delete d;
    return wrong;
  }
  d->writes_out = !d->host_memory && refuses_optional_opcodes(*d);
  set_name(*d, i, count);
  d->index = next_index++;
  opened.devices.push_back(d);
  return {};
}

}  // namespace

OpenedDevices open_devices(const Backend& backend, std::uint32_t kinds) {
  OpenedDevices opened;
  mu_error error = empty_error();
  std::uint32_t count = 0;
  if (const mu_code code = backend.plugin.device_count(&count, &error); code != MU_OK) {
    opened.code = code;
    opened.reason = describe(code, error);
    return opened;
  }
  if (count == 0) {
    opened.code = MU_UNAVAILABLE;
    opened.reason = error.message[0] ? describe(MU_UNAVAILABLE, error) : "has no device here";
  } else if (count > most_devices) {
    opened.code = MU_INVALID;
    opened.reason = fmt::format("counts {} devices", count);
    return opened;
  }
  for (std::uint32_t i = 0; i < count; ++i)
    if (auto wrong = open_one(backend, kinds, i, count, opened); !wrong.empty() && opened.reason.empty())
      opened.reason = fmt::format("device {} {}", i, wrong);
  return opened;
}

}  // namespace mushin::core
