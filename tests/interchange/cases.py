"""What the comparisons with NumPy share: special values, operands of every layout, and what counts as equal."""

import math
import sys
import unittest

import numpy as np

from arrays import Mushin

MUSHIN = Mushin(sys.argv[1])
SHAPES = [(), (1,), (7,), (0,), (3, 4), (1, 5), (4, 0), (2, 1, 3), (2, 3, 1, 4), (2, 1, 3, 2, 2)]
np.seterr(all="ignore")


def special(kind):
    """Values at which ops go wrong."""
    if kind.is_bool:
        return np.array([False, True])
    if kind.is_integer:
        low, high = int(np.iinfo(kind.held).min), int(np.iinfo(kind.held).max)
        return np.array(
            sorted({low, low + 1, -100, -7, -2, -1, 0, 1, 2, 3, 7, 100, high - 1, high} - set(range(-200, 0) if low == 0 else ())),
            kind.held,
        )
    tiny = math.ldexp(1, kind.least)
    list_ = [0, tiny, tiny / 2, 3 * math.ldexp(tiny, 1 - kind.digits), kind.greatest, 1, 1.5, 2, 2.5, 3, 0.5, 0.1, 7, 100, 1e-3, np.inf]
    return kind.round(np.array(list_ + [-v for v in list_] + [np.nan]))


class Cases(unittest.TestCase):
    """What all of them need; each test runs on each device."""

    def setUp(self):
        self.random = np.random.default_rng(7)
        self.turn = 0

    def on_every_device(self):
        for name in MUSHIN.devices():
            if name == "fakegpu:1":  # the test's device, with all of builtin's kernels; the first has only what it must have
                continue
            MUSHIN.use(name)
            self.device = name
            self.random = np.random.default_rng(7)
            yield name

    constants = True

    def values(self, kind, shape, low=-9, high=9):
        """Random ones; now and then all equal along one axis."""
        made = np.asarray(self.varied(kind, shape, low, high))
        if made.size and made.ndim and self.constants and self.random.random() < 0.25:
            axis = self.random.integers(made.ndim)
            made = np.repeat(made.take([0], axis), made.shape[axis], axis)
        return made

    def varied(self, kind, shape, low, high):
        """Random ones; of integers about an eighth are the type's ends."""
        if kind.is_bool:
            return self.random.random(shape) < 0.5
        if kind.is_float:
            return np.asarray(kind.round(self.random.uniform(low, high, shape)))
        ends = special(kind)
        low = max(low, int(ends[0]))
        small = self.random.integers(low, high + 1, shape).astype(kind.held)
        return np.where(self.random.random(shape) < 0.125, self.random.choice(ends, shape), small).astype(kind.held)

    def handle(self, values, kind):
        """The values as an array of mushin, in turn: as they are, as a view of a larger array with its axes in another order, and as an
        expression that is not computed yet. What is equal along an axis is one element of it, broadcast."""
        self.turn += 1
        values = np.asarray(values, kind.held)
        for axis in range(values.ndim if values.size else 0):
            one = values.take([0], axis)
            if values.shape[axis] > 1 and np.repeat(one, values.shape[axis], axis).tobytes() == values.tobytes():
                return MUSHIN.op("broadcast_to", self.handle(one, kind), whole=values.shape)
        if self.turn % 3 == 0 or values.ndim == 0:
            made = MUSHIN.array(values, kind)
        else:
            order = self.random.permutation(values.ndim)
            turned = values.transpose(order)
            wide = np.zeros((turned.shape[0] + 3, *turned.shape[1:]), kind.held)
            wide[1 : 1 + turned.shape[0]] = turned
            made = MUSHIN.op("slice", MUSHIN.array(wide, kind), whole=(0, 1, 1 + turned.shape[0]))
            made = MUSHIN.op("permute", made, whole=np.argsort(order))
        if self.turn % 5 == 0 or (self.turn % 3 == 0 and self.turn % 2):
            twice = "logical_not" if kind.is_bool else "neg"
            made = MUSHIN.op(twice, MUSHIN.op(twice, made))
        return made

    def expect(self, got, kind, wanted, what, ulp=0.0, near=0.0, zeros=True):
        """`wanted`: of integers and bool, and where `ulp` and `near` are 0, exactly that (rounded to the type once), with the sign of zeros
        where `zeros`; else as many last digits off, or that much by the largest of them."""
        type_, values = got.read()
        where = f"{what} on {self.device}"
        self.assertIs(type_, kind, where)
        self.assertEqual(values.shape, np.shape(wanted), where)
        if not values.size:
            return
        if not kind.is_float:
            wrong = values != np.asarray(wanted).astype(kind.held)
        else:
            exact = np.asarray(wanted, np.longdouble)
            rounded = kind.round(exact)
            with_nan = np.isnan(rounded)
            if ulp == 0 and near == 0:
                right = (values == rounded) & ((np.signbit(values) == np.signbit(rounded)) | (not zeros))
            else:
                finite = np.where(np.isfinite(exact), exact, 0)
                allowed = ulp * kind.spacing(finite) + near * (np.max(np.abs(finite)) if near else 0)
                # An overflow, too, may come a few digits early or late.
                at_end = np.abs(finite) + allowed >= kind.greatest
                right = (np.abs(np.where(np.isfinite(values), values, np.inf) - finite) <= allowed) & np.isfinite(exact)
                right |= np.isinf(values) & (np.sign(values) == np.sign(exact)) & (at_end | ~np.isfinite(exact))
            wrong = ~np.where(with_nan, np.isnan(values), right)
        if np.any(wrong):
            at = tuple(int(i) for i in np.argwhere(wrong)[0]) if np.ndim(wrong) else ()
            self.fail(
                f"{where}: {np.count_nonzero(wrong)} of {values.size} differ; at {at} {values[at]!r} is not {np.asarray(wanted)[at]!r}"
            )
