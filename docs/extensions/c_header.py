"""The directive ``c-header``: a C header's declarations and comments as a page, in the header's own order.

libclang says what is declared and where; the comments are the header's own, plain ``/* */``, written for people:

- a comment that ends on the line above a declaration describes it, and with it the declarations that follow without an
  empty line or a comment between;
- a comment behind a declaration, a field or an enumerator, on its last line, describes what stands on that line;
- a comment with a rule of dashes begins a section;
- any other comment is text of its own.

In a comment, lines that begin with `` - `` are a list, lines indented by two columns or more are shown as they stand,
and names that the header declares become links.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from clang import cindex
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

_EXPORT_MARK = "_API"  # how the names end of macros that say that a function is exported
_SECTION = re.compile(r"-{8,}\s*(\S.*)")
# In backquotes; a name of the library's, maybe called; a name with an underscore, maybe behind a star or indexed.
_CODE = re.compile(
    r"(`[^`]+`|\b(?:accel|ACCEL)_\w+\b(?:\(\))?|\*?\b[a-z0-9]+_\w+\b(?:(?:->|\.)\w+)?(?:\[(?:[^\[\]]|\[[^\]]*\])*\])?)"
)
_KINDS = {
    cindex.CursorKind.FUNCTION_DECL: "function",
    cindex.CursorKind.STRUCT_DECL: "struct",
    cindex.CursorKind.ENUM_DECL: "enum",
    cindex.CursorKind.TYPEDEF_DECL: "type",
    cindex.CursorKind.MACRO_DEFINITION: "macro",
}
_MEMBERS = {cindex.CursorKind.FIELD_DECL: "member", cindex.CursorKind.ENUM_CONSTANT_DECL: "enumerator"}
_NOT_SHOWN = (cindex.CursorKind.MACRO_INSTANTIATION, cindex.CursorKind.INCLUSION_DIRECTIVE)


@dataclass
class Entry:
    """One declaration, or (kind ``text``, ``section``) a comment that describes none.

    Attributes:
        kind: directive of Sphinx's C domain (function, struct, enum, type, macro, member, enumerator); text; section.
        signature: what the directive takes; a section's title.
        first: line on which it begins.
        last: line on which it ends.
        comments: what describes it.
        members: fields, enumerators.
        leads: whether it has a comment above, so that declarations right below belong to it.
    """

    kind: str
    signature: str
    first: int
    last: int
    comments: list[str] = field(default_factory=list)
    members: list[Entry] = field(default_factory=list)
    leads: bool = False

    @property
    def is_member(self) -> bool:
        """Whether it stands in a struct or an enum, where a comment above speaks of all that follow."""
        return self.kind in _MEMBERS.values()


def parse(path: Path) -> list[Entry]:
    """Return what stands in a header, in order.

    Raises:
        ExtensionError: the header does not compile as C11.
    """
    # The compiler's own headers (stddef.h) do not come with the libclang of PyPI.
    builtin = subprocess.run(["gcc", "-print-file-name=include"], check=True, capture_output=True, text=True).stdout
    unit = cindex.Index.create().parse(
        str(path),
        args=["-xc", "-std=c11", "-fparse-all-comments", f"-isystem{builtin.strip()}", f"-I{path.parent.parent}"],
        options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD,
    )
    errors = [str(problem) for problem in unit.diagnostics if problem.severity >= cindex.Diagnostic.Error]
    if errors:
        raise ExtensionError(f"{path}: {'; '.join(errors)}")
    whole = unit.get_extent(str(path), ((1, 1), (len(path.read_text(encoding="utf-8").splitlines()) + 1, 1)))
    comments = [
        Entry("text", "", token.extent.start.line, token.extent.end.line, [_text(token.spelling)])
        for token in unit.get_tokens(extent=whole)
        if token.kind == cindex.TokenKind.COMMENT
    ]
    return _grouped(_attached(_declarations(unit, path), comments))


def _declarations(unit: cindex.TranslationUnit, path: Path) -> list[Entry]:
    source = path.read_bytes()
    found: dict[str, Entry] = {}
    typedefs = {each.spelling for each in unit.cursor.get_children() if each.kind == cindex.CursorKind.TYPEDEF_DECL}
    for cursor in unit.cursor.get_children():
        location = cursor.location
        if location.file is None or location.file.name != str(path) or cursor.kind in _NOT_SHOWN:
            continue
        is_struct = cursor.kind == cindex.CursorKind.STRUCT_DECL
        if is_struct and not cursor.is_definition() and cursor.spelling not in typedefs:
            continue  # another header's
        entry = _entry(cursor, source)
        if entry is not None:  # `typedef struct x {} x` is two cursors: the struct comes first and stays
            found.setdefault(cursor.spelling, entry)
    return sorted(found.values(), key=lambda entry: entry.first)


def _entry(cursor: cindex.Cursor, source: bytes) -> Entry | None:
    if cursor.kind not in _KINDS:
        raise ExtensionError(f"{cursor.location}: a declaration of kind {cursor.kind} is not known here")
    kind = _KINDS[cursor.kind]
    entry = Entry(kind, cursor.spelling, cursor.extent.start.line, cursor.extent.end.line)
    if kind == "function":
        arguments = ", ".join(_code(argument) for argument in cursor.get_arguments()) or "void"
        entry.signature = f"{cursor.result_type.spelling} {cursor.spelling}({arguments})"
    elif kind == "type":
        entry.signature = _code(cursor).removeprefix("typedef ")
    elif kind == "macro":
        text = source[cursor.extent.start.offset : cursor.extent.end.offset].decode()
        value = text.removeprefix(cursor.spelling).strip()
        if not value or cursor.spelling.endswith(_EXPORT_MARK):  # or an include guard
            return None
        entry.comments.append(f"`{value}`")
    elif kind == "struct" and not cursor.is_definition():
        entry.comments.append("Opaque: only pointers to it are passed.")
    entry.members = [_member(child, _MEMBERS[child.kind]) for child in cursor.get_children() if child.kind in _MEMBERS]
    return entry


def _member(cursor: cindex.Cursor, kind: str) -> Entry:
    if kind == "member":
        element, bracket, sizes = cursor.type.spelling.partition("[")
        signature = f"{element} {cursor.spelling}{bracket}{sizes}"
        if "(*)" in element:  # a pointer to a function has its name inside
            signature = cursor.type.spelling.replace("(*)", f"(*{cursor.spelling})", 1)
    else:
        signature = f"{cursor.spelling} = {cursor.enum_value}"
    return Entry(kind, signature, cursor.extent.start.line, cursor.extent.end.line)


def _code(cursor: cindex.Cursor) -> str:
    """Return a declaration's tokens; the C domain lays them out."""
    return " ".join(token.spelling for token in cursor.get_tokens() if token.kind != cindex.TokenKind.COMMENT)


