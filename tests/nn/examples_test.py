"""examples_test.py PROGRAM…: the example programs do what their first lines say, on small made-up data."""
import gzip
import json
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

PROGRAMS = {Path(p).name: p for p in sys.argv[1:]}
SEED, FASHION = PROGRAMS["01-seed"], PROGRAMS["02-fashion-mnist"]
LENET, RESIDUAL = PROGRAMS["03-lenet"], PROGRAMS["04-residual-net"]
GPT, LSTM, NEWTON, PINN = PROGRAMS["05-gpt"], PROGRAMS["06-lstm"], PROGRAMS["07-newton"], PROGRAMS["08-pinn"]
FROM_PYTORCH = PROGRAMS["from-pytorch"]
IMAGES = PROGRAMS.get("09-image-folder")  # built where there are libpng and libjpeg


def idx(sizes, values):
    return struct.pack(">BBBB", 0, 0, 8, len(sizes)) + struct.pack(f">{len(sizes)}I", *sizes) + bytes(values)


def write_dataset(folder, name, count):
    """Images of class k are bright in rows 2k and 2k + 1 and dark elsewhere, with some noise."""
    source = random.Random(count)
    labels = [source.randrange(10) for _ in range(count)]
    pixels = [source.randrange(200, 256) if row // 2 == k else source.randrange(60) for k in labels for row in range(28) for _ in range(28)]
    (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx([count, 28, 28], pixels), 1))
    (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx([count], labels), 1))


def write_safetensors(path, tensors):
    """Of float32; tensors: of each name its shape and its values."""
    header, values = {}, b""
    for name, (shape, numbers) in tensors.items():
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(values), len(values) + len(packed)]}
        values += packed
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)


