/* A plugin that computes nothing. FAKE_NAME, FAKE_KIND and one macro per defect make the others. */
#include <mushin/plugin.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef FAKE_KIND
#define FAKE_KIND MU_KIND_CPU
#endif

MUSHIN_PLUGIN_NOTE(FAKE_NAME, "1.2.3", 1u << FAKE_KIND);

#ifdef FAKE_MARKS
/* What a hostile file would do: run before anybody judged it. */
__attribute__((constructor)) static void mark(void) {
  const char* path = getenv("FAKE_MARKER");
  FILE* f = path ? fopen(path, "w") : NULL;
  if (f) fclose(f);
}
#endif

#ifdef FAKE_UNDEFINED
int nobody_defines_this(void);
MUSHIN_PLUGIN_EXPORT int needs_it(void) { return nobody_defines_this(); }
#endif

#ifdef FAKE_FROM_DEPENDENCY
const mu_plugin* mushin_plugin_entry_v0(const mu_host* host, mu_error* error);
MUSHIN_PLUGIN_EXPORT const void* keeps_the_dependency(void) { return (const void*)(size_t)&mushin_plugin_entry_v0; }
#elif !defined(FAKE_NO_ENTRY)

static mu_code count(uint32_t* n, mu_error* error) {
#ifdef FAKE_NO_DEVICE
  *n = 0;
  mu_fail(error, MU_UNAVAILABLE, 0, "libfakedriver.so.1: cannot open shared object file");
  return MU_OK;
#else
  (void)error;
#ifdef FAKE_TWO_DEVICES
  *n = 2;
#else
  *n = 1;
#endif
  return MU_OK;
#endif
}

static mu_code open_device(uint32_t i, mu_device** device, mu_error* error) {
#ifdef FAKE_OPEN_FAILS
  (void)i, (void)device;
  return mu_fail(error, MU_INTERNAL, 35, "the fake driver is broken");
#else
  (void)error;
  *device = (mu_device*)(size_t)(i + 1);
  return MU_OK;
#endif
}

static mu_code info(mu_device* device, mu_device_info* to, mu_error* error) {
  (void)device, (void)error;
  to->kind = FAKE_KIND;
#ifndef FAKE_OWN_MEMORY
  to->caps = MU_CAP_HOST_MEMORY;
#endif
  strcpy(to->name, "a fake");
  return MU_OK;
}
static mu_code synchronize(mu_device* device, mu_error* error) {
  (void)device, (void)error;
  return MU_OK;
}
static void close_device(mu_device* device) { (void)device; }

static mu_code plan_create(mu_device* device, const mu_op* op, uint32_t flags, uint32_t n_in, const mu_tensor* in, uint32_t n_out,
                           const mu_tensor* out, mu_plan** plan, mu_plan_info* plan_info, mu_error* error) {
  (void)device, (void)op, (void)flags, (void)n_in, (void)in, (void)n_out, (void)out, (void)plan, (void)plan_info;
  return mu_fail(error, MU_UNSUPPORTED, 0, "computes nothing");
}
static mu_code plan_run(mu_plan* plan, mu_stream* stream, uint32_t n_in, const mu_tensor* in, uint32_t n_out, const mu_tensor* out,
                        mu_buffer* workspace, uint64_t offset, mu_error* error) {
  (void)plan, (void)stream, (void)n_in, (void)in, (void)n_out, (void)out, (void)workspace, (void)offset;
  return mu_fail(error, MU_INVALID, 0, "there is no plan to run");
}
static void plan_destroy(mu_plan* plan) { (void)plan; }

static const mu_device_table device_table = {sizeof(mu_device_table), 0, info, synchronize, close_device, NULL};
static const mu_compute_table compute_table = {sizeof(mu_compute_table), 0, plan_create, plan_run, plan_destroy};
__attribute__((unused)) static const mu_plugin plugin = {
    sizeof(mu_plugin), MU_ABI_MINOR, FAKE_NAME, "1.2.3",       "mushin's tests", "MIT", count, open_device, NULL,
    &device_table,     NULL,         NULL,      &compute_table};

MUSHIN_PLUGIN_EXPORT const mu_plugin* mushin_plugin_entry_v0(const mu_host* host, mu_error* error) {
  (void)host, (void)error;
#if defined(FAKE_SILENT)
  return NULL;
#elif defined(FAKE_UNAVAILABLE)
  mu_fail(error, MU_UNAVAILABLE, 2, "libfakedriver.so.1: cannot open shared object file");
  return NULL;
#elif defined(FAKE_SHORT_TABLE)
  static mu_plugin shorter;
  shorter = plugin;
  shorter.size = offsetof(mu_plugin, compute);
  return &shorter;
#else
  static const char greeting[] = "hello from " FAKE_NAME;
  host->log(host->ctx, MU_LOG_INFO, greeting, sizeof greeting - 1);
  return &plugin;
#endif
}
#endif