def _attached(declarations: list[Entry], comments: list[Entry]) -> list[Entry]:
    """Give each comment to what it describes, or leave it as an entry of its own."""
    entries = list(declarations)
    for entry in declarations:
        inside = [comment for comment in comments if entry.first <= comment.first and comment.last <= entry.last]
        if entry.members:
            entry.members = _attached(entry.members, inside)
            comments = [comment for comment in comments if comment not in inside]
    for comment in comments:
        behind = [entry for entry in declarations if entry.last == comment.first]
        below = next((entry for entry in declarations if entry.first == comment.last + 1), None)
        section = _SECTION.fullmatch(comment.comments[0])
        if section is not None:
            entries.append(Entry("section", section[1], comment.first, comment.last))
        elif behind:
            for entry in behind:
                entry.comments += comment.comments
        elif below is not None and not below.is_member:
            below.comments = comment.comments + below.comments
            below.leads = True
        else:
            entries.append(comment)
    return sorted(entries, key=lambda entry: entry.first)


def _grouped(entries: list[Entry]) -> list[Entry]:
    """Put functions right below a described one into its entry: one directive of several signatures."""
    groups: list[Entry] = []
    for entry in entries:
        leader = groups[-1] if groups else None
        together = leader is not None and leader.kind == entry.kind == "function" and leader.leads
        if leader is not None and together and not entry.comments and entry.first == leader.last + 1:
            leader.signature += "\n" + entry.signature
            leader.last = entry.last
        else:
            groups.append(entry)
    return groups


