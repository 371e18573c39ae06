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
 *   7. Work on one stream is done in order; two threads never use one stream at once; all else is thread-safe.
 *      Stream NULL is the device's one default stream. A device without a stream table is synchronous.
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

#define MU_ABI_MAJOR 0u
#define MU_ABI_MINOR 0u
#define MU_ENTRY_SYMBOL "mushin_plugin_entry_v0"
#define MU_MAX_RANK 8
typedef int32_t mu_code;
#define MU_OK 0
#define MU_INVALID 1       /* the caller broke the law: detected, never a crash                             */
#define MU_UNSUPPORTED 2   /* the host decomposes, inherits or falls back                                   */
#define MU_OUT_OF_MEMORY 3 /* the host drains its caches, waits, and retries once                           */
#define MU_UNAVAILABLE 4   /* no driver, no hardware: shown as a state, not as an error                     */
#define MU_DEVICE_LOST 5   /* and it stays lost                                                             */
#define MU_TIMEOUT 6
#define MU_INTERNAL 7
#define MU_PENDING 8 /* event_query only                                                                    */

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

static inline uint32_t mu_dtype_bytes(mu_dtype t) { return (t >> 8 & 0xFFu) / 8u; }

#define MU_LAYOUT_STRIDED 0u
#define MU_LAYOUT_OPAQUE 1u /* layout_id is a token of this device of this build of the plugin */
#define MU_LAYOUT_ANY 2u    /* plan_create only: "choose for me"; the answer is in mu_plan_info */

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
  uint64_t bytes; /* reachable from byte_offset */
} mu_tensor;

/* SSA. Value ids number the inputs, then the constants, then the instructions, in order; an operand's id is less than the
 * instruction's own, so one pass verifies a program and no loop is possible.
 * Iteration space of a pointwise op: the dims of the outputs (all outputs have the same dims); an input view has the same
 * rank and dims, with stride 0 where it is broadcast.
 * The host guarantees: an output shares memory with an input only if it is exactly the same view and no instruction after
 * the one that makes the output reads that input (an output that is an input or a constant itself counts as made last). */
#define MU_PW_MAGIC 0x3150574du /* "MWP1" */
#define MU_PW_NONE 0xFFFFu      /* an operand that isn't there */

/* Opcodes. `T`: any type, `F`: float types, `I`: integer types, `B`: bool. Result type is the operands' unless said.
 * Every backend takes the core opcodes (below 128); an optional one may be refused with MU_UNSUPPORTED, then the host writes
 * it out in core opcodes. Error bounds in ULP of f32 / f64 against the exact result; 0.5 means correctly rounded. */
#define MU_PW_ADD 1     /* a + b       F I; B: or   0.5                                                     */
#define MU_PW_SUB 2     /* a - b       F I          0.5                                                     */
#define MU_PW_MUL 3     /* a * b       F I; B: and  0.5                                                     */
#define MU_PW_DIV 4     /* a / b       F: IEEE 0.5. I: toward zero; x / 0 is 0, MIN / -1 is MIN             */
#define MU_PW_REM 5     /* remainder with the sign of a (C fmod / %)  F I; x rem 0: NaN / 0                 */
#define MU_PW_MIN 6     /* F: NaN if either is NaN; I; B: and                                               */
#define MU_PW_MAX 7     /* F: NaN if either is NaN; I; B: or                                                */
#define MU_PW_FMA 8     /* a * b + c, rounded once   F                                                      */
#define MU_PW_NEG 9     /* F I                                                                              */
#define MU_PW_ABS 10    /* F I (|MIN| is MIN)                                                               */
#define MU_PW_SQRT 11   /* F 0.5; of a negative: NaN                                                        */
#define MU_PW_RSQRT 12  /* F 2                                                                              */
#define MU_PW_EXP 13    /* F 2                                                                              */
#define MU_PW_LOG 14    /* F 2; of 0: -inf, of a negative: NaN                                              */
#define MU_PW_SIN 15    /* F 4 (absolute 1e-6 beyond |x| = 1e4)                                             */
#define MU_PW_COS 16    /* F 4 (absolute 1e-6 beyond |x| = 1e4)                                             */
#define MU_PW_TANH 17   /* F 6                                                                              */
#define MU_PW_ERF 18    /* F 8                                                                              */
#define MU_PW_POW 19    /* F 16; I: by squaring, a negative exponent gives 0 unless |a| is 1                */
#define MU_PW_FLOOR 20  /* F exact                                                                          */
#define MU_PW_CEIL 21   /* F exact                                                                          */
#define MU_PW_TRUNC 22  /* F exact                                                                          */
#define MU_PW_RINT 23   /* F exact; ties to even                                                            */
#define MU_PW_EQ 24     /* T -> B                                                                           */
#define MU_PW_NE 25     /* T -> B                                                                           */
#define MU_PW_LT 26     /* F I B -> B                                                                       */
#define MU_PW_LE 27     /* F I B -> B                                                                       */
#define MU_PW_GT 28     /* F I B -> B                                                                       */
#define MU_PW_GE 29     /* F I B -> B                                                                       */
#define MU_PW_AND 30    /* bitwise  I B                                                                     */
#define MU_PW_OR 31     /* bitwise  I B                                                                     */
#define MU_PW_XOR 32    /* bitwise  I B                                                                     */
#define MU_PW_NOT 33    /* bitwise  I; B: logical                                                           */
#define MU_PW_SHL 34    /* I; a shift by the width or more gives 0                                          */
#define MU_PW_SHR 35    /* I; arithmetic for signed types                                                   */
#define MU_PW_SELECT 36 /* a ? b : c   a: B; b, c and the result: T                                         */
#define MU_PW_CAST 37   /* T -> `type`: C++ conversion; float to integer saturates, NaN gives 0; to B: != 0 */
#define MU_PW_ISNAN 38  /* F -> B                                                                           */
#define MU_PW_IOTA 39   /* no operand -> I64: index in the row-major order of the iteration space, cut by   */
                        /* aux: 0 the linear index, k the index along axis k-1                              */
