"""Small files of each format, good and nearly good, from which a fuzzer begins."""
import gzip
import io
import json
import struct
import subprocess
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VALUES = struct.pack("<6f", *range(6))


def npy(descr="<f4", shape="(2, 3)", data=VALUES, fortran="False", version=1):
    text = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


def npy_files():
    yield npy()
    yield npy(fortran="True")
    yield npy(">f8", "(3,)", version=2)
    yield npy("|b1", "()", b"\1", version=3)
    yield npy("<i8", "(0, 4)", b"")
    yield npy("<c8", "(3L,)")
    yield npy("<f4", "(99999999, 9999999999)")


def npz_files():
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            with archive.open("x.npy", "w", force_zip64=True) as member:
                member.write(npy())
            archive.writestr("deep/\u00e9.npy", npy("|b1", "(2,)", b"\0\1"))
            archive.writestr("readme", "no array")
        yield out.getvalue()
    yield b"PK\5\6" + bytes(18)


def safetensors(header, data=VALUES):
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + data


def safetensors_files():
    x = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    yield safetensors({"x": x})
    yield safetensors({"__metadata__": {"format": "pt"}, "a": {**x, "shape": [3], "data_offsets": [0, 12]}, "b": {**x, "shape": [3, 1], "data_offsets": [12, 24]}})
    yield safetensors({"b": {"dtype": "BOOL", "shape": [], "data_offsets": [0, 1]}, "h": {"dtype": "BF16", "shape": [0, 7], "data_offsets": [1, 1]}}, b"\1")
    yield safetensors({}, b"")
    yield safetensors({"x": {**x, "shape": [2**40, 2**40]}})


def idx_files():
    images = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 2, 2) + bytes(range(8))
    yield images
    yield gzip.compress(images, mtime=0)
    yield bytes([0, 0, 8, 1]) + struct.pack(">I", 3) + b"abc"
    yield bytes([0, 0, 8, 2]) + struct.pack(">2I", 2**32 - 1, 2**32 - 1)


def note_files():
    """A plugin, as small as the linker makes it."""
    source, out = ROOT / "plugins/template/template.c", Path("template.so")
    subprocess.run(["clang-14", "-shared", "-fPIC", "-Os", "-s", "-nostdlib", "-Wl,-z,max-page-size=4096", "-Wl,-z,noseparate-code",
                    f"-I{ROOT / 'tensor/plugin_api/include'}", str(source), "-o", str(out)], check=True)
    whole = out.read_bytes()
    out.unlink()
    yield whole
    yield whole[: len(whole) // 2]


FORMATS = {"npy": npy_files, "npz": npz_files, "safetensors": safetensors_files, "idx": idx_files, "note": note_files}


def write(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for i, content in enumerate(FORMATS[name]()):
        (folder / f"seed-{i}").write_bytes(content)
