/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a backend computes: pointwise programs, and ops as data given to plan_create. Included by plugin.h.
 */
#ifndef MUSHIN_PLUGIN_OPS_H
#define MUSHIN_PLUGIN_OPS_H

#ifndef MUSHIN_PLUGIN_H
#error "include <mushin/plugin.h>"
#endif

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
 * it out in core opcodes. Error bounds in ULP of f32 / f64 against the exact result; 0.5 means correctly rounded. Integers of all sizes
 * wrap. On F16 and BF16 every instruction computes as on F32 and then rounds to the type, nearest, ties to even. */
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
#define MU_PW_CAST 37   /* T -> `type`: C++ conversion; float to integer saturates, NaN gives 0; to B: != 0; to F16 and BF16 rounded once */
#define MU_PW_ISNAN 38  /* F -> B                                                                           */
#define MU_PW_IOTA 39   /* no operand -> I64: index in the row-major order of the iteration space, cut by   */
                        /* aux: 0 the linear index, k the index along axis k-1                              */
#define MU_PW_ASIN 40 /* F 4; beyond [-1, 1]: NaN                                                           */
#define MU_PW_ACOS 41 /* F 4; beyond [-1, 1]: NaN                                                           */
#define MU_PW_ATAN 42 /* F 4                                                                                */
#define MU_PW_CORE_END 43
#define MU_PW_SIGMOID 128 /* 1 / (1 + exp(-a))  F 4                                                         */
#define MU_PW_EXPM1 129   /* F 4                                                                            */
#define MU_PW_LOG1P 130   /* F 4                                                                            */
#define MU_PW_RELU 131    /* max(a, 0); NaN stays NaN  F                                                    */
#define MU_PW_STEP 132    /* a > 0 ? b : 0 (the gradient of relu)  F                                        */
#define MU_PW_OPTIONAL_END 133

/* One instruction: values `a`, `b`, `c`, as many as `op` takes, give one more value. */
typedef struct mu_pw_inst {
  uint16_t op;
  uint16_t flags; /* 0 */
  mu_dtype type;  /* of the result */
  uint16_t a, b, c;
  uint16_t aux;
} mu_pw_inst;
#define MU_PW_REASSOCIATE 1u /* sums and products may be reordered */
#define MU_PW_APPROXIMATE 2u /* exp, log, tanh … may be coarser than the bounds above */

/* Instructions on elements. Values are numbered: the inputs, the constants, then one for each instruction. */
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

/* Numbers of ops; the descriptor of MU_OP_SORT is mu_op_sort. 96: mushin/plugin_collectives.h. From VENDOR on they are never given out. */
#define MU_OP_POINTWISE 1
#define MU_OP_MAP_REDUCE 2
#define MU_OP_MATMUL 3
#define MU_OP_COPY 4
#define MU_OP_FILL 5
#define MU_OP_RANDOM 6
#define MU_OP_GATHER 7
#define MU_OP_SCATTER_ADD 8
#define MU_OP_REORDER 9
#define MU_OP_CONV 64
#define MU_OP_POOL 67
#define MU_OP_SOFTMAX 72
#define MU_OP_NORMALIZE 73
#define MU_OP_ATTENTION 80
#define MU_OP_RNN 84
#define MU_OP_CTC 86
#define MU_OP_SORT 90
#define MU_OP_SCAN 91
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
 * `acc`: the type to accumulate in (the result is cast to out[0].dtype): of sums and products I64 for integers, F32 for F16 and BF16. Sums are pairwise or blocked (error grows as
 * log n or sqrt n, not n) and don't depend on the number of threads. Over nothing: 0, 1, -inf / MIN, +inf / MAX; ARG: 0. */
typedef struct mu_op_map_reduce {
  mu_op h;
  const mu_pw_program* program;
  uint32_t kind;
  mu_dtype acc;
} mu_op_map_reduce;

#define MU_MATH_EXACT 0 /* products in the operands' precision at least */
#define MU_MATH_TF32 1   /* operands may be rounded to TF32 */
#define MU_MATH_BF16X3 2 /* operands may be split into BF16 parts */

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

/* in[0] to out[0], of equal dims and one element type: from a layout of the device to strides, or from strides to a layout. */
typedef struct mu_op_reorder { mu_op h; } mu_op_reorder;

