"""Reductions, running sums, statistics and orders, on every element type, against NumPy."""

import itertools

import numpy as np

from arrays import B8, BF16, F16, F32, F64, FLOATS, I64, INTEGERS, NUMBERS, TYPES
from cases import MUSHIN, SHAPES, Cases, special


def all_axes(rank):
    """Every choice of axes: as a mask for mushin and as NumPy takes it."""
    for count in range(rank + 1):
        for axes in itertools.combinations(range(rank), count):
            yield sum(1 << a for a in axes), axes


def wide(values, kind):
    return np.asarray(values, np.longdouble if kind.is_float else np.int64)


def summed(kind):
    """What sums of such elements are."""
    return kind if kind.is_float else I64


def digits(kind, count):
    """How many last digits a sum of so many may be off."""
    return 0.51 + count / 4096 if kind in (F16, BF16) else 2 + count


class Reductions(Cases):
    def cases(self, kind, low=-9, high=9):
        for shape in [*SHAPES, (3, 0, 2), (40, 70), (600,), (2, 300)]:
            x = self.values(kind, shape, low, high)
            handle = self.handle(x, kind)
            for mask, axes in all_axes(len(shape)):
                for keep in (False, True):
                    yield x, handle, mask, axes, keep, int(np.prod([shape[a] for a in axes], initial=1))

    def near(self, got, kind, wanted, x, what):
        """Sums: as far off as their terms' rounding allows."""
        self.expect(
            got,
            kind,
            wanted,
            what,
            0 if not kind.is_float else 0.51,
            (
                0
                if not kind.is_float or not np.size(wanted)
                else (
                    2.0**-22 * (max(1.0, float(np.max(np.abs(x), initial=0) * x.size / max(np.max(np.abs(wanted), initial=0), 1e-30))))
                    if kind is not F64
                    else 1e-13 * max(1.0, x.size)
                )
            ),
        )

    def test_sums(self):
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for x, a, mask, axes, keep, n in self.cases(kind):
                    whole = (mask, keep)
                    total = np.sum(wide(x, kind), axes, keepdims=keep)
                    self.near(MUSHIN.op("sum", a, whole=whole), summed(kind), total, x, f"sum of {kind} {x.shape} over {axes}")
                    if kind.is_float:
                        wanted = total / n if n else total * np.nan
                        self.near(MUSHIN.op("mean", a, whole=whole), kind, wanted, x, f"mean of {kind} {x.shape} over {axes}")

    def test_products(self):
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for x, a, mask, axes, keep, n in self.cases(kind, *((0.9, 1.1) if kind.is_float else (-9, 9))):
                    wanted = np.prod(wide(x, kind), axes, keepdims=keep)
                    self.expect(
                        MUSHIN.op("prod", a, whole=(mask, keep)),
                        summed(kind),
                        wanted,
                        f"prod of {kind} {x.shape} over {axes}",
                        digits(kind, n) if kind.is_float else 0,
                    )

    def test_extremes(self):
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for x, a, mask, axes, keep, n in self.cases(kind):
                    if n == 0:
                        continue
                    what = f"{kind} {x.shape} over {axes}"
                    self.expect(
                        MUSHIN.op("max", a, whole=(mask, keep)), kind, np.max(x, axes, keepdims=keep), "max of " + what, zeros=False
                    )
                    self.expect(
                        MUSHIN.op("min", a, whole=(mask, keep)), kind, np.min(x, axes, keepdims=keep), "min of " + what, zeros=False
                    )
                    # NumPy takes one axis or all: the reduced ones become the last.
                    kept = [i for i in range(x.ndim) if i not in axes]
                    flat = x.transpose(*kept, *axes).reshape(*[x.shape[i] for i in kept], n)
                    to = [1 if i in axes else m for i, m in enumerate(x.shape)] if keep else [x.shape[i] for i in kept]
                    if flat.size or not axes:
                        self.expect(MUSHIN.op("argmax", a, whole=(mask, keep)), I64, np.argmax(flat, -1).reshape(to), "argmax of " + what)
                        self.expect(MUSHIN.op("argmin", a, whole=(mask, keep)), I64, np.argmin(flat, -1).reshape(to), "argmin of " + what)

    def test_special_values(self):
        rows = np.array(
            [
                [1, np.inf, 2],
                [1, -np.inf, np.inf],
                [np.nan, 1, 2],
                [2, np.nan, np.nan],
                [0, -0.0, 0],
                [-0.0, -0.0, -0.0],
                [np.inf, np.inf, 1],
                [-np.inf, -np.inf, -np.inf],
            ]
        )
        for _ in self.on_every_device():
            for kind in FLOATS:
                a, x = self.handle(rows, kind), wide(rows, kind)
                for name, f in {
                    "sum": np.sum,
                    "mean": np.mean,
                    "prod": np.prod,
                    "max": np.max,
                    "min": np.min,
                    "argmax": np.argmax,
                    "argmin": np.argmin,
                }.items():
                    self.expect(
                        MUSHIN.op(name, a, whole=(2, 0)), I64 if "arg" in name else kind, f(x, 1), f"{name} of {kind}", zeros=name == "sum"
                    )
            for kind in INTEGERS:
                x = np.resize(special(kind), (5, 64))
                for name, f in {
                    "sum": np.sum,
                    "prod": np.prod,
                    "max": np.max,
                    "min": np.min,
                    "argmax": np.argmax,
                    "argmin": np.argmin,
                }.items():
                    self.expect(
                        MUSHIN.op(name, self.handle(x, kind), whole=(2, 0)),
                        kind if name in ("max", "min") else I64,
                        f(wide(x, kind), 1),
                        f"{name} of {kind}",
                    )

    def test_of_one_value(self):
        """Arrays that are one number until somebody needs them."""
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for value, shape in itertools.product(special(kind)[::3], [(3,), (0,), (2, 0), (2, 3)]):
                    real, number = ((float(value),), 0) if kind.is_float else ((), int(value))
                    x = wide(np.full(shape, value), kind)
                    for mask, axes in all_axes(len(shape)):
                        what = f"of {kind} {value} {shape} over {axes}"

                        def of(name):  # of a new one: whatever was looked at has memory
                            return MUSHIN.op(name, MUSHIN.op("full", whole=(kind.code, number, *shape), real=real), whole=(mask, 0))

                        self.expect(of("sum"), summed(kind), np.sum(x, axes), "sum " + what, 0 if not kind.is_float else 1, zeros=False)
                        self.expect(of("prod"), summed(kind), np.prod(x, axes), "prod " + what, 0 if not kind.is_float else 4, zeros=False)
                        if kind.is_float:
                            self.expect(of("mean"), kind, np.mean(x, axes), "mean " + what, 1, zeros=False)
                        if x.size:
                            self.expect(of("max"), kind, np.max(x, axes), "max " + what)

    def test_any_and_all(self):
        for _ in self.on_every_device():
            for x, a, mask, axes, keep, _n in self.cases(B8):
                self.expect(MUSHIN.op("any", a, whole=(mask, keep)), B8, np.any(x, axes, keepdims=keep), f"any of {x.shape} over {axes}")
                self.expect(MUSHIN.op("all", a, whole=(mask, keep)), B8, np.all(x, axes, keepdims=keep), f"all of {x.shape} over {axes}")


