"""mushin's arrays from Python, by the driver's functions, and the element types as NumPy sees them.

NumPy has no bf16: such arrays are held as float32, which has all of its values.
"""

import ctypes
import math

import numpy as np


class Type:
    """An element type. `digits`: of the significand; `least`: the exponent of the smallest normal number."""

    def __init__(self, name, code, bits, held, digits=0, least=0):
        self.name, self.held, self.digits, self.least = name, np.dtype(held), digits, least
        self.code = code | bits << 8 | 1 << 16
        self.stored = np.dtype("u2") if name == "bf16" else self.held
        self.is_float, self.is_bool = digits > 0, name == "b8"
        self.is_integer = not self.is_float and not self.is_bool

    def __repr__(self):
        return self.name

    def round(self, exact):
        """Float types: the nearest values, ties to even, of numbers that longdouble has."""
        exact = np.asarray(exact, np.longdouble)
        if self.digits == 53 or not exact.size:
            return exact.astype(self.held)
        finite = np.isfinite(exact)
        fraction, exponent = np.frexp(np.where(finite, exact, 1))
        step = np.maximum(exponent - self.digits, self.least + 1 - self.digits)
        nearest = np.ldexp(np.rint(np.ldexp(np.where(finite, exact, 1), -step)), step)
        nearest = np.where(np.abs(nearest) > self.greatest, np.copysign(np.inf, nearest), nearest)
        return np.where(finite, nearest, exact).astype(self.held)

    @property
    def greatest(self):
        top = -self.least + 1
        return math.ldexp(2 - math.ldexp(1, 1 - self.digits), top)

    def spacing(self, exact):
        """What the last digit of values as large as these is worth."""
        exact = np.asarray(exact, np.longdouble)
        exponent = np.where(exact == 0, self.least, np.frexp(np.abs(exact))[1])
        return np.ldexp(np.longdouble(1), np.maximum(exponent - self.digits, self.least + 1 - self.digits))

    def stored_of(self, values):
        values = np.ascontiguousarray(values, self.held).reshape(np.shape(values))
        if self.name != "bf16":
            return values
        return (values.view("u4") >> 16).astype("u2") if values.ndim else np.asarray(int(values.reshape(1).view("u4")[0]) >> 16, "u2")

    def held_of(self, stored):
        return (stored.astype("u4") << 16).view("f4") if self.name == "bf16" else stored


F32, F64 = Type("f32", 2, 32, "f4", 24, -126), Type("f64", 2, 64, "f8", 53, -1022)
F16, BF16 = Type("f16", 2, 16, "f2", 11, -14), Type("bf16", 4, 16, "f4", 8, -126)
I8, U8, I32, I64 = Type("i8", 0, 8, "i1"), Type("u8", 1, 8, "u1"), Type("i32", 0, 32, "i4"), Type("i64", 0, 64, "i8")
B8 = Type("b8", 6, 8, "b1")
FLOATS, INTEGERS = [F32, F64, F16, BF16], [I8, U8, I32, I64]
NUMBERS, TYPES = FLOATS + INTEGERS, FLOATS + INTEGERS + [B8]
BY_CODE = {t.code: t for t in TYPES}


class Refused(Exception):
    """What mushin threw."""


class Mushin:
    """The driver's functions."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        for name in ("use", "put", "apply", "get", "name_of_device"):
            getattr(self.lib, name).restype = ctypes.c_char_p
        self.lib.describe.restype = ctypes.c_uint32
        self.lib.name_of_device.argtypes = [ctypes.c_size_t]
        self.lib.get.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self.lib.drop.argtypes = [ctypes.c_void_p]
        self.lib.describe.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]

    def check(self, failure):
        if failure is not None:
            raise Refused(failure.decode())

    def devices(self):
        names = []
        while (name := self.lib.name_of_device(len(names))) is not None:
            names.append(name)
        return [n.decode() for n in names]

    def use(self, device):
        self.check(self.lib.use(device.encode()))

    def array(self, values, kind):
        """An array of that element type; of floats, the values must be its own."""
        values = np.asarray(values)
        stored = kind.stored_of(values)
        sizes = (ctypes.c_int64 * 8)(*values.shape)
        made = ctypes.c_void_p()
        self.check(self.lib.put(kind.code, values.ndim, sizes, stored.ctypes.data_as(ctypes.c_void_p), ctypes.byref(made)))
        return Array(self, made.value)

    def ops(self, name, *operands, whole=(), real=()):
        """All results of one op."""
        made = (ctypes.c_void_p * 3)()
        handles = (ctypes.c_void_p * len(operands))(*(a.pointer for a in operands))
        self.check(
            self.lib.apply(
                name.encode(),
                handles,
                len(operands),
                (ctypes.c_int64 * len(whole))(*map(int, whole)),
                len(whole),
                (ctypes.c_double * len(real))(*real),
                len(real),
                made,
            )
        )
        return [Array(self, p) for p in made if p]

    def op(self, name, *operands, whole=(), real=()):
        return self.ops(name, *operands, whole=whole, real=real)[0]


class Array:
    """A handle of an array of mushin."""

    def __init__(self, mushin, pointer):
        self.mushin, self.pointer = mushin, pointer

    def __del__(self):
        self.mushin.lib.drop(self.pointer)

    def read(self):
        """Its element type, and its values as that is held."""
        code, sizes = ctypes.c_uint32(), (ctypes.c_int64 * 8)()
        rank = self.mushin.lib.describe(self.pointer, ctypes.byref(code), sizes)
        kind = BY_CODE[code.value]
        out = np.empty(sizes[:rank], kind.stored)
        self.mushin.check(self.mushin.lib.get(self.pointer, out.ctypes.data))
        return kind, kind.held_of(out)