#define MU_CONV_FORWARD 0          /* in: x, w, e…      out: y                                                 */
#define MU_CONV_BACKWARD_DATA 1    /* in: dy, w, e…     out: dx; as a forward op a transposed convolution      */
#define MU_CONV_BACKWARD_WEIGHTS 2 /* in: x, dy         out: dw                                                */
/* Cross-correlation over 1, 2 or 3 axes. x: (batch, channels, sizes…), w: (outputs, channels / groups, kernel…), y: (batch, outputs, sizes…),
 *   y[b, o, p] = sum over c, k of x[b, group(o) channels / groups + c, p stride + k dilation - before] w[o, c, k],
 * where x counts as 0 outside of its sizes (so padding behind x follows from y's sizes), and group(o) = o / (outputs / groups). Each kind
 * gives one of the three from the gradient or value of the other two: the sums are those whose products hold the element. What no product
 * holds is 0. All views have one rank (3 to 5) and one float type, any strides; `acc` is the type of sums. The epilogue is as matmul's, its
 * further inputs e… viewed as out[0]. Entries of the arrays beyond the axes are 0. */
typedef struct mu_op_conv {
  mu_op h;
  uint32_t kind;
  mu_dtype acc;
  uint32_t math;
  uint32_t groups;
  uint32_t stride[3];
  uint32_t dilation[3];
  uint32_t before[3];
  uint32_t zero0;
  const mu_pw_program* epilogue;
} mu_op_conv;

#define MU_POOL_MAX 0           /* in: x        out: y: the greatest of each window; NaN wins                     */
#define MU_POOL_MAX_BACKWARD 1  /* in: x, dy    out: dx: each dy goes to where its window has y first (row-major) */
#define MU_POOL_MEAN 2          /* in: x        out: y: a window's sum by its count                               */
#define MU_POOL_MEAN_BACKWARD 3 /* in: dy       out: dx                                                           */
#define MU_POOL_COUNT_PADDING 1u
/* Windows over 1, 2 or 3 axes behind (batch, channels): y's element p looks at x[p stride + k dilation - before] for k in `window`. MAX
 * leaves out what is outside of x; each window has something inside. MEAN (dilation 1) counts what is inside or, under COUNT_PADDING,
 * what is inside of x widened by `before` and `after` of zeros. One float type, any strides. Entries beyond the axes are 0. */
typedef struct mu_op_pool {
  mu_op h;
  uint32_t kind;
  uint32_t flags;
  uint32_t window[3];
  uint32_t stride[3];
  uint32_t dilation[3];
  uint32_t before[3];
  uint32_t after[3];
  uint32_t zero0;
} mu_op_pool;

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

#define MU_NORMALIZE_LAYER 0          /* in: x, gain, bias                  out: (x - mean) / sqrt(variance + eps) * gain + bias        */
#define MU_NORMALIZE_LAYER_BACKWARD 1 /* in: x, gain, dy                    out: dx, dgain, dbias                                       */
#define MU_NORMALIZE_BATCH 2          /* in: x, gain, bias                  out: the same of each channel, its mean, its variance       */
#define MU_NORMALIZE_BATCH_BACKWARD 3 /* in: x, gain, dy, mean, variance    out: dx, dgain, dbias; the statistics are x's, held by them */
#define MU_NORMALIZE_RMS 4            /* in: x, gain                        out: x / sqrt(mean(x^2) + eps) * gain                       */
#define MU_NORMALIZE_RMS_BACKWARD 5   /* in: x, gain, dy                    out: dx, dgain                                              */
/* LAYER and RMS: along the last of two axes, which the parameters and their gradients have alone. BATCH: x has three axes (batch, channels,
 * rest), the statistics are over the first and the last, and all else has that of the channels alone. The variance divides by the number of
 * values; where x or dy is in a layout of the device, x, dy and dx have all their axes. No sum of squares that could cancel. One float type; sums with any bracketing that does not depend on the number of threads. A
 * backend may refuse any kind. */
typedef struct mu_op_normalize {
  mu_op h;
  uint32_t kind;
  uint32_t zero0;
  double eps;
} mu_op_normalize;

#define MU_ATTENTION 0          /* in: q, k, v [, bias]               out: y [, lse]                        */
#define MU_ATTENTION_BACKWARD 1 /* in: q, k, v, y, lse, dy [, bias]   out: dq, dk, dv                       */
#define MU_ATTENTION_CAUSAL 1u
/* y = softmax(scale q k^T + bias) v, the softmax along the keys. All views have one rank (2 to 8) and any strides; batch axes of inputs
 * broadcast by stride 0, as do those of a bias. q: (…, queries, width), k: (…, keys, width), v: (…, keys, value width), y: (…, queries, value
 * width), bias: (…, queries, keys), lse: (…, queries, 1), the logarithm of the sum of e^score. A score of -inf hides a key, and CAUSAL hides
 * from query i those behind i + `ahead`. Where a query sees none, y is 0, lse is 0, and it has no part in gradients. One float type; of F16
 * and BF16 a backend may refuse: the host asks again in F32. Sums with any bracketing that does not depend on the number of threads. */