def png(width, height, pixel):
    """An RGB file; pixel(row, column): three bytes."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + b"".join(bytes(pixel(r, c)) for c in range(width)) for r in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def write_pictures(folder, count):
    """Bars that lie, bars that stand and chequers, four pixels wide, in random colours and at random places, of two sizes."""
    source = random.Random(count)
    for name, dark in (("chequered", lambda r, c: (r // 4 + c // 4) % 2), ("lying", lambda r, c: r // 4 % 2), ("standing", lambda r, c: c // 4 % 2)):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            colours = [[source.randrange(128, 256) for _ in range(3)], [source.randrange(100) for _ in range(3)]]
            down, right, side = source.randrange(8), source.randrange(8), 32 if i % 4 else 40
            (folder / name / f"{i}.png").write_bytes(png(side, side, lambda r, c: colours[dark(r + down, c + right)]))


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mushin-examples-")
        cls.data = Path(cls.folder.name)
        write_dataset(cls.data, "train", 600)
        write_dataset(cls.data, "t10k", 100)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_seed_prints_both_gradients(self):
        result = run(SEED)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("dw = [[3. 3.]", result.stdout)
        self.assertIn("db = [[1. 1. 1.]", result.stdout)

    def test_newton_doubles_its_digits(self):
        result = run(NEWTON)
        self.assertEqual(result.returncode, 0, result.stderr)
        *steps, last = result.stdout.splitlines()
        slopes = [float(line.split()[-1]) for line in steps]
        self.assertLess(len(slopes), 10)
        self.assertLess(slopes[-1], 1e-12)
        self.assertLess(slopes[-2], 1e3 * slopes[-3] ** 2 + 1e-12)
        self.assertGreater(float(last.split()[2]), 85)

    def test_the_guide_from_pytorch_computes_what_pytorch_does(self):
        tensors, count = {}, 0
        for name, shape in (("fc1.weight", [8, 4]), ("fc1.bias", [8]), ("fc2.weight", [3, 8]), ("fc2.bias", [3])):
            size = shape[0] * (shape[1] if len(shape) == 2 else 1)
            tensors[name] = (shape, [(count + i) * 7 % 11 / 11 - 0.5 for i in range(size)])
            count += size
        write_safetensors(self.data / "net.safetensors", tensors)
        result = run(FROM_PYTORCH, str(self.data))
        self.assertEqual(result.returncode, 0, result.stderr)
        told = {}
        for line in result.stdout.splitlines():
            what, _, numbers = line.partition(": ")
            told.setdefault(what, []).extend(float(n) for n in re.findall(r"-?\d+\.?\d*(?:e[-+]\d+)?", re.sub(r"(float|double|int64|) \([\d, ]*\)", "", numbers)))
        for what, numbers, digits in (  # as torch 2.15 has them
            ("tensors", [42, 5, 2, 2, 2, 2.5, 3], 6),
            ("broadcasting", [96, 2], 6),
            ("gradients", [3, 12, 27, 6, 12, 18, 36, 2, 4, 6], 6),
            ("transforms", [1, 8, 3, 12, 3, 12, 2, 2, 2, 2, 2, 15], 6),
            ("1", [1.0453058, 1.3914778], 4),
            ("2", [0.7669241, 1.1663425], 4),
            ("3", [0.6351472, 1.0353194], 4),
            ("accuracy", [0.625], 6),
            ("device", [-2.8118815], 4),
            ("capture", [0.7470906], 4),
            ("mixed", [0.7336444, 65536], 3),
        ):
            self.assertEqual(len(told[what]), len(numbers), f"{what}: {told[what]}")
            for is_, should in zip(told[what], numbers):
                self.assertAlmostEqual(is_, should, digits, what)

    def test_pinn_finds_the_solution(self):
        result = run(PINN, "150", "4")
        self.assertEqual(result.returncode, 0, result.stderr)
        first, adam, lbfgs = (float(line.split()[-1]) for line in result.stdout.splitlines())
        self.assertLess(adam, first)
        self.assertLess(lbfgs, adam)
        self.assertLess(lbfgs, 0.05)
        for words in (["--help"], ["3x"], ["1", "1", "1"]):
            result = run(PINN, *words)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (1, "", "08-pinn [STEPS OF ADAM] [STEPS OF LBFGS]\n"))

    def test_training_learns_saves_and_records(self):
        curve, model = self.data / "curve.json", self.data / "net.safetensors"
        result = run(FASHION, "--data", str(self.data), "--epochs", "3", "--batch", "50", "--save", str(model), "--curve", str(curve))
        self.assertEqual(result.returncode, 0, result.stderr)
        epochs = json.loads(curve.read_text())
        self.assertEqual([e["epoch"] for e in epochs], [1, 2, 3])
        self.assertLess(epochs[2]["train_loss"], epochs[0]["train_loss"])
        self.assertGreater(epochs[2]["test_accuracy"], 0.9)
        self.assertEqual(len(result.stdout.splitlines()), 1 + 3)
        self.assertIn("training on ", result.stdout)
        self.assertEqual(len(result.stderr.splitlines()), 3 * 10)
        self.assertTrue(all(c == "\n" or c.isprintable() for c in result.stdout + result.stderr))
        with model.open("rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        self.assertEqual(header["fc1.weight"]["shape"], [512, 784])
        self.assertEqual(set(header), {f"fc{i}.{what}" for i in (1, 2, 3) for what in ("weight", "bias")})

    def test_a_full_disk_leaves_the_curve_that_was_there(self):
        def no_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))

        folder = self.data / "curves"
        folder.mkdir()
        (folder / "curve.json").write_text("before")
        command = [FASHION, "--data", str(self.data), "--epochs", "0", "--curve", str(folder / "curve.json")]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, preexec_fn=no_room)
        self.assertEqual((result.returncode, result.stderr), (1, f"cannot write {folder / 'curve.json'}\n"))
        self.assertEqual((folder / "curve.json").read_text(), "before")
        self.assertEqual(len(list(folder.iterdir())), 1)
        self.assertEqual(run(*command).returncode, 0)
        self.assertEqual((folder / "curve.json").read_text(), "[]\n")

    def test_networks_of_convolutions_learn(self):
        curve, model = self.data / "curve.json", self.data / "net.safetensors"
        # What is shifted at random shows less of the class: the residual network only has to come closer.
        for program, count, least, weight, shape in (
            (LENET, "600", 0.9, "conv2.weight", [16, 6, 5, 5]),
            (RESIDUAL, "200", 0, "blocks.1.shortcut.0.weight", [32, 16, 1, 1]),
        ):
            result = run(program, "--data", str(self.data), "--epochs", "2", "--batch", "25", "--lr", "3e-3", "--limit", count,
                         "--save", str(model), "--curve", str(curve))
            self.assertEqual(result.returncode, 0, result.stderr)
            epochs = json.loads(curve.read_text())
            self.assertEqual([e["epoch"] for e in epochs], [1, 2])
            self.assertLess(epochs[1]["train_loss"], 0.95 * epochs[0]["train_loss"])
            self.assertGreaterEqual(epochs[1]["test_accuracy"], least)
            self.assertEqual(len(result.stdout.splitlines()), 1 + 2)
            with model.open("rb") as file:
                header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
            self.assertEqual(header[weight]["shape"], shape)

    def test_the_same_seed_gives_the_same_training(self):
        runs = [run(FASHION, "--data", str(self.data), "--epochs", "1", "--limit", "200", "--seed", "7").stdout.split(" %")[0] for _ in range(2)]
        self.assertIn("loss", runs[0])
        self.assertEqual(runs[0], runs[1])

    def test_a_training_that_was_cut_off_goes_on(self):
        def train(epochs, *more):
            result = run(FASHION, "--data", str(self.data), "--limit", "200", "--epochs", str(epochs), "--lr", "0.01", *more)
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stdout

        folder = self.data / "run"
        train(2, "--checkpoint", str(folder))
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["best.safetensors", "last.safetensors"])
        told = train(3, "--checkpoint", str(folder))
        self.assertIn("epoch 3: ", told)
        self.assertNotIn("epoch 2: ", told)
        self.assertNotIn("epoch 3: ", train(3, "--checkpoint", str(folder)))

    def test_lstm_learns_a_text(self):
        text = self.data / "text"
        text.write_text("a quick fox jumps. " * 400)
        result = run(LSTM, "--text", str(text), "--epochs", "2", "--batch", "8", "--lr", "0.01", "--write", "48")
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        self.assertIn("7600 characters, 15 different ones, on ", lines[0])
        losses = [[float(part.split()[-1]) for part in line.split(",")] for line in lines[1:3]]
        self.assertLess(losses[1][0], losses[0][0])  # log(15) = 2.7 is a guess
        self.assertLess(losses[1][1], 0.2)
        self.assertEqual(lines[3], ("a quick fox jumps. " * 3)[:56])

    def test_a_text_that_is_not_there_is_one_sentence(self):
        result = run(LSTM, "--text", "/no/such/text")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn("/no/such/text", result.stderr)

    def test_bad_input_is_one_sentence(self):
        for arguments, parts in (
            (["--data", "/no/such/folder"], ["[read_idx] cannot open: /no/such/folder/train-images-idx3-ubyte.gz", "No such file", "install the package dataset-fashion-mnist"]),
            (["--data", str(self.data), "--device", "abacus"], ["abacus"]),
            (["--data", str(self.data), "--limit", "60", "--epochs", "0", "--save", "/no/such/folder/x"], ["[save_safetensors] cannot create"]),
        ):
            result = run(FASHION, *arguments)
            self.assertEqual(result.returncode, 1, arguments)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            for part in parts:
                self.assertIn(part, result.stderr)

    def test_a_gpt_learns_a_text_writes_and_goes_on(self):
        text, model = self.data / "text", self.data / "gpt.safetensors"
        text.write_text("abcdefghijklmnopqrstuvwxyz\n" * 150)
        common = ["--text", str(text), "--sample", "200", "--begin", "abc", "--temperature", "0.1"]
        result = run(GPT, *common, "--steps", "60", "--batch", "4", "--lr", "3e-3", "--save", str(model))
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        loss = float(lines[1].removeprefix("validation loss "))
        self.assertLess(loss, 0.5)  # a symbol by chance has 3.3
        self.assertEqual(lines[0], f"step 60: validation loss {loss:.4f}")
        sample = "\n".join(lines[2:])
        self.assertIn("efghijklmnopqrstuvwxyz\nabcdefgh", sample)
        again = run(GPT, *common, "--steps", "0", "--load", str(model))
        self.assertEqual(again.stdout.splitlines()[0], lines[1])

    @unittest.skipUnless(IMAGES, "without libpng or libjpeg")
    def test_a_folder_of_pictures_is_learnt(self):
        pictures, model = self.data / "pictures", self.data / "images.safetensors"
        write_pictures(pictures / "train", 40)
        write_pictures(pictures / "test", 10)
        command = [IMAGES, "--data", str(pictures), "--epochs", "4", "--batch", "20", "--lr", "0.01"]
        result = run(*command, "--save", str(model))
        self.assertEqual(result.returncode, 0, result.stderr)
        first, *epochs = result.stdout.splitlines()
        self.assertIn("120 pictures of chequered lying standing, on ", first)
        self.assertEqual(len(epochs), 4)
        self.assertGreater(float(epochs[-1].split()[-2]), 85)
        self.assertTrue(model.exists())
        self.assertEqual(run(*command, "--workers", "1").stdout, result.stdout)  # workers change nothing
        (pictures / "train" / "standing" / "7.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
        broken = run(*command)
        self.assertEqual(broken.returncode, 1)
        self.assertIn("train/standing/7.png", broken.stderr.splitlines()[-1])
        (pictures / "test" / "more").mkdir()
        (pictures / "test" / "more" / "0.png").write_bytes(png(4, 4, lambda r, c: (0, 0, 0)))
        self.assertRegex(run(*command).stderr, r"\[ImageFolder\].*3.*4|\[ImageFolder\].*4.*3")

    def test_a_gpt_without_a_text_says_what_to_do(self):
        result = run(GPT, "--text", "/no/such/folder")
        self.assertEqual((result.returncode, result.stderr),
                         (1, "no text in /no/such/folder: name one with --text, or install Debian's package fortunes\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
