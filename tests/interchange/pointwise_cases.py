"""Elementwise ops and casts, on every element type, against NumPy."""

import itertools
import math

import numpy as np

from arrays import B8, BF16, F16, F64, FLOATS, INTEGERS, NUMBERS, TYPES
from cases import MUSHIN, SHAPES, Cases, special


def in_type(kind, f, *operands):
    """What `f` gives in the element type; of bf16 in float."""
    return f(*(np.asarray(v, kind.held) for v in operands))


def towards_zero(a, b):
    zero = b == 0
    a, b = a.astype(object), np.where(zero, 1, b).astype(object)
    quotient = np.vectorize(lambda x, y: abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1), otypes=[object])(a, b)
    return np.where(zero, 0, quotient)


def wrapped(values, kind):
    """Python's integers in that type."""
    bits = 8 * kind.held.itemsize
    turn = np.vectorize(lambda v: v % (1 << bits), otypes=[object])(values) if np.size(values) else np.zeros(np.shape(values), object)
    return turn.astype(f"u{kind.held.itemsize}").astype(kind.held)


def power(a, b):
    if b < 0:
        return 1 if a == 1 else (-1 if b % 2 else 1) if a == -1 else 0
    return pow(int(a), int(b), 1 << 64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    return np.vectorize(math.erf, otypes=[np.longdouble])(np.asarray(x, float))


# What NumPy is asked in its widest type, and how many last digits a backend may be off by the plugin boundary.
UNARY = {
    "exp": (np.exp, 2),
    "log": (np.log, 2),
    "tanh": (np.tanh, 6),
    "erf": (erf, 9),
    "sigmoid": (sigmoid, 4),
    "log1p": (np.log1p, 4),
    "expm1": (np.expm1, 4),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 2),
    "sin": (np.sin, 4),
    "cos": (np.cos, 4),
    "tan": (np.tan, 9),
    "asin": (np.arcsin, 4),
    "acos": (np.arccos, 4),
    "atan": (np.arctan, 4),
    "sinh": (np.sinh, 12),
    "cosh": (np.cosh, 12),
}
PERIODIC = ("sin", "cos", "tan")
EXACT = {"neg": np.negative, "abs": np.abs, "sign": lambda x: np.where((x == 0) | np.isnan(x), x, np.sign(x))}
EXACT_FLOAT = {"sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "round": np.rint}
ARITHMETIC = {"add": np.add, "sub": np.subtract, "mul": np.multiply}
COMPARISONS = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}
PAIRS = [
    ((), ()),
    ((3,), ()),
    ((), (2, 3)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((2, 1, 3), (4, 1)),
    ((0, 3), (3,)),
    ((1,), (0,)),
    ((5,), (5,)),
    ((2, 3, 1, 2), (3, 4, 1)),
    ((2, 1, 3, 2, 2), (2, 3, 2, 2)),
    ((70, 33), (70, 33)),
]


class Pointwise(Cases):
    def both(self, kind):
        """Pairs of operands: of many shapes that broadcast, then each special value with each."""
        for a, b in PAIRS:
            yield self.values(kind, a), self.values(kind, b)
        ends = special(kind)
        yield ends[:, None], ends[None, :]

    def test_unary(self):
        for _ in self.on_every_device():
            for kind in FLOATS:
                for name, (f, ulp) in UNARY.items():
                    for x in [self.values(kind, s, -4, 4) for s in SHAPES] + [special(kind)]:
                        if name in PERIODIC:  # far from 0 the boundary asks for a few digits only
                            x = np.where(np.isfinite(x) & (np.abs(x) > 1e4), kind.held.type(3), x)
                        wanted = f(np.asarray(x, np.longdouble))
                        self.expect(MUSHIN.op(name, self.handle(x, kind)), kind, wanted, f"{name} of {kind}", self.last_digits(kind, ulp))

    def test_of_large_angles(self):
        """The boundary asks for a few digits only."""
        for _ in self.on_every_device():
            for kind in FLOATS:
                x = kind.round([2e4, -5e4, *([] if kind is F16 else [1e6, -1e9, 1e20, 1e37])])
                for name in ("sin", "cos"):
                    wanted = UNARY[name][0](np.asarray(x, np.longdouble))
                    self.expect(MUSHIN.op(name, self.handle(x, kind)), kind, wanted, f"{name} of {kind}", 0.51, 1e-6)

    def test_unary_exact(self):
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for name, f in {**EXACT, **(EXACT_FLOAT if kind.is_float else {})}.items():
                    for x in [self.values(kind, s) for s in SHAPES] + [special(kind)]:
                        self.expect(MUSHIN.op(name, self.handle(x, kind)), kind, in_type(kind, f, x), f"{name} of {kind}")
                x = special(kind)
                self.expect(MUSHIN.op("relu", self.handle(x, kind)), kind, np.where(x <= 0, 0, x), f"relu of {kind}", zeros=False)
                for name, f in {"isnan": np.isnan, "isfinite": np.isfinite}.items() if kind.is_float else ():
                    self.expect(MUSHIN.op(name, self.handle(x, kind)), B8, f(x), f"{name} of {kind}")

    def test_arithmetic(self):
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for a, b in self.both(kind):
                    x, y = self.handle(a, kind), self.handle(b, kind)
                    for name, f in ARITHMETIC.items():
                        self.expect(MUSHIN.op(name, x, y), kind, in_type(kind, f, a, b), f"{name} of {kind}")
                    for name, f in {"maximum": np.maximum, "minimum": np.minimum}.items():
                        self.expect(MUSHIN.op(name, x, y), kind, in_type(kind, f, a, b), f"{name} of {kind}", zeros=False)

    def number(self, value, kind):
        """A scalar that is no array: part of the program where it is well known."""
        whole, real = ((), (float(value),)) if kind.is_float else ((int(value),), ())
        return MUSHIN.op("literal", whole=(kind.code, *whole), real=real)

    def test_beside_numbers(self):
        """What is simplified or computed before a device sees it gives the device's values."""
        tables = {**ARITHMETIC, "maximum": np.maximum, "minimum": np.minimum, **COMPARISONS}
        for _ in self.on_every_device():
            for kind in NUMBERS:
                x = special(kind)
                for v in [*x[::2], *np.array([0, 1], kind.held)]:
                    a, b = self.handle(x, kind), self.number(v, kind)
                    for name, f in {**tables, **({"div": np.divide} if kind.is_float else {})}.items():
                        to, zeros = (B8, True) if name in COMPARISONS else (kind, name not in ("maximum", "minimum"))
                        self.expect(MUSHIN.op(name, a, b), to, in_type(kind, f, x, v), f"{name} of {kind} and {v!r}", zeros=zeros)
                        self.expect(MUSHIN.op(name, b, a), to, in_type(kind, f, v, x), f"{name} of {v!r} and {kind}", zeros=zeros)
                        for u in x[::7]:
                            self.expect(
                                MUSHIN.op(name, self.number(u, kind), b),
                                to,
                                in_type(kind, f, u, v),
                                f"{name} of {kind} {u!r} and {v!r}",
                                zeros=zeros,
                            )
                for v in x:
                    for name, f in {**EXACT, **(EXACT_FLOAT if kind.is_float else {})}.items():
                        self.expect(MUSHIN.op(name, self.number(v, kind)), kind, in_type(kind, f, v), f"{name} of {kind} {v!r}")
                    for name, (f, ulp) in (UNARY if kind.is_float else {}).items():
                        if name not in PERIODIC or abs(v) < 1e4:
                            self.expect(
                                MUSHIN.op(name, self.number(v, kind)),
                                kind,
                                f(np.longdouble(v)),
                                f"{name} of {kind} {v!r}",
                                self.last_digits(kind, ulp),
                            )

    @staticmethod
    def last_digits(kind, ulp):
        """16-bit floats are computed in float, and rounded once."""
        return 0.51 + ulp / 8192 if kind in (F16, BF16) else ulp

    def test_division(self):
        for _ in self.on_every_device():
            for kind in FLOATS:
                for a, b in self.both(kind):
                    self.expect(
                        MUSHIN.op("div", self.handle(a, kind), self.handle(b, kind)), kind, in_type(kind, np.divide, a, b), f"div of {kind}"
                    )
            for kind in INTEGERS:
                for a, b in self.both(kind):
                    x, y = self.handle(a, kind), self.handle(b, kind)
                    self.expect(MUSHIN.op("div", x, y), kind, wrapped(towards_zero(a, b), kind), f"div of {kind}")
                    self.expect(MUSHIN.op("floor_divide", x, y), kind, np.floor_divide(a, b), f"floor_divide of {kind}")
                    self.expect(MUSHIN.op("remainder", x, y), kind, np.remainder(a, b), f"remainder of {kind}")
                    whole = [MUSHIN.op("cast", v, whole=(F64.code,)) for v in (x, y)]  # as `/` has it
                    self.expect(MUSHIN.op("div", *whole), F64, np.true_divide(a, b), f"/ of {kind}")

    def test_powers(self):
        for _ in self.on_every_device():
            for kind in FLOATS:
                for a, b in [*self.both(kind), (self.values(kind, (100,), 0, 9), self.values(kind, (100,)))]:
                    wanted = np.power(np.asarray(a, np.longdouble), np.asarray(b, np.longdouble))
                    self.expect(
                        MUSHIN.op("pow", self.handle(a, kind), self.handle(b, kind)),
                        kind,
                        wanted,
                        f"pow of {kind}",
                        0.51 if kind in (F16, BF16) else 16,
                    )
                for exponent in (-2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 2.5):
                    x = special(kind)
                    wanted = np.power(np.asarray(x, np.longdouble), np.longdouble(kind.round(exponent)))
                    self.expect(
                        MUSHIN.op("power", self.handle(x, kind), real=(exponent,)),
                        kind,
                        wanted,
                        f"{kind} to the {exponent}",
                        0.51 if kind in (F16, BF16) else 16,
                    )
            for kind in INTEGERS:
                for a, b in self.both(kind):
                    wanted = (
                        wrapped(np.vectorize(power, otypes=[object])(*np.broadcast_arrays(a, b)), kind)
                        if a.size and b.size
                        else np.broadcast_arrays(a, b)[0]
                    )
                    self.expect(MUSHIN.op("pow", self.handle(a, kind), self.handle(b, kind)), kind, wanted, f"pow of {kind}")

    def test_comparisons_and_choice(self):
        for _ in self.on_every_device():
            for kind in TYPES:
                for a, b in self.both(kind):
                    x, y = self.handle(a, kind), self.handle(b, kind)
                    for name, f in COMPARISONS.items():
                        self.expect(MUSHIN.op(name, x, y), B8, f(a, b), f"{name} of {kind}")
                    c = self.values(B8, np.broadcast_shapes(a.shape, b.shape))
                    self.expect(MUSHIN.op("where", self.handle(c, B8), x, y), kind, np.where(c, a, b), f"where of {kind}")
                    c = self.values(B8, (2, *[1] * c.ndim)) if c.ndim < 5 else self.values(B8, ())
                    self.expect(MUSHIN.op("where", self.handle(c, B8), x, y), kind, np.where(c, a, b), f"where of {kind}, broadcast")
                if kind.is_bool:
                    for a, b in self.both(kind):
                        x, y = self.handle(a, kind), self.handle(b, kind)
                        self.expect(MUSHIN.op("logical_and", x, y), B8, a & b, "logical_and")
                        self.expect(MUSHIN.op("logical_or", x, y), B8, a | b, "logical_or")
                        self.expect(MUSHIN.op("logical_not", x), B8, ~a, "logical_not")
                else:
                    x = special(kind)
                    for low, high in itertools.product(x[::4], x[::5]):
                        self.expect(
                            MUSHIN.op("clamp", self.handle(x, kind), self.handle(low, kind), self.handle(high, kind)),
                            kind,
                            np.clip(x, low, high),
                            f"clamp of {kind} to {low}, {high}",
                            zeros=False,
                        )

    def test_casts(self):
        beyond = [
            0,
            0.5,
            -0.5,
            0.9,
            -0.9,
            1,
            127.5,
            128,
            -128.5,
            -129,
            255.5,
            256,
            300,
            2.0**31,
            -(2.0**31),
            -(2.0**31) - 1,
            2.0**31 - 1,
            2.0**63,
            -(2.0**63),
            2.0**64,
            1e30,
            -1e30,
            65504,
            65519,
            65520,
            1 + 2.0**-11 + 2.0**-30,
            1 + 2.0**-8,
            1 + 2.0**-8 + 2.0**-40,
            1e-40,
            1e-46,
            3e-8,
            2.0**-25,
            1.5 * 2.0**-25,
        ]
        for _ in self.on_every_device():
            for kind in TYPES:
                x = special(kind)
                if kind.is_float:
                    x = np.concatenate([x, kind.round(np.array(beyond)), self.values(kind, (50,), -300, 300)])
                if kind.is_integer:
                    bits = 8 * kind.held.itemsize
                    x = np.concatenate(
                        [x, wrapped(np.array([s * (2**k + d) for s in (1, -1) for k in range(bits) for d in (-1, 0, 1)], object), kind)]
                    )
                for to in TYPES:
                    self.expect(
                        MUSHIN.op("cast", self.handle(x, kind), whole=(to.code,)), to, self.cast(x, kind, to), f"cast of {kind} to {to}"
                    )
                    for v in x[::7]:  # and what is folded
                        number = {"whole": (kind.code, int(v))} if not kind.is_float else {"whole": (kind.code,), "real": (float(v),)}
                        self.expect(
                            MUSHIN.op("cast", MUSHIN.op("literal", **number), whole=(to.code,)),
                            to,
                            self.cast(v, kind, to),
                            f"cast of literal {v!r} to {to}",
                        )

    def cast(self, x, kind, to):
        if to.is_bool:
            return x != 0
        if to.is_float:
            return to.round(np.asarray(x, np.longdouble))
        if not kind.is_float:
            return np.asarray(x).astype(to.held)
        # NumPy leaves open what a float that doesn't fit becomes.
        low, high = int(np.iinfo(to.held).min), int(np.iinfo(to.held).max)
        clipped = np.vectorize(lambda v: 0 if np.isnan(v) else low if v <= low else high if v >= high else int(v), otypes=[object])(
            np.asarray(x, np.longdouble)
        )
        return clipped.astype(to.held)