typedef struct mu_op_attention {
  mu_op h;
  uint32_t kind;
  uint32_t flags;
  double scale;
  int64_t ahead;
} mu_op_attention;

#define MU_RNN_TANH 0 /* h = tanh(x + h w^T)                                                            s: none      */
#define MU_RNN_RELU 1 /* h = max(x + h w^T, 0)                                                          s: none      */
#define MU_RNN_LSTM 2 /* i, f, g, o of x + h w^T: sigmoid but g: tanh; c = f c + i g, h = o tanh(c)     s: i f g o c */
#define MU_RNN_GRU 3  /* r, z = sigmoid, n = tanh(x_n + r u) with u = h w_n^T + b; h = (1 - z) n + z h  s: r z n u   */
#define MU_RNN_BACKWARD 1u
#define MU_RNN_REVERSE 2u /* from the last step to the first */
/* All steps of a recurrent layer, one after the other. With gates G (1, 1, 4, 3) of H rows each in the order above: x (time, batch, G H)
 * is what the inputs give to the gates, biases included; w (G H, H); h0 and c0 (batch, H) the state before the first step; e is c0 (LSTM)
 * or b (H) (GRU), TANH and RELU have none. y (time, batch, H): the h of each step; s (time, batch, … H): what backward needs, in this order.
 *   forward   in: x, w, h0, [e]                    out: y, [s], LSTM: the last c
 *   backward  in: w, h0, [c0], y, [s], dy, LSTM: dc of the last c
 *             out: dx, dh0, LSTM: dc0, GRU: the gradient of u (time, batch, H)
 * What follows from these by one product over all steps (of w) or a sum (of b) is left to the host. All views are dense, row-major, and of
 * one float type. One step at least; the results of a row of the batch do not depend on other rows. */
typedef struct mu_op_rnn {
  mu_op h;
  uint32_t kind;
  uint32_t flags;
} mu_op_rnn;

#define MU_CTC_LOSS 0     /* out: loss (batch)                                                                        */
#define MU_CTC_GRADIENT 1 /* out: the gradient (time, batch, classes) of each loss for its own row                    */
/* Connectionist temporal classification (Graves et al. 2006): -log of the probability that the steps spell the labels, blanks and repeats
 * left out. in: log-probabilities (time, batch, classes), labels (batch, most) I64, the number of steps (batch) I64 and of labels (batch)
 * I64 that count in each row. Where no spelling fits the steps, the loss is infinite and the gradient 0; steps that don't count have the
 * gradient 0. A number of steps outside [0, time] or of labels outside [0, most], or a label that counts and is the blank or no class, is
 * MU_INVALID from plan_run. Log-probabilities of -inf are allowed. All views are dense and row-major, of one float type but for the I64. */
typedef struct mu_op_ctc {
  mu_op h;
  uint32_t kind;
  uint32_t zero0;
  int64_t blank;
} mu_op_ctc;

#define MU_SORT_DESCENDING 1u
#define MU_SORT_VALUES 2u  /* an output of in[0]'s type  */
#define MU_SORT_INDICES 4u /* an output of I64: where along the axis each value was */
/* in[0], ordered along one axis; out: the values, the indices, or both in this order, with in[0]'s dims but for the axis, of which they hold
 * as many of the first as they have room for. Stable in both directions: equals stay in order, and equals are -0 and 0, and all NaN.
 * NaN is greater than all else: last ascending, first descending. Of F16, BF16, I32, I8 or U8 a backend may refuse: the host asks again
 * with in[0] converted to F32 or I64. */
typedef struct mu_op_sort {
  mu_op h;
  uint32_t axis;
  uint32_t flags;
} mu_op_sort;

#define MU_SCAN_SUM 1
#define MU_SCAN_PROD 2
#define MU_SCAN_REVERSE 1u
/* in[0], of equal dims with out[0]: each element becomes the sum (product) of those up to and including it along the axis; under REVERSE,
 * from it to the end. In type `acc`, with any bracketing that does not depend on the number of threads. B: or (and). out[0] is of type
 * `acc`, or of in[0]'s type where that is F16 or BF16 and `acc` F32: then each result is rounded once. in[0] is of type `acc`, or of a
 * narrower one: F16 or BF16 for F32; I32, I8, U8 or B for I64. Where types differ a backend may refuse: the host asks again with in[0]
 * converted. */
typedef struct mu_op_scan {
  mu_op h;
  uint32_t kind;
  uint32_t axis;
  mu_dtype acc;
  uint32_t flags;
} mu_op_scan;

#endif
