"""check_documented.py XML: public names without words, one a line; ends with 1 where there are any.

XML: what Doxygen made of the public headers. A name has words by a doc comment of its own (one overload's is enough), by that of what it
overrides, by standing in the comment of its type or enumeration, or, for members that many types have, by a row of docs/members.md. Constructors,
destructors, assignments, comparisons and specialisations are no names of their own; the comment of their type says what they are.
An op that the autograd layer records must speak of its gradient. The other way round, whatever a page calls mu::, nn:: or data:: must be a public name.
"""
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TYPES = {"class", "struct", "union", "concept"}
NO_NAME = re.compile(r"~|operator\s*(=|==|<=>|!=|<|>)$|operator (?!\(\)|\[\])\w")
# Macros that headers use among themselves, and ends of enumerations.
HELPERS = re.compile(r"^MUSHIN_(?!MODULE|PLUGIN|API)|_END$|^MUSHIN_PLUGIN_(H|OPS_H|GRAPH_H)$|^MU_(NOEXCEPT|STATIC_ASSERT)$")


def words(node):
    """The text of an entity's doc comments."""
    found = (node.find(d) for d in ("briefdescription", "detaileddescription", "inbodydescription"))
    return " ".join(" ".join("".join(d.itertext()).split()) for d in found if d is not None).strip()


def members_said_once():
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs" / "members.md").read_text(), re.M)
    return {re.sub(r"[(<].*", "", name) if not name.startswith("operator") else name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def place(node):
    at = node.find("location")
    return f"{at.get('file')}:{at.get('line')}"


def entities(folder):
    """Of each public name: (where it stands, its name, the names that it may go by, its words, the words of its type)."""
    for path in sorted(folder.glob("*.xml")):
        for compound in xml.parse(path).getroot().iter("compounddef"):
            kind, scope = compound.get("kind"), compound.findtext("compoundname")
            if kind in TYPES and "<" not in scope and compound.get("prot") not in ("private", "protected"):
                yield place(compound), scope, scope.split("::")[-1], words(compound), ""
            if kind not in TYPES | {"namespace", "file"} or compound.get("prot") in ("private", "protected"):
                continue
            of_type = words(compound) if kind in TYPES else ""
            for member in compound.iter("memberdef"):
                name = member.findtext("name")
                if member.get("prot") != "public" or member.get("kind") == "friend" or "<" in scope + name or name.startswith("@"):
                    continue
                value = member.find("initializer")  # of which Doxygen 1.9.8 makes links
                if member.find("templateparamlist") is not None and value is not None and "".join(value.itertext()) == "= false":
                    continue  # what a static_assert names when it fails: its name is the sentence
                if kind == "file" and member.get("kind") != "define" and "plugin_api" not in place(member):
                    continue  # a member of its namespace too
                if name == re.sub(r".*::", "", scope) or NO_NAME.search(name) or HELPERS.search(name):
                    continue
                said = words(member) or ("as what it overrides" if member.find("reimplements") is not None else "")
                full = f"{scope}::{name}" if kind != "file" else name
                yield place(member), full, name, said, of_type
                for value in member.findall("enumvalue"):
                    one = value.findtext("name")
                    yield f"{place(member)} ({one})", f"{full}::{one}", one, words(value), words(member)


def unknown_names(known):
    """What pages name that there isn't. (Doxygen doesn't see types that macros make, nor namespaces: they need only stand in a header.)"""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    headers = (p.read_text() for layer in ("tensor", "autograd", "nn") for p in (ROOT / layer / "include").rglob("*.hpp"))
    spelt = {word for text in headers for word in re.findall(r"\w+", re.sub(r"//.*", "", text))}
    scopes = {"mu": ["mushin"], "nn": ["mushin::nn", "mushin"], "data": ["mushin::data"]}
    elsewhere = {full.split("::")[-1] for full in known if re.fullmatch(r"mushin::(nn::|data::)?\w+", full)}
    for page in pages:
        if page.name == "compile-errors.md":  # programs that are compiled, of which some declare more
            continue
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for scope, name in re.findall(r"(?<![\w:])(?:mu::)?(mu|nn|data)::(\w+)", line):
                if not any(f"{s}::{name}" in known for s in scopes[scope]) and (name in elsewhere or name not in spelt):
                    yield f"{page.relative_to(ROOT)}:{number}: there is no {scope}::{name}"


def without_gradient(every):
    """Ops that the autograd layer records, of which no comment says what the gradient is."""
    headers = (ROOT / "autograd/include/mushin/autograd/ops").glob("*.hpp")
    recorded = {name for p in headers for name in re.findall(r"^MUSHIN_API Traced (\w+)\(", p.read_text(), re.M)}
    ops = {}
    for where, full, name, said, _ in every:
        if name in recorded and full == f"mushin::{name}" and "/tensor/ops/" in where:
            ops.setdefault(full, [where, ""])[1] += said
    if len(ops) < 50:
        yield f"only {len(ops)} recorded ops were found among the documented ones"
    for full, (where, said) in sorted(ops.items()):
        if "radient" not in said:
            yield f"{where}: {full} is recorded, and nothing is said of its gradient"


def main():
    said_once = members_said_once()
    every = list(entities(Path(sys.argv[1])))
    # `double beta1, beta2;  ///< …` and `struct Keep {}` with its `keep` are documented together.
    lines = {where for where, _, _, said, _ in every if said}
    types = {full.replace("_", "").lower() for _, full, name, said, _ in every if said and name[:1].isupper()}
    scopes = {full for _, full, _, _, _ in every}  # types; the names of namespaces are none of their own
    spoken, silent = set(), {}
    for where, full, name, said, of_type in every:
        by_type = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", of_type) or full.replace("_", "") in types
        if said or by_type or where in lines or (full.rpartition("::")[0] in scopes and name in said_once):
            spoken.add(full)
        else:
            silent.setdefault(full, where)
    silent = {full: where for full, where in silent.items() if full not in spoken}
    if len(spoken) < 500:
        print(f"only {len(spoken)} public names were found: is {sys.argv[1]} what Doxygen made of the headers?")
        return 1
    for full, where in sorted(silent.items(), key=lambda item: item[1]):
        print(f"{where}: {full} is not documented")
    wrong = [*unknown_names(spoken | set(silent)), *without_gradient(every)]
    print("".join(line + "\n" for line in wrong) + f"{len(spoken)} public names are documented, {len(silent)} are not")
    return 1 if silent or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