#define MU_PW_CORE_END 40
#define MU_PW_SIGMOID 128 /* 1 / (1 + exp(-a))  F 4                                                         */
#define MU_PW_EXPM1 129   /* F 4                                                                            */
#define MU_PW_LOG1P 130   /* F 4                                                                            */
#define MU_PW_RELU 131    /* max(a, 0); NaN stays NaN  F                                                    */
#define MU_PW_STEP 132    /* a > 0 ? b : 0 (the gradient of relu)  F                                        */
#define MU_PW_OPTIONAL_END 133
typedef struct mu_pw_inst {
  uint16_t op;
  uint16_t flags; /* 0 */
  mu_dtype type;  /* of the result */
  uint16_t a, b, c;
  uint16_t aux;
} mu_pw_inst;
#define MU_PW_REASSOCIATE 1u /* sums and products may be reordered */
#define MU_PW_APPROXIMATE 2u /* exp, log, tanh … may be coarser than the bounds above */

typedef struct mu_pw_program {
  uint32_t size;
  uint32_t magic;
  uint16_t version; /* 1 */
  uint16_t n_in, n_out, n_const, n_inst;
  uint16_t flags;
  uint16_t out[16]; /* value id stored to output k */
  uint32_t hash;    /* of the program's contents, equal for equal programs */
  const mu_dtype* in_type;
  const uint64_t* const_bits; /* the low bytes are the value */
  const mu_dtype* const_type;
  const mu_pw_inst* inst;
} mu_pw_program;

/* An op is data given to plan_create. The first nine are required, the others have a decomposition in the host. */
typedef struct mu_op {
  uint32_t size; /* of the whole descriptor */
  uint32_t id;
} mu_op;

#define MU_OP_POINTWISE 1
#define MU_OP_MAP_REDUCE 2
#define MU_OP_MATMUL 3
#define MU_OP_COPY 4
#define MU_OP_FILL 5
#define MU_OP_RANDOM 6
#define MU_OP_GATHER 7
#define MU_OP_SCATTER_ADD 8
#define MU_OP_REORDER 9
#define MU_OP_SOFTMAX 72
#define MU_OP_VENDOR 0x8000
/* in: the program's inputs; out: its outputs. */
typedef struct mu_op_pointwise {
  mu_op h;
  const mu_pw_program* program;
} mu_op_pointwise;
#define MU_REDUCE_SUM 1
#define MU_REDUCE_PROD 2
#define MU_REDUCE_MAX 3 /* F: NaN wins */
#define MU_REDUCE_MIN 4
#define MU_REDUCE_ARGMAX 5 /* result I64: row-major index within the reduced axes; the first of equals; NaN wins */
#define MU_REDUCE_ARGMIN 6

