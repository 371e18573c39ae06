/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The mushin plugin boundary, version 0: what a device backend implements. C11, and C++20.
 * Version 0 is not frozen: host and plugin must match exactly (the symbol's name, the directory and the note carry the 0).
 *
 * Law
 *   1. A plugin exports one function, MU_ENTRY_SYMBOL, and one ELF note. It never links libmushin.
 *   2. No exception crosses this boundary; every function pointer is noexcept in C++.
 *   3. Every struct begins with `size`: sizeof in the header of whoever wrote the bytes. Structs grow at their end only;
 *      a new field means "as before" when it is zero. No implicit padding.
 *   4. Plugins never call getenv, setlocale, chdir, signal, exit, fork, and never print: `mu_host` has what they need.
 *   5. MU_UNSUPPORTED comes from plan_create (and device-level queries) alone. Once there is a plan, a run succeeds or
 *      reports a real error. plan_create has no side effect that a caller can see. The host may remember a refusal of a program
 *      (POINTWISE, MAP_REDUCE) for all views of its element types: refuse for what it computes, not for how it lies.
 *   6. plan_run neither allocates device memory nor waits for the device. Workspace comes from the host.
 *   7. Work on one stream is done in order, work on two in no order but that of events; two threads never use one stream at once; all
 *      else is thread-safe. Stream NULL is the device's default stream, one among the others. A device without a stream table, or with
 *      one that lacks a function, has no other.
 *      What fails after the call that gave the work has returned is told by each event_wait and stream synchronize that comes behind that
 *      work, until the device's synchronize has told it, once; MU_DEVICE_LOST by every call from then on. MU_OUT_OF_MEMORY from plan_run:
 *      nothing was done, and it may be tried again.
 *   8. Arithmetic is what is written: types are explicit, `mul` then `add` rounds twice (only `fma` contracts), integers wrap.
 */
#ifndef MUSHIN_PLUGIN_H
#define MUSHIN_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __cplusplus
#define MU_NOEXCEPT noexcept
#define MU_STATIC_ASSERT static_assert
extern "C" {
#else
#define MU_NOEXCEPT
#define MU_STATIC_ASSERT _Static_assert
#endif

/* The boundary's version, the one function that a plugin exports, and how many axes a view has at most. */
#define MU_ABI_MAJOR 0u
#define MU_ABI_MINOR 0u
#define MU_ENTRY_SYMBOL "mushin_plugin_entry_v0"
#define MU_MAX_RANK 8

/* What a call came to. */
typedef int32_t mu_code;
#define MU_OK 0
#define MU_INVALID 1       /* the caller broke the law: detected, never a crash                             */
#define MU_UNSUPPORTED 2   /* the host decomposes, inherits or falls back                                   */
#define MU_OUT_OF_MEMORY 3 /* the host drains its caches, waits, and retries once                           */
#define MU_UNAVAILABLE 4   /* no driver, no hardware: shown as a state, not as an error                     */
#define MU_DEVICE_LOST 5   /* and it stays lost                                                             */
#define MU_TIMEOUT 6       /* event_wait only: the time is over                                             */
#define MU_INTERNAL 7      /* the plugin failed in a way that none of these says                            */
#define MU_PENDING 8 /* event_query only                                                                    */
#define MU_DISCONNECTED 9  /* MU_OP_COLLECTIVE only: a rank has left or failed (mushin/plugin_collectives.h)  */
/* Written by the callee when it returns anything but MU_OK (and MU_PENDING). May be NULL: then the text is lost. */
typedef struct mu_error {
  uint32_t size; /* set by the caller */
  mu_code code;
  int64_t native_code; /* cudaError_t, dnnl_status_t, errno … */
  uint32_t flags;      /* bit 0: the device stays in this state; bit 1: trying again may help */
  uint32_t message_len;
  char message[488]; /* UTF-8, cut to fit, always ends with NUL */
} mu_error;

/* Owned by the plugin, opaque to the host; one exception: on a device with MU_CAP_HOST_MEMORY a `mu_buffer*` IS the address
 * of the memory (see mu_device_info.caps). */
typedef struct mu_device mu_device; typedef struct mu_buffer mu_buffer; typedef struct mu_stream mu_stream;
typedef struct mu_event mu_event; typedef struct mu_plan mu_plan;

/* DLPack's triple: code | bits << 8 | lanes << 16. */
typedef uint32_t mu_dtype;
#define MU_DTYPE(code, bits) ((mu_dtype)((code) | ((bits) << 8) | (1u << 16)))
#define MU_I8 MU_DTYPE(0u, 8u)
#define MU_I32 MU_DTYPE(0u, 32u)
#define MU_I64 MU_DTYPE(0u, 64u)
#define MU_U8 MU_DTYPE(1u, 8u)
#define MU_U64 MU_DTYPE(1u, 64u)
#define MU_F16 MU_DTYPE(2u, 16u)
#define MU_F32 MU_DTYPE(2u, 32u)
#define MU_F64 MU_DTYPE(2u, 64u)
#define MU_BF16 MU_DTYPE(4u, 16u)
#define MU_BOOL MU_DTYPE(6u, 8u) /* one byte, 0 or 1 */

/* Bytes of one element. */
static inline uint32_t mu_dtype_bytes(mu_dtype t) { return (t >> 8 & 0xFFu) / 8u; }

/* Every op takes strided views. The others are given to devices with MU_CAP_OPAQUE_LAYOUTS or MU_CAP_IMAGE_LAYOUTS only.
 * OPAQUE: in a layout that this device has answered with: `dim` as ever, every stride 0, `layout_id` and `bytes` from the answer. To plan_create
 *   an op may be refused for the layouts of its inputs: the host then reorders them and asks again.
 * ANY: in plan_create, "choose for me". The strides tell how an input lies, or how the result would if nothing else is chosen. */
#define MU_LAYOUT_STRIDED 0u
#define MU_LAYOUT_OPAQUE 1u
#define MU_LAYOUT_ANY 2u

/* A flag of views: the memory must not be written. */
#define MU_VIEW_READ_ONLY 1u
/* Borrowed for the call. In plan_create `buffer` is NULL and `dim`, `stride` beyond `rank` are zero; in plan_run they are
 * unspecified there. Strides count elements and are never negative; 0 repeats. Rank 0 is one value. A dim may be 0. */
typedef struct mu_tensor {
  uint32_t size;
  mu_dtype dtype;
  uint16_t rank;
  uint16_t layout;
  uint32_t flags;
  mu_buffer* buffer;
  uint64_t byte_offset;
  int64_t dim[MU_MAX_RANK];
  int64_t stride[MU_MAX_RANK];
  uint64_t layout_id;
  uint64_t bytes; /* reachable from byte_offset; OPAQUE: of the layout */
} mu_tensor;

#include "mushin/plugin_ops.h"

/* Flags of plan_create. Unknown ones are as if not there.
 * QUERY_ONLY: answer, compile nothing, *plan stays NULL.
 * ORDERED: the host takes no plan but one with MU_PLAN_DETERMINISTIC in its info's flags. Make a slower one that may say so, or answer as ever. */
#define MU_PLAN_QUERY_ONLY 1u
#define MU_PLAN_ORDERED 2u

/* What a plan has baked in, so what the host must key on besides the descriptor and the dtypes. A plan that names none of
 * a kind runs for views of any dims (strides) of the rank and dtypes that it was made for.
 * MU_SPEC_CLASS: per operand, the innermost stride's class (0, 1, other), and whether the operand is one value. */
#define MU_SPEC_SHAPE 1u  /* dims */
#define MU_SPEC_STRIDE 2u /* exact strides */
#define MU_SPEC_CLASS 4u  /* stride classes */
#define MU_SPEC_RANK 8u   /* the rank of the views (else a pointwise or map-reduce plan runs for every rank) */

/* DETERMINISTIC: equal operands give equal bits, from run to run and for any number of threads. CAPTURE_SAFE: law 6 holds for it to the letter, so
 * that its runs may be captured (mushin/plugin_graph.h). */
#define MU_PLAN_DETERMINISTIC 1u
#define MU_PLAN_CAPTURE_SAFE 2u
typedef struct mu_plan_info {
  uint32_t size;
  uint32_t specialized;
  uint64_t workspace_bytes;
  uint64_t workspace_align;
  /* Answers to MU_LAYOUT_ANY, by the place of the view: inputs, then outputs. 0: strided, as the view tells. Else a token of this device, which
   * with element type and dims says where each element lies in `layout_bytes` bytes. */
  uint64_t layout_id[16];
  uint64_t layout_bytes[16];
  double cost_hint_ns; /* 0: unknown */
  uint32_t flags;
  /* Bit k: layout_id[k] is an order of elements, and of padding that may hold anything. A pointwise program of operands and results of one such
   * token, element type and dims then runs over all layout_bytes as over one row, and its results are of that layout. */
  uint32_t elementwise;
} mu_plan_info;

/* What a device is made by: the bits of a note's `kinds`. */
#define MU_KIND_CPU 1u
#define MU_KIND_CUDA 2u
#define MU_KIND_HIP 3u
#define MU_KIND_LEVEL_ZERO 4u
#define MU_KIND_VULKAN 5u
#define MU_KIND_VENDOR 31u

/* The device computes in the host's memory, and is done when a call returns. The host then allocates by itself: `mu_tensor.buffer` is the
 * address, the memory table may be NULL, and every op that the plugin refuses runs on the builtin backend in place, without copies. */
#define MU_CAP_HOST_MEMORY 1u
#define MU_CAP_OWN_THREADS 2u /* uses OpenMP, TBB … instead of mu_host.parallel_for */
/* Answers MU_LAYOUT_ANY with layouts of its own, and has MU_OP_REORDER between each of them and strided views. Others are never asked.
 * OPAQUE_LAYOUTS: for products. IMAGE_LAYOUTS: for results of MU_OP_CONV, and where an operand is OPAQUE for what may lie between two of them:
 * MU_OP_POOL, and MU_OP_NORMALIZE of channels. */
#define MU_CAP_OPAQUE_LAYOUTS 4u
#define MU_CAP_IMAGE_LAYOUTS 8u

/* What a device is: `size` is set by the caller, the rest by the plugin. pw_max_…: the largest programs that it takes. */
typedef struct mu_device_info {
  uint32_t size;
  uint32_t kind;
  uint64_t mem_total; /* bytes; 0: the host's memory */
  uint64_t mem_align; /* of alloc's results */
  uint64_t caps;
  uint32_t numa_node;
  uint32_t pw_max_in, pw_max_out, pw_max_inst; /* at least 12, 4, 64 */
  uint8_t uuid[16];
  char name[96], arch[32], driver[32];
} mu_device_info;

/* What every device does. */
typedef struct mu_device_table {
  uint32_t size, zero0;
  mu_code (*info)(mu_device*, mu_device_info*, mu_error*) MU_NOEXCEPT;
  mu_code (*synchronize)(mu_device*, mu_error*) MU_NOEXCEPT; /* waits for all streams */
  void (*close)(mu_device*) MU_NOEXCEPT;
  mu_code (*mem_info)(mu_device*, uint64_t* free_bytes, uint64_t* total_bytes, mu_error*) MU_NOEXCEPT; /* may be NULL */
} mu_device_table;

/* Kinds of memory that `alloc` is asked for. */
#define MU_MEMORY_DEVICE 0u
#define MU_MEMORY_HOST_PINNED 1u

/* upload has read `from` when it returns; download writes `to` in the stream's order, at the latest until a synchronize, or an event_wait
 * behind it, returns. free is called for buffers that no queued work uses. */
typedef struct mu_memory_table {
  uint32_t size, zero0;
  mu_code (*alloc)(mu_device*, uint32_t kind, uint64_t bytes, uint64_t align, mu_buffer**, mu_error*) MU_NOEXCEPT;
  void (*free)(mu_device*, mu_buffer*) MU_NOEXCEPT;
  mu_code (*upload)(mu_device*, mu_stream*, mu_buffer*, uint64_t offset, const void* from, uint64_t bytes, mu_error*) MU_NOEXCEPT;
  mu_code (*download)(mu_device*, mu_stream*, void* to, mu_buffer*, uint64_t offset, uint64_t bytes, mu_error*) MU_NOEXCEPT;
  mu_code (*host_ptr)(mu_device*, mu_buffer*, void**, mu_error*) MU_NOEXCEPT;                       /* may be NULL */
  mu_code (*import_host)(mu_device*, void*, uint64_t bytes, mu_buffer**, mu_error*) MU_NOEXCEPT;    /* may be NULL */
} mu_memory_table;

/* An event stands for all that was given to a stream until event_record; never recorded, it is reached. Recorded anew it stands for the new
 * point, and what waits for the old one goes on waiting for that. stream_wait_event: what is given to the stream from now on begins when
 * the event is reached. event_query: MU_OK when it is (whatever failed), else MU_PENDING, but not for ever. event_wait returns when it is,
 * with what failed; or MU_TIMEOUT after timeout_ns, of which UINT64_MAX has no end. Failed work is done with its memory as other work is.
 * stream synchronize: as event_wait for all that was given to it. The host computes on the default stream and, where the table is whole,
 * makes one stream for uploads and one for downloads. flags are 0. */
typedef struct mu_stream_table {
  uint32_t size, zero0;
  mu_code (*create)(mu_device*, uint32_t flags, mu_stream**, mu_error*) MU_NOEXCEPT;
  void (*destroy)(mu_stream*) MU_NOEXCEPT;
  mu_code (*synchronize)(mu_stream*, mu_error*) MU_NOEXCEPT;
  mu_code (*event_create)(mu_device*, uint32_t flags, mu_event**, mu_error*) MU_NOEXCEPT;
  void (*event_destroy)(mu_event*) MU_NOEXCEPT;
  mu_code (*event_record)(mu_event*, mu_stream*, mu_error*) MU_NOEXCEPT;
  mu_code (*event_query)(mu_event*, mu_error*) MU_NOEXCEPT;
  mu_code (*event_wait)(mu_event*, uint64_t timeout_ns, mu_error*) MU_NOEXCEPT;
  mu_code (*stream_wait_event)(mu_stream*, mu_event*, mu_error*) MU_NOEXCEPT;
} mu_stream_table;

/* A plan is made once for an op on such views (MU_UNSUPPORTED: not by this device) and run many times. */
typedef struct mu_compute_table {
  uint32_t size, zero0;
  mu_code (*plan_create)(mu_device*, const mu_op*, uint32_t flags, uint32_t n_in, const mu_tensor* in, uint32_t n_out,
                         const mu_tensor* out, mu_plan**, mu_plan_info*, mu_error*) MU_NOEXCEPT;
  mu_code (*plan_run)(mu_plan*, mu_stream*, uint32_t n_in, const mu_tensor* in, uint32_t n_out, const mu_tensor* out,
                      mu_buffer* workspace, uint64_t workspace_offset, mu_error*) MU_NOEXCEPT;
  void (*plan_destroy)(mu_plan*) MU_NOEXCEPT;
} mu_compute_table;

/* Levels of mu_host.log, and what parallel_for calls for [begin, end). */
#define MU_LOG_DEBUG 0u
#define MU_LOG_INFO 1u
#define MU_LOG_WARNING 2u
typedef void (*mu_range_fn)(void* arg, uint64_t begin, uint64_t end);

/* Given at entry, valid for the life of the process, callable from any thread. */
typedef struct mu_host {
  uint32_t size, abi_minor;
  void* ctx;
  void (*log)(void* ctx, uint32_t level, const char* text, size_t length) MU_NOEXCEPT;
  /* MUSHIN_<PLUGIN>_<KEY> of the environment, or NULL */
  const char* (*config)(void* ctx, const char* plugin, const char* key) MU_NOEXCEPT;
  /* f over [0, n) in chunks of `grain` (the last one shorter), whose borders depend on n and grain alone. Returns when all
   * are done. From within a chunk it runs inline. f must not throw. */
  void (*parallel_for)(void* ctx, uint64_t n, uint64_t grain, mu_range_fn f, void* arg) MU_NOEXCEPT;
  uint32_t (*thread_count)(void* ctx) MU_NOEXCEPT;
} mu_host;

/* Static in the plugin. `stream`, `extension` may be NULL; `memory` too where all devices have MU_CAP_HOST_MEMORY. */
typedef struct mu_plugin {
  uint32_t size, abi_minor;
  const char *name, *version, *vendor, *license;
  mu_code (*device_count)(uint32_t*, mu_error*) MU_NOEXCEPT; /* may touch the driver */
  mu_code (*device_open)(uint32_t index, mu_device**, mu_error*) MU_NOEXCEPT;
  const void* (*extension)(const char* name, uint32_t min_version) MU_NOEXCEPT;
  const mu_device_table* device;
  const mu_memory_table* memory;
  const mu_stream_table* stream;
  const mu_compute_table* compute;
} mu_plugin;

/* Must not touch a driver, start a thread, or allocate what would have to be freed. NULL and an error: not loaded, with
 * MU_UNAVAILABLE meaning "nothing to drive here". */
typedef const mu_plugin* (*mu_entry_fn)(const mu_host*, mu_error*);

/* Read before the file is opened as a library. PT_NOTE, owner "mushin", type MU_NOTE_TYPE, aligned to 4. */
#define MU_NOTE_OWNER "mushin"
#define MU_NOTE_TYPE 0x6d750001u
typedef struct mu_note {
  uint32_t size;
  uint16_t abi_major, abi_minor;
  uint32_t isa_level; /* x86-64-vN that the file needs, 1 to 4; 0: not x86-64 */
  uint32_t kinds;     /* bit k: has devices of kind k */
  uint32_t sanitizer; /* 0 none, 1 address, 2 thread, 3 memory */
  char name[32], version[24];
} mu_note;

/* What this file is compiled with: the note's `sanitizer`. */
#if defined(__SANITIZE_ADDRESS__)
#define MU_NOTE_SANITIZER 1u
#elif defined(__SANITIZE_THREAD__)
#define MU_NOTE_SANITIZER 2u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MU_NOTE_SANITIZER 1u
#elif __has_feature(thread_sanitizer)
#define MU_NOTE_SANITIZER 2u
#endif
#endif
#ifndef MU_NOTE_SANITIZER
#define MU_NOTE_SANITIZER 0u
#endif

/* The x86-64 level that this file is compiled for: the note's `isa_level`. */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define MU_NOTE_ISA 4u
#elif defined(__AVX2__) && defined(__FMA__)
#define MU_NOTE_ISA 3u
#elif defined(__SSE4_2__)
#define MU_NOTE_ISA 2u
#elif defined(__x86_64__)
#define MU_NOTE_ISA 1u
#else
#define MU_NOTE_ISA 0u
#endif

/* MUSHIN_PLUGIN_NOTE("onednn", "0.1.0", 1u << MU_KIND_CPU) once, at file scope of one source file of the plugin. */
#define MUSHIN_PLUGIN_NOTE(plugin_name, plugin_version, plugin_kinds)                                                  \
  __attribute__((section(".note.mushin"), aligned(4), used)) static const struct {                                    \
    uint32_t owner_size, desc_size, type;                                                                              \
    char owner[8];                                                                                                     \
    mu_note note;                                                                                                      \
  } mushin_plugin_note = {sizeof MU_NOTE_OWNER, sizeof(mu_note), MU_NOTE_TYPE, MU_NOTE_OWNER,                          \
                          {sizeof(mu_note), MU_ABI_MAJOR, MU_ABI_MINOR, MU_NOTE_ISA, (plugin_kinds),                   \
                           MU_NOTE_SANITIZER, plugin_name, plugin_version}}
#define MUSHIN_PLUGIN_EXPORT __attribute__((visibility("default")))

/* Reads a descriptor of any version: known bytes are copied, missing ones are zero, unknown ones must be zero. */
static inline mu_code mu_read_desc(void* to, size_t known, const void* from, size_t least) {
  uint32_t n;
  size_t i;
  memcpy(&n, from, sizeof n);
  if (n < least) return MU_INVALID;
  memset(to, 0, known);
  memcpy(to, from, n < known ? n : known);
  for (i = known; i < n; ++i)
    if (((const unsigned char*)from)[i] != 0) return MU_UNSUPPORTED;
  return MU_OK;
}

/* Fills in `e` (which may be NULL) and returns `code`. */
static inline mu_code mu_fail(mu_error* e, mu_code code, int64_t native_code, const char* text) {
  size_t n = strlen(text);
  if (!e) return code;
  if (n >= sizeof e->message) n = sizeof e->message - 1;
  e->code = code;
  e->native_code = native_code;
  e->flags = 0;
  e->message_len = (uint32_t)n;
  memcpy(e->message, text, n);
  e->message[n] = 0;
  return code;
}

MU_STATIC_ASSERT(sizeof(void*) == 8, "mushin plugins are 64-bit");
MU_STATIC_ASSERT(sizeof(mu_error) == 512, "mu_error");
MU_STATIC_ASSERT(sizeof(mu_tensor) == 176 && offsetof(mu_tensor, dim) == 32, "mu_tensor");
MU_STATIC_ASSERT(sizeof(mu_pw_inst) == 16, "mu_pw_inst");
MU_STATIC_ASSERT(sizeof(mu_pw_program) == 88, "mu_pw_program");
MU_STATIC_ASSERT(sizeof(mu_plan_info) == 296, "mu_plan_info");
MU_STATIC_ASSERT(sizeof(mu_note) == 76, "mu_note");
#ifdef __cplusplus
}
#endif
#endif
