"""run.py EXCHANGE: files and tensors that NumPy or the safetensors package made are read by mushin, and the other way round.

Needs both packages: of the Python that MUSHIN_TEST_PYTHON names, else of this one. Ends with 77 where they are missing.
"""
import ctypes
import os
import sys
import tempfile
import unittest
from pathlib import Path

OTHER = os.environ.pop("MUSHIN_TEST_PYTHON", None)
if OTHER:
    os.execv(OTHER, [OTHER, "-B", *sys.argv])
try:
    import numpy as np
    import safetensors
    import safetensors.numpy
except ImportError as missing:
    print(f"skipped: {missing}; name a Python that has numpy and safetensors by MUSHIN_TEST_PYTHON")
    sys.exit(77)

LIBRARY = ctypes.CDLL(sys.argv[1])
TYPES = ["f2", "f4", "f8", "i1", "u1", "i4", "i8", "b1"]
SHAPES = [(), (1,), (0,), (0, 4), (3,), (2, 3), (4, 1, 3, 2)]


def call(function, *args):
    """Calls a function of the library, which returns null or why it failed."""
    called = getattr(LIBRARY, function)
    called.restype = ctypes.c_char_p
    failure = called(*(os.fsencode(a) if isinstance(a, (str, Path)) else a for a in args))
    if failure is not None:
        raise RuntimeError(failure.decode())


def sample(kind, shape, order="C"):
    """Values that a wrong byte or a wrong place would change, those at the ends of the type among them."""
    count = int(np.prod(shape))
    if kind == "b1":
        values = np.arange(count) % 3 == 0
    elif np.dtype(kind).kind in "iu":
        ends = [np.iinfo(kind).min, np.iinfo(kind).max]
        values = np.array((ends + list(range(1, count + 1)))[:count], dtype=kind)
    else:
        values = np.array(([np.inf, -0.0, np.finfo(kind).tiny, np.nan] + [k / 8 for k in range(1, count + 1)])[:count], dtype=kind)
    return np.asarray(values.astype(kind).reshape(shape), order=order)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def same(self, got, expected):
        self.assertEqual(got.dtype, expected.dtype.newbyteorder("="))
        self.assertEqual(got.shape, expected.shape)
        self.assertEqual(np.ascontiguousarray(got).tobytes(), np.ascontiguousarray(expected.astype(got.dtype)).tobytes())

    def convert(self, source, target, mapped=False, deflated=False):
        call("convert", self.folder / source, self.folder / target, int(mapped), int(deflated))
        return self.folder / target

    def arrays(self):
        return {f"{kind}.{'x'.join(map(str, shape))}": sample(kind, shape) for kind in TYPES for shape in SHAPES}


class Npy(Files):
    def test_every_type_shape_and_order(self):
        for kind in TYPES:
            for shape in SHAPES:
                for order in "CF":
                    for ends in "<>":
                        with self.subTest(kind=kind, shape=shape, order=order, ends=ends):
                            a = sample(kind, shape, order)
                            np.save(self.folder / "a.npy", a.astype(a.dtype.newbyteorder(ends)))
                            self.same(np.load(self.convert("a.npy", "b.npy"), allow_pickle=False), a)

    def test_every_version(self):
        a = sample("f4", (2, 3))
        for version in [(1, 0), (2, 0), (3, 0)]:
            with open(self.folder / "a.npy", "wb") as out:
                np.lib.format.write_array(out, a, version)
            self.same(np.load(self.convert("a.npy", "b.npy")), a)

    def test_the_same_bytes_as_numpy(self):
        np.save(self.folder / "a.npy", sample("f8", (2, 3)))
        self.assertEqual(self.convert("a.npy", "b.npy").read_bytes(), (self.folder / "a.npy").read_bytes())

    def test_what_mushin_lacks_is_refused(self):
        for a in [np.zeros(2, "c8"), np.array(["text"]), np.zeros(2, "u8"), np.zeros(2, [("a", "f4")]), np.array([{}], dtype=object)]:
            np.save(self.folder / "a.npy", a)
            with self.assertRaisesRegex(RuntimeError, r"^\[load_npy\] (mushin has no such|structured) element type"):
                self.convert("a.npy", "b.npy")


class Npz(Files):
    def test_both_ways_stored_and_compressed(self):
        arrays = self.arrays()
        for save in (np.savez, np.savez_compressed):
            save(self.folder / "a.npz", **arrays)
            for deflated in (False, True):
                with np.load(self.convert("a.npz", "b.npz", deflated=deflated), allow_pickle=False) as got:
                    self.assertEqual(set(got.files), set(arrays))
                    for name, a in arrays.items():
                        with self.subTest(name=name, deflated=deflated):
                            self.same(got[name], a)

    def test_names_beyond_ascii(self):
        np.savez(self.folder / "a.npz", **{"größe/∂x": sample("f4", (2,))})
        with np.load(self.convert("a.npz", "b.npz")) as got:
            self.assertEqual(got.files, ["größe/∂x"])

    def test_empty(self):
        np.savez(self.folder / "a.npz")
        with np.load(self.convert("a.npz", "b.npz")) as got:
            self.assertEqual(got.files, [])