/* One pass: the program's single output, computed over the iteration space, is reduced.
 * in: the program's inputs, viewed in the iteration space. out[0]: has the rank and dims of the iteration space with stride 0
 * in every reduced axis. Reduced and kept axes are never merged into one; a reduced axis may have any position.
 * `acc`: the type to accumulate in (the result is cast to out[0].dtype). Sums are pairwise or blocked (error grows as
 * log n or sqrt n, not n) and don't depend on the number of threads. Over nothing: 0, 1, -inf / MIN, +inf / MAX; ARG: 0. */
typedef struct mu_op_map_reduce {
  mu_op h;
  const mu_pw_program* program;
  uint32_t kind;
  mu_dtype acc;
} mu_op_map_reduce;

#define MU_MATH_EXACT 0 /* products in the operands' precision at least */
#define MU_MATH_TF32 1
#define MU_MATH_BF16X3 2

/* in[0]: a (…, m, k), in[1]: b (…, k, n), in[2…]: the epilogue's further inputs, viewed as out[0]; out[0]: (…, m, n).
 * All have one rank (2 to 8); batch axes broadcast by stride 0; any strides. out = epilogue(a b), with `acc` as the type of
 * sums. The epilogue (NULL: none) is a program whose input 0 is the product in type `acc`, inputs 1… are in[2…], with one output. */
typedef struct mu_op_matmul {
  mu_op h;
  mu_dtype acc;
  uint32_t math;
  const mu_pw_program* epilogue;
} mu_op_matmul;

/* in[0] to out[0], of equal dims: any strides, any two element types (conversion as MU_PW_CAST). */
typedef struct mu_op_copy { mu_op h; } mu_op_copy;

/* Every element of out[0] becomes the value (low bytes of `bits`, in out[0]'s type). Not used for values that vary. */
typedef struct mu_op_fill {
  mu_op h;
  uint64_t bits;
} mu_op_fill;

/* Philox-4x32-10 (Salmon et al. 2011). in[0]: I64, rank 1, two elements {key, counter}; out[0]: contiguous.
 * Element i takes 32-bit word (i mod 4) of block counter + i/4 (64-bit types: words 2(i mod 2), 2(i mod 2)+1, low first, of block counter + i/2),
 * block number in the two low counter words, the two high ones zero; the key's low word first. Bit-equal everywhere. */
#define MU_RANDOM_BITS 0    /* I32 I64 U8…: the raw word                                                    */
#define MU_RANDOM_UNIFORM 1 /* [0, 1): (word >> 8) * 2^-24 for f32, (word64 >> 11) * 2^-53 for f64          */
typedef struct mu_op_random {
  mu_op h;
  uint32_t kind;
  uint32_t zero0;
} mu_op_random;

/* out[p] = data[p with coordinate `axis` replaced by indices[p]]. in[0]: data (any dims of out's rank), in[1]: indices (I64,
 * viewed with out's dims), out[0]. The other dims of data equal out's. An index outside [0, data.dim[axis]) is MU_INVALID from plan_run, with the
 * index and the extent in the text, out then unspecified. */
typedef struct mu_op_gather {
  mu_op h;
  uint32_t axis;
  uint32_t zero0;
} mu_op_gather;

/* out[p with coordinate `axis` replaced by indices[p]] += updates[p], for p in row-major order where deterministic.
 * in[0]: indices (I64, viewed with the updates' dims), in[1]: updates, out[0]: read and written. Indices as in gather. */
typedef struct mu_op_scatter_add {
  mu_op h;
  uint32_t axis;
  uint32_t deterministic;
} mu_op_scatter_add;

/* in[0] to out[0] between layouts of one device. */
typedef struct mu_op_reorder { mu_op h; } mu_op_reorder;

#define MU_SOFTMAX 0              /* in: x          out: exp(x - max) / sum                                 */
#define MU_SOFTMAX_LOG 1          /* in: x          out: x - max - log sum                                  */
#define MU_SOFTMAX_BACKWARD 2     /* in: y, dy      out: y (dy - sum(y dy))                                 */
#define MU_SOFTMAX_LOG_BACKWARD 3 /* in: y, dy      out: dy - exp(y) sum(dy)                                */
/* Over one axis; all views have equal dims. */
typedef struct mu_op_softmax {
  mu_op h;
  uint32_t kind;
  uint32_t axis;
} mu_op_softmax;

