"""Products of matrices, Einstein's summation and linear algebra against NumPy."""

import numpy as np

from arrays import BF16, F16, FLOATS, F32, F64, I64, NUMBERS
from cases import MUSHIN, Cases

PRODUCTS = [
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (5, 3, 4)),
    ((3,), (5, 3, 4)),
    ((2, 0), (0, 3)),
    ((0, 2), (2, 3)),
    ((2, 3), (3, 0)),
    ((0, 2, 3), (0, 3, 2)),
    ((1, 1), (1, 1)),
    ((40, 70), (70, 33)),
    ((3, 64, 20), (3, 20, 50)),
    ((1, 300), (300, 5)),
]
SUBSCRIPTS = {
    "ij,jk->ik": [(3, 4), (4, 5)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)],
    "ij,kj->ik": [(3, 4), (5, 4)],
    "ij->ji": [(3, 4)],
    "ii->i": [(4, 4)],
    "ii": [(4, 4)],
    "ij->": [(3, 4)],
    "ij->j": [(3, 4)],
    "i,j->ij": [(3,), (4,)],
    "i,i->": [(5,), (5,)],
    "ij,ij->ij": [(3, 4), (3, 4)],
    "ij,j->i": [(3, 4), (4,)],
    "abc,cd,de->abe": [(2, 3, 4), (4, 5), (5, 2)],
    "bhqd,bhkd->bhqk": [(2, 3, 4, 5), (2, 3, 6, 5)],
    "ij,jk": [(3, 4), (4, 5)],
    "ba": [(3, 4)],
    "iij,jk->k": [(3, 3, 4), (4, 2)],
    ",ij->ij": [(), (2, 3)],
    "i,i,i->i": [(3,), (3,), (3,)],
    "ij,kl->jl": [(2, 3), (4, 5)],
    "ijk->kij": [(2, 0, 3)],
    "ij,jk->ki": [(3, 0), (0, 2)],
    "abcde,edcba->ace": [(2, 1, 3, 2, 2), (2, 2, 3, 1, 2)],
}


def product(f, kind, *operands):
    """Of integers in 64 bits, which wrap; of floats in the widest type."""
    return f(*(np.asarray(v, np.longdouble if kind.is_float else np.int64) for v in operands))


class Products(Cases):
    def near(self, got, kind, wanted, magnitude, what):
        if not kind.is_float:
            return self.expect(got, kind, np.asarray(wanted).astype(kind.held), what)
        scale = max(1.0, float(np.max(magnitude, initial=0) / max(np.max(np.abs(wanted), initial=0), 1e-30)))
        return self.expect(got, kind, wanted, what, 0.51, scale * (1e-6 if kind is not F64 else 1e-15) * 4)

    def test_matmul(self):
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for a, b in PRODUCTS:
                    x, y = self.values(kind, a), self.values(kind, b)
                    size = product(np.matmul, kind, np.abs(np.asarray(x, float)), np.abs(np.asarray(y, float))) if kind.is_float else 0
                    self.near(
                        MUSHIN.op("matmul", self.handle(x, kind), self.handle(y, kind)),
                        kind,
                        product(np.matmul, kind, x, y),
                        size,
                        f"matmul of {kind} {a} {b}",
                    )

    def test_special_values_of_products(self):
        """Infinities and NaN come out where they do of the definition, whatever is skipped or padded."""
        for _ in self.on_every_device():
            for kind in FLOATS:
                for a, b in PRODUCTS:
                    x, y = self.values(kind, a), self.values(kind, b)
                    for operand in (x, y):
                        for value in (np.inf, -np.inf, np.nan, 0, 0):
                            if operand.size and self.random.random() < 0.7:
                                operand.flat[self.random.integers(operand.size)] = value
                    got = MUSHIN.op("matmul", self.handle(x, kind), self.handle(y, kind)).read()[1]
                    wanted = np.matmul(x.astype(float), y.astype(float))
                    what = f"matmul of {kind} {a} {b} on {self.device}"
                    for f in (np.isnan, np.isposinf, np.isneginf):
                        np.testing.assert_array_equal(f(got), f(wanted), what)

    def test_einsum(self):
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for written, shapes in SUBSCRIPTS.items():
                    x = [self.values(kind, s) for s in shapes]
                    f = lambda *v: np.einsum(written, *v)
                    size = product(f, kind, *(np.abs(np.asarray(v, float)) for v in x)) if kind.is_float else 0
                    # Each product of two is rounded; of 16-bit floats that is what is coarse.
                    kinds = {"whole": [ord(c) for c in written]}
                    got, wanted = MUSHIN.op("einsum", *(self.handle(v, kind) for v in x), **kinds), product(f, kind, *x)
                    if kind in (F16, BF16):
                        largest = float(np.max(size, initial=0) / max(np.max(np.abs(wanted), initial=0), 1e-30)) if np.size(wanted) else 1
                        self.expect(
                            got, kind, wanted, f"einsum {written} of {kind}", 0.51, max(1.0, largest) * (4e-3 if kind is F16 else 3e-2)
                        )
                    elif kind.is_float:
                        self.near(got, kind, wanted, size, f"einsum {written} of {kind}")
                    else:
                        self.expect(
                            got, kind if kind is not I64 else I64, np.asarray(wanted).astype(kind.held), f"einsum {written} of {kind}"
                        )

    def test_trace(self):
        for _ in self.on_every_device():
            for kind in NUMBERS:
                for shape in [(3, 3), (2, 5), (5, 2), (0, 3), (2, 3, 4)]:
                    x = self.values(kind, shape)
                    wanted = np.trace(np.asarray(x, np.longdouble if kind.is_float else np.int64), 0, -2, -1)
                    self.near(
                        MUSHIN.op("trace", self.handle(x, kind)),
                        kind if kind.is_float else I64,
                        wanted,
                        np.abs(np.asarray(x, float)).sum(),
                        f"trace of {kind} {shape}",
                    )


