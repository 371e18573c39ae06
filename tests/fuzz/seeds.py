"""Small files of each format, good and nearly good, from which a fuzzer begins."""
import base64
import gzip
import io
import json
import struct
import subprocess
import zipfile
import zlib
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


def csv_files():
    """The first byte is the fuzzer's: 1 for a header, 2 for tabs, 4 and 8 for what is missing."""
    for options in range(12):
        mark = b"\t" if options & 2 else b","
        yield bytes([options]) + b'a, b ,"c ""d"""\n1,-2.5e3,x\r\n\nNA,+7,"y\nz"\n,9223372036854775807,'.replace(b",", mark)
    yield b"\1\xef\xbb\xbfa\n" + gzip.compress(b"a\n1\n", mtime=0)
    yield b"\1" + gzip.compress(b"a,b\n1,2\n", mtime=0)


def png(width, height, depth, color, rows, *chunks, interlace=0):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", width, height, depth, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")))


# Grey with restarts, colours in many scans, colours in one: as small as libjpeg makes them.
JPEGS = (
    "/9j/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/wAALCAAJAAkBAREA/8QAFwAAAwEAAAAAAAAAAAAA"
    "AAAAAQMEBf/EABoQAAICAwAAAAAAAAAAAAAAAAAEFCExQWH/3QAEAAH/2gAIAQEAAD8AiWRxR//QEHh//9F62j//0tM//9k=",
    "/9j/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSk"
    "pKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wgARCAARAAoDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAwAF/8QAFQEBAQAAAAAAAAAAAAAAAAAA"
    "AAH/2gAMAwEAAhADEAAAAYGYDRqT/8QAGxAAAgIDAQAAAAAAAAAAAAAAAAIBEgMRITP/2gAIAQEAAQUCSKLt5MnZoL6H/8QAFBEBAAAAAAAAAAAAAAAAAAAAEP/aAAgBAwEBPwE/"
    "/8QAFhEBAQEAAAAAAAAAAAAAAAAAAAEx/9oACAECAQE/AUx//8QAGxAAAQQDAAAAAAAAAAAAAAAAAQACEBIRQXH/2gAIAQEABj8CsVmxVBqHdj//xAAaEAEAAwEBAQAAAAAAAAAA"
    "AAABABExIXGh/9oACAEBAAE/ISXAIoaN9oYq8New5n2YZP/aAAwDAQACAAMAAAAQoD//xAAVEQEBAAAAAAAAAAAAAAAAAAAQMf/aAAgBAwEBPxCH/8QAFxEAAwEAAAAAAAAAAAAA"
    "AAAAAAExEf/aAAgBAgEBPxDE6SP/xAAfEAABBAICAwAAAAAAAAAAAAABACFBURExYXGBwfD/2gAIAQEAAT8QFZtYswE/wHEAZgPpSu8ndPHvhMGhfIsrR0v/2Q==",
    "/9j/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSk"
    "pKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAJABEDASIAAhEBAxEB/8QAFwAAAwEAAAAAAAAAAAAAAAAAAAECBf/EACYQAAEDAQUJAAAAAAAAAAAA"
    "AAIAAQMEBRE1c+EVIjFBUVKSscH/xAAWAQEBAQAAAAAAAAAAAAAAAAABAAL/xAAaEQADAAMBAAAAAAAAAAAAAAAAARESMVGx/9oADAMBAAIRAxEAPwB0EYUdIdRI26A33dX5Mps+"
    "Ip5jqZ3a8ncid+DaMrtHCQzB+q4cKqckvSG4mymh7as/tm8NULBQtQclz0//2Q==",
)


def image_files():
    yield png(3, 2, 8, 0, b"\0\1\2\3\1\4\5\6")
    yield png(2, 2, 16, 6, bytes(2 * 17), (b"gAMA", struct.pack(">I", 45455)))
    yield png(9, 1, 1, 3, b"\0\xaa\x80", (b"PLTE", bytes(range(6))), (b"tRNS", b"\7"))
    yield png(3, 3, 8, 2, bytes(33), interlace=1)
    yield png(2, 2, 16, 4, bytes(2 * 9), (b"tEXt", b"Title\0none"))
    yield png(2**31 - 1, 2**31 - 1, 8, 2, b"")
    for jpeg in JPEGS:
        yield base64.b64decode(jpeg)


def note_files():
    """A plugin, as small as the linker makes it."""
    source, out = ROOT / "plugins/template/template.c", Path("template.so")
    subprocess.run(["clang-14", "-shared", "-fPIC", "-Os", "-s", "-nostdlib", "-Wl,-z,max-page-size=4096", "-Wl,-z,noseparate-code",
                    f"-I{ROOT / 'tensor/plugin_api/include'}", str(source), "-o", str(out)], check=True)
    whole = out.read_bytes()
    out.unlink()
    yield whole
    yield whole[: len(whole) // 2]


def dlpack_tensors():
    """The numbers that tests/fuzz/dlpack.cpp makes a tensor of: how, type, rank, 16 sizes, 16 strides, offset, and how it is taken."""
    def tensor(how, type_number, sizes, strides=(), offset=0, behind=b"\1\1\1\1"):
        def number(n):
            return bytes([n]) if 0 <= n < 9 else bytes([200 + (n + 4 - 200 % 9) % 9]) if -4 <= n < 0 else b"\xff" + struct.pack("<q", n)

        rows = [list(v) + [1] * (16 - len(v)) for v in (sizes, strides)]
        return bytes([how, type_number]) + number(len(sizes)) + b"".join(number(n) for row in rows for n in row) + number(offset) + behind

    yield tensor(4, 0, [2, 3])
    yield tensor(4 + 16, 1, [3, 2], [1, 3])
    yield tensor(4 + 16 + 32, 0, [2, 3], [-3, -1], 8)
    yield tensor(4 + 16, 8, [4], [0])
    yield tensor(4 + 16, 8, [2**40], [0])
    yield tensor(4, 0, [0, 2**40, 2**20])
    yield tensor(4, 0, [2**40, 2**40])
    yield tensor(4 + 16, 0, [3], [2**63 - 1])
    yield tensor(4 + 16, 0, [3], [-(2**63)])
    yield tensor(4, 0, [2], offset=2**63 - 1)
    yield tensor(4, 0, [1] * 9)
    yield tensor(3, 0, [2, 3])


FORMATS = {"npy": npy_files, "npz": npz_files, "safetensors": safetensors_files, "idx": idx_files, "csv": csv_files, "image": image_files,
           "note": note_files, "dlpack": dlpack_tensors}


def write(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for i, content in enumerate(FORMATS[name]()):
        (folder / f"seed-{i}").write_bytes(content)