#define MU_PLAN_QUERY_ONLY 1u /* flag of plan_create: answer, compile nothing, *plan stays NULL */

/* What a plan has baked in, so what the host must key on besides the descriptor and the dtypes. A plan that names none of
 * a kind runs for views of any dims (strides) of the rank and dtypes that it was made for.
 * MU_SPEC_CLASS: per operand, the innermost stride's class (0, 1, other), and whether the operand is one value. */
#define MU_SPEC_SHAPE 1u  /* dims */
#define MU_SPEC_STRIDE 2u /* exact strides */
#define MU_SPEC_CLASS 4u  /* stride classes */
#define MU_SPEC_RANK 8u   /* the rank of the views (else a pointwise or map-reduce plan runs for every rank) */

#define MU_PLAN_DETERMINISTIC 1u
#define MU_PLAN_CAPTURE_SAFE 2u
typedef struct mu_plan_info {
  uint32_t size;
  uint32_t specialized;
  uint64_t workspace_bytes;
  uint64_t workspace_align;
  uint64_t layout_id[16];    /* answers to MU_LAYOUT_ANY: inputs, then outputs */
  uint64_t layout_bytes[16];
  double cost_hint_ns; /* 0: unknown */
  uint32_t flags;
  uint32_t zero0;
} mu_plan_info;

#define MU_KIND_CPU 1u
#define MU_KIND_CUDA 2u
#define MU_KIND_HIP 3u
#define MU_KIND_LEVEL_ZERO 4u
#define MU_KIND_VULKAN 5u
#define MU_KIND_VENDOR 31u

/* The device computes in the host's memory. The host then allocates by itself: `mu_tensor.buffer` is the address, the memory
 * table may be NULL, and every op that the plugin refuses runs on the builtin backend in place, without copies. */
#define MU_CAP_HOST_MEMORY 1u
#define MU_CAP_OWN_THREADS 2u /* uses OpenMP, TBB … instead of mu_host.parallel_for */

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
typedef struct mu_device_table {
  uint32_t size, zero0;
  mu_code (*info)(mu_device*, mu_device_info*, mu_error*) MU_NOEXCEPT;
  mu_code (*synchronize)(mu_device*, mu_error*) MU_NOEXCEPT;
  void (*close)(mu_device*) MU_NOEXCEPT;
  mu_code (*mem_info)(mu_device*, uint64_t* free_bytes, uint64_t* total_bytes, mu_error*) MU_NOEXCEPT; /* may be NULL */
} mu_device_table;
#define MU_MEMORY_DEVICE 0u
#define MU_MEMORY_HOST_PINNED 1u

typedef struct mu_memory_table {
  uint32_t size, zero0;
  mu_code (*alloc)(mu_device*, uint32_t kind, uint64_t bytes, uint64_t align, mu_buffer**, mu_error*) MU_NOEXCEPT;
  void (*free)(mu_device*, mu_buffer*) MU_NOEXCEPT;
  mu_code (*upload)(mu_device*, mu_stream*, mu_buffer*, uint64_t offset, const void* from, uint64_t bytes, mu_error*) MU_NOEXCEPT;
  mu_code (*download)(mu_device*, mu_stream*, void* to, mu_buffer*, uint64_t offset, uint64_t bytes, mu_error*) MU_NOEXCEPT;
  mu_code (*host_ptr)(mu_device*, mu_buffer*, void**, mu_error*) MU_NOEXCEPT;                       /* may be NULL */
  mu_code (*import_host)(mu_device*, void*, uint64_t bytes, mu_buffer**, mu_error*) MU_NOEXCEPT;    /* may be NULL */
} mu_memory_table;
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
typedef struct mu_compute_table {
  uint32_t size, zero0;
  mu_code (*plan_create)(mu_device*, const mu_op*, uint32_t flags, uint32_t n_in, const mu_tensor* in, uint32_t n_out,
                         const mu_tensor* out, mu_plan**, mu_plan_info*, mu_error*) MU_NOEXCEPT;
  mu_code (*plan_run)(mu_plan*, mu_stream*, uint32_t n_in, const mu_tensor* in, uint32_t n_out, const mu_tensor* out,
                      mu_buffer* workspace, uint64_t workspace_offset, mu_error*) MU_NOEXCEPT;
  void (*plan_destroy)(mu_plan*) MU_NOEXCEPT;
} mu_compute_table;

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