class Safetensors(Files):
    def test_both_ways_copied_and_mapped(self):
        arrays = self.arrays()
        safetensors.numpy.save_file(arrays, self.folder / "a.safetensors", metadata={"format": "np"})
        for mapped in (False, True):
            got = safetensors.numpy.load_file(self.convert("a.safetensors", "b.safetensors", mapped=mapped))
            self.assertEqual(set(got), set(arrays))
            for name, a in arrays.items():
                with self.subTest(name=name, mapped=mapped):
                    self.same(got[name], a)

    def test_bf16_which_numpy_lacks(self):
        tensors = {"x": {"dtype": "bfloat16", "shape": [2, 3], "data": bytes(range(12))}, "none": {"dtype": "bfloat16", "shape": [0], "data": b""}}
        (self.folder / "a.safetensors").write_bytes(safetensors.serialize(tensors))
        for mapped in (False, True):
            got = dict(safetensors.deserialize(self.convert("a.safetensors", "b.safetensors", mapped=mapped).read_bytes()))
            self.assertEqual({n: (t["dtype"], list(t["shape"]), bytes(t["data"])) for n, t in got.items()},
                             {"x": ("BF16", [2, 3], bytes(range(12))), "none": ("BF16", [0], b"")})
        with self.assertRaisesRegex(RuntimeError, r"^\[save_npz\] NumPy must have the element type: .* bf16"):
            self.convert("a.safetensors", "b.npz")

    def test_names_that_json_escapes(self):
        names = ["größe/∂x", 'quote"', "back\\slash", "tab\tand\nline", "\x01", "𝄞", " "]
        arrays = {name: np.array([i], "i4") for i, name in enumerate(names)}
        safetensors.numpy.save_file(arrays, self.folder / "a.safetensors")
        got = safetensors.numpy.load_file(self.convert("a.safetensors", "b.safetensors"))
        self.assertEqual({name: int(a[0]) for name, a in got.items()}, {name: i for i, name in enumerate(names)})

    def test_of_another_order_of_axes_and_bytes(self):
        for order in "CF":
            for ends in "<>":
                a = sample("f4", (2, 3, 4), order)
                np.save(self.folder / "a.npy", a.astype(a.dtype.newbyteorder(ends)))
                self.same(safetensors.numpy.load_file(self.convert("a.npy", "b.safetensors"))["x"], a)
                with np.load(self.convert("a.npy", "b.npz")) as got:
                    self.same(got["x"], a)

    def test_npz_and_back(self):
        arrays = self.arrays()
        np.savez(self.folder / "a.npz", **arrays)
        self.convert("a.npz", "a.safetensors")
        self.convert("a.safetensors", "b.npz")
        with np.load(self.folder / "b.npz") as got:
            for name, a in arrays.items():
                self.same(got[name], a)


class Capsule:
    """A struct of DLPack, as Python's protocol hands it over."""

    NEW = ctypes.pythonapi.PyCapsule_New
    NEW.restype, NEW.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    POINTER = ctypes.pythonapi.PyCapsule_GetPointer
    POINTER.restype, POINTER.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    RENAME = ctypes.pythonapi.PyCapsule_SetName
    RENAME.argtypes = [ctypes.py_object, ctypes.c_char_p]

    def __init__(self, pointer, versioned):
        self.pointer, self.name = pointer, b"dltensor_versioned" if versioned else b"dltensor"

    def __dlpack__(self, **_):
        return self.NEW(self.pointer, self.name, None)

    def __dlpack_device__(self):
        return (1, 0)


class DLPack(Files):
    def give(self, a, transposed=False, versioned=False):
        """`a` by way of a file and mushin's memory."""
        np.save(self.folder / "a.npy", a)
        to = ctypes.c_void_p()
        call("give_versioned" if versioned else "give", self.folder / "a.npy", int(transposed), ctypes.byref(to))
        return np.from_dlpack(Capsule(to.value, versioned))

    def take(self, a, versioned=False):
        """`a` by way of mushin and a file."""
        capsule = a.__dlpack__(max_version=(1, 0)) if versioned else a.__dlpack__()
        name, used = (b"dltensor_versioned", b"used_dltensor_versioned") if versioned else (b"dltensor", b"used_dltensor")
        call("take_versioned" if versioned else "take", ctypes.c_void_p(Capsule.POINTER(capsule, name)), self.folder / "b.npy")
        Capsule.RENAME(capsule, used)
        return np.load(self.folder / "b.npy")

    def test_every_type_and_shape(self):
        for kind in TYPES:
            for shape in SHAPES:
                for versioned in (False, True):
                    with self.subTest(kind=kind, shape=shape, versioned=versioned):
                        a = sample(kind, shape)
                        self.same(self.give(a, versioned=versioned), a)
                        self.same(self.take(a, versioned), a)

    def test_views(self):
        a = sample("f4", (4, 6))
        self.same(self.give(a, transposed=True), a.T)
        for view in (a.T, a[1::2, ::3], a[::-1, ::-1], np.broadcast_to(a[:1], (4, 6)), a[2:, 5:]):
            self.same(self.take(view, versioned=not view.flags.writeable), view)

    def test_given_memory_outlives_everything_and_is_read_only(self):
        a = sample("f8", (100, 100))
        kept = [self.give(a, versioned=True) for _ in range(3)]
        for got in kept:
            self.assertFalse(got.flags.writeable)
            self.same(got, a)

    def test_what_mushin_lacks_is_refused(self):
        with self.assertRaisesRegex(RuntimeError, r"^\[from_dlpack\] mushin has no such element type: code 5, 64 bits"):
            self.take(np.zeros(2, "c8"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
