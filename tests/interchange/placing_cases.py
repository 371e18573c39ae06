"""Makers, views, copies and indexing, on every element type, against NumPy."""

import numpy as np

from arrays import F32, F64, FLOATS, I64, INTEGERS, NUMBERS, TYPES
from cases import MUSHIN, SHAPES, Cases, special


class Placing(Cases):
    def all(self):
        """Each element type with each shape."""
        for _ in self.on_every_device():
            for kind in TYPES:
                for shape in SHAPES:
                    x = self.values(kind, shape)
                    yield kind, x, self.handle(x, kind)

    def test_storage(self):
        for kind, x, a in self.all():
            self.expect(a, kind, x, f"{kind} {x.shape}")
        for _ in self.on_every_device():
            for kind in TYPES:
                x = special(kind)
                self.expect(self.handle(x, kind), kind, x, f"{kind}")

    def test_makers(self):
        for _ in self.on_every_device():
            for kind in TYPES:
                for value in special(kind):
                    whole, real = ((kind.code, 0, 2, 3), (float(value),)) if kind.is_float else ((kind.code, int(value), 2, 3), ())
                    self.expect(MUSHIN.op("full", whole=whole, real=real), kind, np.full((2, 3), value), f"full of {kind} {value}")
                for shape in [(3, 3), (2, 5), (5, 2), (0, 3), (2, 3, 4)]:
                    wanted = np.broadcast_to(np.eye(*shape[-2:]), shape)
                    self.expect(MUSHIN.op("eye", whole=(kind.code, 1, *shape)), kind, wanted, f"eye of {kind} {shape}")
            for kind in NUMBERS:
                self.expect(MUSHIN.op("ramp", whole=(kind.code, 30, 3, 4)), kind, np.arange(3, 123, 4), f"arange of {kind}")
            for kind in FLOATS:
                self.expect(MUSHIN.op("ramp", whole=(kind.code, 30), real=(0.1, 0.3)), kind, 0.1 + np.arange(30) * 0.3, f"arange of {kind}")

    def test_axes_in_another_order(self):
        for kind, x, a in self.all():
            order = self.random.permutation(x.ndim)
            self.expect(MUSHIN.op("permute", a, whole=order), kind, x.transpose(order), f"permute of {kind} {x.shape} by {order}")
            if x.ndim >= 2:
                self.expect(MUSHIN.op("transpose", a), kind, np.swapaxes(x, -1, -2), f"transpose of {kind} {x.shape}")

    def test_other_shapes(self):
        for kind, x, a in self.all():
            for to in [(x.size,), (1, x.size, 1), x.shape[::-1], (*x.shape, 1), *([(2, -1)] if x.size % 2 == 0 else [])]:
                self.expect(MUSHIN.op("reshape", a, whole=to), kind, x.reshape(to), f"reshape of {kind} {x.shape} to {to}")
            for to in [x.shape, (2, *x.shape), (0, *x.shape), tuple(3 if m == 1 else m for m in x.shape)]:
                self.expect(
                    MUSHIN.op("broadcast_to", a, whole=to), kind, np.broadcast_to(x, to), f"broadcast_to of {kind} {x.shape} to {to}"
                )

    def test_parts(self):
        for kind, x, a in self.all():
            for axis in range(x.ndim):
                n = x.shape[axis]
                for begin, end in {(0, n), (0, n // 2), (n // 2, n), (n, n), (n // 3, 2 * n // 3)}:
                    wanted = x[(slice(None),) * axis + (slice(begin, end),)]
                    self.expect(
                        MUSHIN.op("slice", a, whole=(axis, begin, end)),
                        kind,
                        wanted,
                        f"slice of {kind} {x.shape}[{begin}:{end}] along {axis}",
                    )
                for i in {0, n // 2, n - 1, -1, -n} if n else ():
                    self.expect(MUSHIN.op("at", a, whole=(axis, i)), kind, np.take(x, i, axis), f"at {i} of {kind} {x.shape} along {axis}")

    def test_joined(self):
        for kind, x, a in self.all():
            for axis in range(x.ndim):
                shape = [*x.shape]
                shape[axis] = 3
                y, none = self.values(kind, shape), np.zeros([0 if i == axis else m for i, m in enumerate(x.shape)], kind.held)
                parts = [x, y, none, x]
                handles = [a, self.handle(y, kind), self.handle(none, kind), a]
                self.expect(
                    MUSHIN.op("concat", *handles, whole=(axis,)),
                    kind,
                    np.concatenate(parts, axis),
                    f"concat of {kind} {x.shape} along {axis}",
                )
            for axis in range(x.ndim + 1):
                y = self.values(kind, x.shape)
                self.expect(
                    MUSHIN.op("stack", a, self.handle(y, kind), a, whole=(axis,)),
                    kind,
                    np.stack([x, y, x], axis),
                    f"stack of {kind} {x.shape} along {axis}",
                )

    def test_turned_padded_and_repeated(self):
        for kind, x, a in self.all():
            for mask in range(1 << x.ndim):
                axes = tuple(i for i in range(x.ndim) if mask >> i & 1)
                self.expect(MUSHIN.op("flip", a, whole=(mask,)), kind, np.flip(x, axes), f"flip of {kind} {x.shape} along {axes}")
            before, after = [[*self.random.integers(0, 3, x.ndim)] for _ in range(2)]
            value = self.values(kind, ())
            around = MUSHIN.op(
                "literal", whole=(kind.code, *(() if kind.is_float else (int(value),))), real=(float(value),) if kind.is_float else ()
            )
            self.expect(
                MUSHIN.op("pad", a, around, whole=(*before, *after)),
                kind,
                np.pad(x, [*zip(before, after)], constant_values=value) if x.ndim else x,
                f"pad of {kind} {x.shape} by {before}, {after}",
            )
            for times in [(2,), (1, 3), (0, 2), (2, *[1] * x.ndim), tuple([2, 1, 3, 1, 2][: x.ndim])]:
                self.expect(MUSHIN.op("tile", a, whole=times), kind, np.tile(x, times), f"tile of {kind} {x.shape} by {times}")

    def test_triangles(self):
        for kind, x, a in self.all():
            if x.ndim < 2:
                continue
            for offset in range(-5, 6):
                what = f"of {kind} {x.shape} {offset} above"
                self.expect(MUSHIN.op("tril", a, whole=(offset,)), kind, np.tril(x, offset), "tril " + what)
                self.expect(MUSHIN.op("triu", a, whole=(offset,)), kind, np.triu(x, offset), "triu " + what)
                self.expect(MUSHIN.op("diagonal", a, whole=(offset,)), kind, np.diagonal(x, offset, -2, -1), "diagonal " + what)

    def test_by_index(self):
        for kind, x, a in self.all():
            for axis in range(x.ndim):
                if x.shape[axis] == 0:
                    continue
                shape = [*x.shape]
                shape[axis] = 5
                i = self.random.integers(0, x.shape[axis], shape)
                at = self.handle(i, I64)
                self.expect(
                    MUSHIN.op("gather", a, at, whole=(axis,)),
                    kind,
                    np.take_along_axis(x, i, axis),
                    f"gather of {kind} {x.shape} along {axis}",
                )
                if kind.is_bool:
                    continue
                y = self.values(kind, shape)
                exact = np.array(x, np.longdouble if kind.is_float else kind.held)
                rows = [np.arange(m).reshape([-1 if k == d else 1 for k in range(x.ndim)]) for d, m in enumerate(shape)]
                rows[axis] = i
                np.add.at(exact, tuple(rows), np.asarray(y, exact.dtype))
                for deterministic in (0, 1):
                    self.expect(
                        MUSHIN.op("scatter_add", a, at, self.handle(y, kind), whole=(axis, deterministic)),
                        kind,
                        exact,
                        f"scatter_add of {kind} {x.shape} along {axis}",
                        0.51 if kind.is_float else 0,
                        1e-6 if kind.is_float and kind is not F64 else 1e-15 if kind.is_float else 0,
                    )
            if x.ndim and x.shape[0]:
                for shape in [(), (4,), (2, 3), (0,)]:
                    i = self.random.integers(0, x.shape[0], shape)
                    self.expect(MUSHIN.op("take", a, self.handle(i, I64)), kind, x[i], f"take of {kind} {x.shape} by {shape}")
            for shape in [(), (4,), (2, 0), (2, 3)]:
                i = self.random.integers(0, 6, shape)
                self.expect(
                    MUSHIN.op("one_hot", self.handle(i, I64), whole=(6, kind.code)), kind, np.eye(6)[i], f"one_hot of {kind} {shape}"
                )