class Statistics(Reductions):
    test_sums = test_products = test_extremes = test_special_values = test_of_one_value = test_any_and_all = None

    def test_var_and_std(self):
        self.constants = False  # the mean of equal values may be another one
        for _ in self.on_every_device():
            for kind in FLOATS:
                for offset in (0, {F32: 1e4, F64: 1e6}.get(kind, 100)):
                    for x, a, mask, axes, keep, n in self.cases(kind, offset - 9, offset + 9):
                        for correction in (0, 1):
                            if n <= correction or (offset and keep):
                                continue
                            wanted = np.var(wide(x, kind), axes, keepdims=keep, ddof=correction)
                            near = 0.01 if kind in (F16, BF16) else 4e-6 if kind is F32 else 1e-13
                            what = f"of {kind} {x.shape} over {axes} - {correction}, about {offset}"
                            for name, exact in {"var": wanted, "std": np.sqrt(wanted)}.items():
                                got = MUSHIN.op(name, a, whole=(mask, keep), real=(correction,))
                                self.expect(got, kind, exact, f"{name} {what}", 0.51, near)

    def test_norm_and_logsumexp(self):
        rows = {F32: 1e30, F64: 1e200, F16: 3e4, BF16: 1e30}
        for _ in self.on_every_device():
            for kind in FLOATS:
                large = rows[kind]
                ends = kind.round(
                    np.array(
                        [
                            [large, large, 0],
                            [1 / large, 2 / large, 0],
                            [0, 0, -0.0],
                            [np.inf, 1, -1],
                            [-np.inf, 1, 2],
                            [np.nan, 1, 2],
                            [np.inf, np.nan, 1],
                            [-np.inf] * 3,
                            [np.inf] * 3,
                            [np.inf, -np.inf, 0],
                            [300, 300, -300],
                            [-1000, -1000, -1000],
                        ]
                    )
                )
                near = 2e-2 if kind is BF16 else 2e-3 if kind is F16 else 2e-6 if kind is F32 else 1e-14
                for x, a, mask, axes, keep, n in [
                    *self.cases(kind),
                    *[(x[None], self.handle(x[None], kind), 2, (1,), keep, 3) for x in ends for keep in (False, True)],
                ]:
                    exact = wide(x, kind)
                    what = f"of {kind} {x.shape} over {axes}"
                    finite = np.where(np.isnan(exact), 0, np.abs(exact))
                    most = np.max(finite, axes, keepdims=True, initial=0)
                    part = exact / np.where((most > 0) & (most < np.inf), most, 1)
                    wanted = np.sqrt(np.sum(part * part, axes, keepdims=True)) * np.where((most > 0) & (most < np.inf), most, 1)
                    squeezed = wanted if keep else np.squeeze(wanted, axes) if axes else wanted
                    self.expect(MUSHIN.op("norm", a, whole=(mask, keep)), kind, squeezed, "norm " + what, 0.51, near, zeros=False)
                    wanted = (
                        np.logaddexp.reduce(
                            exact.transpose([i for i in range(x.ndim) if i not in axes] + list(axes)).reshape(
                                [x.shape[i] for i in range(x.ndim) if i not in axes] + [n]
                            ),
                            -1,
                        )
                        if exact.size
                        else np.full([m for i, m in enumerate(x.shape) if i not in axes], -np.inf, np.longdouble)
                    )
                    if keep:
                        wanted = wanted.reshape([1 if i in axes else m for i, m in enumerate(x.shape)])
                    self.expect(MUSHIN.op("logsumexp", a, whole=(mask, keep)), kind, wanted, "logsumexp " + what, 0.51, near)

    def test_softmax(self):
        for _ in self.on_every_device():
            for kind in FLOATS:
                for shape in [(1,), (7,), (3, 4), (2, 3, 1, 4), (4, 0), (40, 70), (2, 600)]:
                    x = self.values(kind, shape)
                    for axis in range(len(shape)):
                        exact = wide(x, kind)
                        shifted = exact - np.max(exact, axis, keepdims=True, initial=-np.inf)
                        total = np.sum(np.exp(shifted), axis, keepdims=True)
                        what = f"of {kind} {shape} along {axis}"
                        self.expect(
                            MUSHIN.op("softmax", self.handle(x, kind), whole=(axis,)), kind, np.exp(shifted) / total, "softmax " + what, 24
                        )
                        self.expect(
                            MUSHIN.op("log_softmax", self.handle(x, kind), whole=(axis,)),
                            kind,
                            shifted - np.log(total),
                            "log_softmax " + what,
                            1,
                            1e-6 if kind is not F64 else 1e-14,
                        )


