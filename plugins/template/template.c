/* The smallest complete mushin backend: one device in the host's memory that adds two float32 tensors.
 * It refuses everything else, and mushin then uses its builtin backend on the same memory. */
#include <mushin/plugin.h>
#include <stdlib.h>

#define NAME "template"
#define VERSION "0.1.0"

/* Read from the file before any of its code runs. The file must be called mushin-NAME.so. */
MUSHIN_PLUGIN_NOTE(NAME, VERSION, 1u << MU_KIND_CPU);

/* What the host lends us: its thread pool, its log, its configuration. */
static const mu_host* host;

struct mu_device {
  int unused;
};
static mu_device the_device;

static mu_code device_count(uint32_t* count, mu_error* error) {
  (void)error;
  *count = 1;
  return MU_OK;
}

static mu_code device_open(uint32_t index, mu_device** device, mu_error* error) {
  if (index != 0) return mu_fail(error, MU_INVALID, 0, "there is one device");
  *device = &the_device;
  return MU_OK;
}

/* The host has set `size` and zeroed the rest. */
static mu_code device_info(mu_device* device, mu_device_info* info, mu_error* error) {
  (void)device, (void)error;
  info->kind = MU_KIND_CPU;
  info->caps = MU_CAP_HOST_MEMORY;
  info->mem_align = 64;
  strcpy(info->name, "adds two tensors");
  return MU_OK;
}

/* Nothing here is asynchronous. */
static mu_code device_synchronize(mu_device* device, mu_error* error) {
  (void)device, (void)error;
  return MU_OK;
}

static void device_close(mu_device* device) { (void)device; }

struct mu_plan {
  uint64_t count; /* of elements */
};

static int is_contiguous_f32(const mu_tensor* t) {
  int64_t stride = 1;
  if (t->dtype != MU_F32 || t->layout != MU_LAYOUT_STRIDED) return 0;
  for (int i = t->rank - 1; i >= 0; stride *= t->dim[i], --i)
    if (t->dim[i] != 1 && t->stride[i] != stride) return 0;
  return 1;
}

/* Value ids count the inputs first: 0 and 1 are the operands, 2 is what the one instruction makes. */
static int is_addition(const mu_op* op) {
  const mu_pw_program* p;
  if (op->id != MU_OP_POINTWISE) return 0;
  p = ((const mu_op_pointwise*)(const void*)op)->program;
  return p->n_in == 2 && p->n_out == 1 && p->n_const == 0 && p->n_inst == 1 && p->out[0] == 2 && p->inst[0].op == MU_PW_ADD &&
         p->inst[0].type == MU_F32 && p->inst[0].a + p->inst[0].b == 1;
}

/* Answers "can you?" and makes the plan. Whatever is refused here with MU_UNSUPPORTED, the host does by itself. */
static mu_code plan_create(mu_device* device, const mu_op* op, uint32_t flags, uint32_t n_in, const mu_tensor* in, uint32_t n_out,
                           const mu_tensor* out, mu_plan** plan, mu_plan_info* info, mu_error* error) {
  (void)device;
  if (!is_addition(op) || n_in != 2 || n_out != 1 || !is_contiguous_f32(&in[0]) || !is_contiguous_f32(&in[1]) || !is_contiguous_f32(&out[0]))
    return mu_fail(error, MU_UNSUPPORTED, 0, "only the sum of two contiguous float32 tensors");
  info->specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK; /* what this plan is good for: exactly these views */
  info->flags = MU_PLAN_DETERMINISTIC;
  if (flags & MU_PLAN_QUERY_ONLY) return MU_OK;

  *plan = malloc(sizeof **plan);
  if (!*plan) return mu_fail(error, MU_OUT_OF_MEMORY, 0, "no memory for a plan");
  (*plan)->count = 1;
  for (int i = 0; i < out[0].rank; ++i) (*plan)->count *= (uint64_t)out[0].dim[i];
  return MU_OK;
}

static void plan_destroy(mu_plan* plan) { free(plan); }

struct operands {
  const float *a, *b;
  float* sum;
};

/* In host memory a `mu_buffer*` is the address. */
static float* address(const mu_tensor* t) { return (float*)((char*)t->buffer + t->byte_offset); }

static void add_range(void* arg, uint64_t begin, uint64_t end) {
  const struct operands* o = arg;
  for (uint64_t i = begin; i < end; ++i) o->sum[i] = o->a[i] + o->b[i];
}

/* Neither allocates nor waits for anything but its own chunks. */
static mu_code plan_run(mu_plan* plan, mu_stream* stream, uint32_t n_in, const mu_tensor* in, uint32_t n_out, const mu_tensor* out,
                        mu_buffer* workspace, uint64_t workspace_offset, mu_error* error) {
  struct operands o;
  (void)stream, (void)n_in, (void)n_out, (void)workspace, (void)workspace_offset, (void)error;
  o.a = address(&in[0]);
  o.b = address(&in[1]);
  o.sum = address(&out[0]);
  host->parallel_for(host->ctx, plan->count, 16384, add_range, &o);
  return MU_OK;
}

static const mu_device_table device_table = {sizeof(mu_device_table), 0, device_info, device_synchronize, device_close, NULL};
static const mu_compute_table compute_table = {sizeof(mu_compute_table), 0, plan_create, plan_run, plan_destroy};
static const mu_plugin plugin = {
    .size = sizeof(mu_plugin),
    .abi_minor = MU_ABI_MINOR,
    .name = NAME,
    .version = VERSION,
    .vendor = "your name",
    .license = "MIT OR Apache-2.0",
    .device_count = device_count,
    .device_open = device_open,
    .device = &device_table,
    .compute = &compute_table, /* no memory table: the host allocates; no stream table: all is synchronous */
};

/* The one symbol that the file exports. */
MUSHIN_PLUGIN_EXPORT const mu_plugin* mushin_plugin_entry_v0(const mu_host* from_host, mu_error* error) {
  (void)error;
  host = from_host;
  return &plugin;
}