class LinearAlgebra(Cases):
    """Float and double, batches too; against NumPy's own LAPACK in double."""

    def matrices(self, square=True):
        shapes = (
            [(1, 1), (3, 3), (7, 7), (2, 4, 4), (2, 1, 3, 3), (0, 3, 3)]
            if square
            else [(4, 4), (5, 3), (3, 5), (2, 4, 3), (2, 3, 4), (0, 3, 2)]
        )
        for _ in self.on_every_device():
            for kind in (F32, F64):
                for shape in shapes:
                    x = self.values(kind, shape, -1, 1)
                    yield kind, (x + 4 * np.eye(shape[-1], dtype=x.dtype) if square else x).astype(x.dtype)

    def close(self, got, kind, wanted, what):
        self.expect(got, kind, wanted, what, 8, 1e-4 if kind is F32 else 1e-12)

    def test_solve_inv_det(self):
        for kind, x in self.matrices():
            exact, a, what = x.astype(float), self.handle(x, kind), f"of {kind} {x.shape}"
            b = self.values(kind, (*x.shape[:-2], x.shape[-1], 2))
            self.close(MUSHIN.op("solve", a, self.handle(b, kind)), kind, np.linalg.solve(exact, b.astype(float)), "solve " + what)
            vector = self.values(kind, (x.shape[-1],))
            wanted = np.linalg.solve(exact, np.broadcast_to(vector.astype(float)[:, None], (*x.shape[:-1], 1)))[..., 0]
            self.close(MUSHIN.op("solve", a, self.handle(vector, kind)), kind, wanted, "solve of a vector " + what)
            self.close(MUSHIN.op("inv", a), kind, np.linalg.inv(exact), "inv " + what)
            self.close(MUSHIN.op("det", a), kind, np.linalg.det(exact), "det " + what)

    def test_cholesky_and_eigh(self):
        for kind, x in self.matrices():
            exact = x.astype(float)
            exact = exact @ np.swapaxes(exact, -1, -2) + np.eye(x.shape[-1])
            x = kind.round(exact)
            x = np.asarray((x + np.swapaxes(x, -1, -2)) / 2, kind.held)
            exact, a, what = x.astype(float), self.handle(x, kind), f"of {kind} {x.shape}"
            self.close(MUSHIN.op("cholesky", a), kind, np.linalg.cholesky(exact), "cholesky " + what)
            values, vectors = MUSHIN.ops("eigh", a)
            self.close(values, kind, np.linalg.eigh(exact)[0], "eigenvalues " + what)
            v, w = vectors.read()[1].astype(float), values.read()[1].astype(float)
            turned = np.swapaxes(v, -1, -2)
            self.close(self.handle((v * w[..., None, :]) @ turned, kind), kind, exact, "eigenvectors " + what)
            self.close(
                self.handle(turned @ v, kind), kind, np.broadcast_to(np.eye(x.shape[-1]), x.shape), "orthonormal eigenvectors " + what
            )

    def test_qr_and_svd(self):
        for kind, x in self.matrices(square=False):
            exact, a, what = x.astype(float), self.handle(x, kind), f"of {kind} {x.shape}"
            q, r = (f.read()[1].astype(float) for f in MUSHIN.ops("qr", a))
            self.assertEqual((q.shape, r.shape), tuple(m.shape for m in np.linalg.qr(exact)), what)
            self.close(self.handle(q @ r, kind), kind, exact, "qr " + what)
            self.close(self.handle(np.tril(r, -1), kind), kind, np.zeros_like(r), "triangular r " + what)
            u, s, vt = (f.read()[1].astype(float) for f in MUSHIN.ops("svd", a))
            wanted = np.linalg.svd(exact, full_matrices=False)
            self.assertEqual((u.shape, s.shape, vt.shape), tuple(m.shape for m in wanted), what)
            self.close(self.handle(s, kind), kind, wanted[1], "singular values " + what)
            self.close(self.handle((u * s[..., None, :]) @ vt, kind), kind, exact, "svd " + what)
            for columns in (q, u, np.swapaxes(vt, -1, -2)):
                k = columns.shape[-1]
                self.close(
                    self.handle(np.swapaxes(columns, -1, -2) @ columns, kind),
                    kind,
                    np.broadcast_to(np.eye(k), (*columns.shape[:-2], k, k)),
                    "orthonormal columns " + what,
                )