def _text(comment: str) -> str:
    """Return a comment's text without its stars, indentation kept."""
    lines = comment.removeprefix("/*").removesuffix("*/").splitlines()
    return "\n".join(re.sub(r"^ ?\* ?", "", line) if i else line.strip() for i, line in enumerate(lines)).strip()


# ---------------------------------------------------------------------------------------------- reStructuredText


def render(entries: list[Entry]) -> str:
    """Return reStructuredText for a header's entries."""
    names = {name for entry in entries for name in _names(entry)}
    return "\n".join(line for entry in entries for line in _rendered(entry, names, ""))


def _names(entry: Entry) -> list[str]:
    own = re.findall(r"\b(?:accel|ACCEL)_\w+(?=\()|^\w+$", entry.signature, flags=re.MULTILINE)
    return own + [name for member in entry.members for name in re.findall(r"\bACCEL_\w+", member.signature)]


def _rendered(entry: Entry, names: set[str], indent: str) -> list[str]:
    if entry.kind == "section":
        title = entry.signature[0].upper() + entry.signature[1:]
        return ["", title, "=" * len(title), ""]
    if entry.kind == "text":
        return ["", *_marked_up(entry.comments[0], names, indent)]
    first, *others = entry.signature.splitlines()
    head = f"{indent}.. c:{entry.kind}:: "
    lines = ["", head + first, *(" " * len(head) + other for other in others), ""]
    for comment in entry.comments:
        lines += [*_marked_up(comment, names, indent + "   "), ""]
    return lines + [line for member in entry.members for line in _rendered(member, names, indent + "   ")]


def _marked_up(text: str, names: set[str], indent: str) -> list[str]:
    """Return a comment as reStructuredText: paragraphs, lists, and what is indented as it stands."""
    lines: list[str] = []
    kind = ""
    for line in text.splitlines():
        was, kind = kind, _line_kind(line, kind)
        if kind != was and kind == "literal":
            lines += ["", f"{indent}::", ""]
        elif kind != was or line.startswith(" - "):
            lines.append("")
        if kind == "literal":
            lines.append(f"{indent}   {line}")
        else:
            continues = "  " if kind == "list" and not line.startswith(" - ") else ""
            lines.append(indent + continues + _linked(line.strip(), names))
    return [*lines, ""]


def _line_kind(line: str, before: str) -> str:
    if not line.strip():
        return "literal" if before == "literal" else ""
    if line.startswith(" - "):
        return "list"
    if before == "list" and line.startswith("   "):
        return "list"
    return "literal" if line.startswith(" " if before == "literal" else "  ") else "text"


def _linked(line: str, names: set[str]) -> str:
    """Escape a line; names of the header become links, what else is code becomes literal."""
    parts = _CODE.split(line)
    return "".join(
        _inline(part, names) if i % 2 else re.sub(r"([\\*`|_<>])", r"\\\1", part) for i, part in enumerate(parts)
    )


def _inline(part: str, names: set[str]) -> str:
    text = part.strip("`")
    name = text.removesuffix("()")
    return rf"\ :any:`{text} <{name}>`\ " if name in names else rf"\ ``{text}``\ "


class CHeader(SphinxDirective):
    """``.. c-header:: PATH``, relative to the source directory."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return the page's nodes."""
        path = Path(self.env.srcdir, self.arguments[0])
        self.env.note_dependency(path)
        return self.parse_text_to_nodes(render(parse(path)), allow_section_headings=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("c-header", CHeader)
    return {"version": "1", "parallel_read_safe": True}
