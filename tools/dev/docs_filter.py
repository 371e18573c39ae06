"""docs_filter.py FILE: what Doxygen reads in FILE's place. Lines keep their numbers.

Markdown: each page gets a label, and links that leave the pages become their text. C headers: ordinary comments become doc comments; a comment that begins a line is
that of every macro and type of its paragraph which has none of its own.
"""
import re
import sys
from pathlib import Path

NO_PAGE = re.compile(r"\[([^\]]+)\]\((?!https?:)(?!(\.\./|docs/)?(README|CONTRIBUTING|CHANGELOG|SECURITY|[\w-]+)\.md[)#])[^)]+\)")


def markdown(text, name):
    # Doxygen's own labels change with its version; docs/site/layout.xml has these.
    text = re.sub(r"\A# ([^{\n]+)$", rf"# \1 {{#guide_{name.lower().replace('-', '_')}}}", text, flags=re.M) if name != "README" else text
    parts = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
    return "".join(part if i % 2 else NO_PAGE.sub(r"\1", part) for i, part in enumerate(parts))


def words(comment):
    """Of a comment of any lines: its text in one line."""
    return " ".join(re.sub(r"^\s*/?\*+/?|\*/\s*$", " ", comment, flags=re.M).split())


def c_header(text):
    out, comment, used = [], "", False  # the comment that holds now; whether Doxygen gives it to a name already
    kept = ""  # the same, from in front of a struct
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        line = lines[i]
        if re.match(r"\s*/\*(?!.*\*/\s*\S)", line):
            end = next(k for k in range(i, len(lines)) if "*/" in lines[k])
            comment, used = "\n".join(lines[i : end + 1]), False
            out += comment.replace("/*", "/**", 1).split("\n")
            i = end + 1
            continue
        if not line.strip():
            comment = ""
        line = re.sub(r"(\S\s+)/\* (.*?)\s*\*/\s*$", r"\1/**< \2 */", line)
        if not comment and line.startswith("#define") and "/**<" not in line:
            rest = "\n".join(lines[i:]).split("\n\n")[0]
            later = re.search(r"^/\*.*?\*/$", rest, re.M | re.S)
            if later:
                line += f" /**< {words(later[0])} */"
        elif comment and used and "/**<" not in line:
            if line.startswith("#define"):
                line += f" /**< {words(comment)} */"
            elif line.startswith("typedef"):
                line = f"/** {words(comment)} */ {line}"
        used = True
        if re.match(r"typedef struct \w+ \{[^}]*$", line):
            kept = comment
        elif line.startswith("}"):
            comment = kept
        out.append(line)
        i += 1
    return "\n".join(out)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    text = path.read_text()
    sys.stdout.write(markdown(text, path.stem) if path.suffix == ".md" else c_header(text))