class Running(Cases):
    def lines(self, kind, low=-9, high=9):
        for shape in [(1,), (7,), (0,), (3, 4), (4, 0), (2, 3, 1, 4), (2, 1, 3, 2, 2), (40, 70), (600,)]:
            x = self.values(kind, shape, low, high)
            for axis in range(len(shape)):
                yield x, axis

    def test_sums_and_products(self):
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for x, axis in self.lines(kind):
                    near = 0 if not kind.is_float else 3e-6 if kind is not F64 else 1e-14
                    self.expect(
                        MUSHIN.op("cumsum", self.handle(x, kind), whole=(axis,)),
                        summed(kind),
                        np.cumsum(wide(x, kind), axis),
                        f"cumsum of {kind} {x.shape} along {axis}",
                        0 if not kind.is_float else 0.51,
                        near,
                    )
                for x, axis in self.lines(kind, *((0.9, 1.1) if kind.is_float else (-9, 9))):
                    self.expect(
                        MUSHIN.op("cumprod", self.handle(x, kind), whole=(axis,)),
                        summed(kind),
                        np.cumprod(wide(x, kind), axis),
                        f"cumprod of {kind} {x.shape} along {axis}",
                        digits(kind, x.shape[axis]) if kind.is_float else 0,
                    )

    def test_special_values(self):
        rows = np.array(
            [[1, np.inf, 2, -np.inf, 0], [1, np.nan, 2, 0, 1], [-0.0, -0.0, 0, -0.0, 0], [0, 3, np.inf, 1, 1], [-1, 0, -1, 0, 2]]
        )
        for _ in self.on_every_device():
            for kind in FLOATS:
                a, x = self.handle(rows, kind), wide(rows, kind)
                self.expect(MUSHIN.op("cumsum", a, whole=(1,)), kind, np.cumsum(x, 1), f"cumsum of {kind}")
                self.expect(MUSHIN.op("cumprod", a, whole=(1,)), kind, np.cumprod(x, 1), f"cumprod of {kind}")

    def test_orders(self):
        """Stable both ways, NaN as the greatest."""
        for _ in self.on_every_device():
            for kind in TYPES:
                ends = special(kind)
                ties = [
                    (self.values(kind, (40,), 0, 3), 0),
                    (self.values(kind, (6, 30), 0, 2), 1),
                    (self.random.permutation(np.concatenate([ends, ends])), 0),
                ]
                for x, axis in [*self.lines(kind), *ties]:
                    what = f"of {kind} {x.shape} along {axis}"
                    n = x.shape[axis]
                    up = np.argsort(x, axis, kind="stable")
                    down = np.flip(n - 1 - np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
                    a = self.handle(x, kind)
                    for order, descending in ((up, 0), (down, 1)):
                        self.expect(MUSHIN.op("argsort", a, whole=(axis, descending)), I64, order, f"argsort {what} {descending}")
                        self.expect(
                            MUSHIN.op("sort", a, whole=(axis, descending)),
                            kind,
                            np.take_along_axis(x, order, axis),
                            f"sort {what} {descending}",
                        )
                    for k in {0, 1, n // 2, n} & set(range(n + 1)):
                        first = np.take(down, range(k), axis)
                        values, indices = MUSHIN.ops("topk", a, whole=(axis, k))
                        self.expect(indices, I64, first, f"topk {k} {what}, indices")
                        self.expect(values, kind, np.take_along_axis(x, first, axis), f"topk {k} {what}")
