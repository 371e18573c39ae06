"""run.py COMPILER…: files of static_assert, which hold when they compile."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import compiling  # noqa: E402


def check(path):
    status, messages = compiling.compile_text(sys.argv[1:], path, ["tensor"])
    return messages[:4000] if status else None


if __name__ == "__main__":
    compiling.report(sorted(HERE.glob("*.cpp")), check)
