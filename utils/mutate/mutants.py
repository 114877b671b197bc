"""Which small faults can be planted in a C source: its mutants.

A source is read as text, in the format that `make check` holds it to: blanks around an operator of
two sides, a function's braces in column 0. Comments, strings, preprocessor lines, assertions, log
lines and sizes of local arrays are blanked out first: none of them is changed. A mutant keeps the
number of lines.
"""

import collections
import dataclasses
import hashlib
import re

UNTOUCHED_CALL = re.compile(r"\b(?:(?:static_)?ASSERT|static_assert|_Static_assert|log_line)\(")
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)

ARRAY_SIZE = re.compile(  # of a local one: more room than is needed changes nothing
    r"^( +(?!return )(?:[A-Za-z_]\w* )+\**[A-Za-z_]\w*)(\[[^\]\n]*\])", re.MULTILINE)

SWAPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||",
         "||": "&&", "+": "-", "-": "+", "+=": "-=", "-=": "+="}
OPERATOR = re.compile(r"(?<= )(?:" + "|".join(
    re.escape(operator) for operator in sorted(SWAPS, key=len, reverse=True)) + r")(?=[ \n])")
STEP = re.compile(r"\+\+|--")
NUMBER = re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|0|[1-9]\d*)([uUlL]*)(?![\w.])")
NOT = re.compile(r"!(?=[\w(*])")
CONDITION = re.compile(r"\b(?:if|while) (?=\()")
RETURN = re.compile(r"\breturn\s+([^;]+);")
RETURNED = (  # type of the function -> what each return may be replaced by
    (re.compile(r"\benum error$"), ("OK",)),
    (re.compile(r"\bbool$"), ("false", "true")),
    (re.compile(r"\*$"), ("NULL",)),
    (re.compile(r"\b(?:u?int\d+_t|s?size_t|int|unsigned|long|char)$"), ("0",)),
)

STATEMENT = re.compile(r"(?:(?<=[;{}):])|(?<=\belse)|(?<=\bdo))\s+(?=([\w*(][^;{}]*;))")
KEYWORD = re.compile(r"(?:if|else|for|while|do|switch|case|default|break|continue|goto|return|"
                     r"struct|enum|union|static|const|sizeof|typedef|extern)\b")
DECLARATION = re.compile(
    r"[A-Za-z_]\w*(?: [A-Za-z_]\w*)*(?: | \*+|\* ?)[A-Za-z_]\w*\s*(?:[=;,\[]|$)")
ASSIGNMENT = re.compile(r"\(?[\w*][^=]*?(?<![=!<>]) (?:[-+*/%&|^]|<<|>>)?= ")
NEGATED = "(!{})"  # stands for the text that it replaces
CALL = re.compile(r"(?:\(void\))?[A-Za-z_][\w>.\-]*\(.*\);", re.DOTALL)


@dataclasses.dataclass
class Mutant:
    """One change: text[begin:end] of the source becomes `replacement`; it stands on `line` up to
    `last_line`. `before` and `after` are these lines, on one line; `id` depends on them, the file
    and the function, not on where they stand."""
    path: str
    function: str
    line: int
    last_line: int
    begin: int
    end: int
    replacement: str
    before: str
    after: str
    id: str

    def apply(self, text):
        return text[:self.begin] + self.replacement + text[self.end:]

    def key(self):
        """By this survivors.tsv knows it."""
        return self.path, self.function, self.before, self.after


def closing_bracket(code, opening):
    """The position after the bracket that closes the one at `opening`."""
    depth = 0
    for position in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[position], 0)
        if depth == 0:
            return position + 1
    raise ValueError(f"a bracket is not closed: {code[opening:opening + 40]}")


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def blank_untouched(code):
    """`code` is free of comments and strings already."""
    code = PREPROCESSOR.sub(lambda match: blank(match.group(0)), code)
    code = ARRAY_SIZE.sub(lambda match: match.group(1) + blank(match.group(2)), code)
    while match := UNTOUCHED_CALL.search(code):
        end = closing_bracket(code, match.end() - 1)
        code = code[:match.start()] + blank(code[match.start():end]) + code[end:]
    return code


# --- operators: each yields (begin, end, replacement) within a function's body --------------------

def swap_operators(body, _):
    for match in OPERATOR.finditer(body):
        yield match.start(), match.end(), SWAPS[match.group(0)]
    for match in STEP.finditer(body):
        yield match.start(), match.end(), "--" if match.group(0) == "++" else "++"


def drop_nots(body, _):
    for match in NOT.finditer(body):
        yield match.start(), match.end(), ""


def add_to_numbers(body, _):
    for match in NUMBER.finditer(body):
        yield match.start(), match.end(), f"{int(match.group(1), 0) + 1}{match.group(2)}"


def negate_conditions(body, _):
    """Where swapping its only operator, or dropping its "!", does not do so already."""
    for match in CONDITION.finditer(body):
        end = closing_bracket(body, match.end())
        condition = body[match.end():end]
        if re.search(r"&&|\|\|", condition) or not re.search(r"[!=]=|^\(!", condition):
            yield match.end(), end, NEGATED


def remove_statements(body, _):
    for match in STATEMENT.finditer(body):
        statement = match.group(1)
        if KEYWORD.match(statement) or DECLARATION.match(statement) or \
                statement.count("(") != statement.count(")"):
            continue  # the last: the head of a "for"
        if CALL.fullmatch(statement) or ASSIGNMENT.match(statement):
            yield match.start(1), match.end(1), ";" + blank(statement[1:])


def replace_results(body, signature):
    for pattern, values in RETURNED:
        if pattern.search(signature):
            for match in RETURN.finditer(body):
                for value in values:
                    if match.group(1) != value:
                        lines = "\n" * match.group(0).count("\n")
                        yield match.start(), match.end(), f"return {value};{lines}"
            return


OPERATORS = (swap_operators, drop_nots, add_to_numbers, negate_conditions, remove_statements,
             replace_results)


# --- the mutants of a source ----------------------------------------------------------------------

def one_line(text):
    return " ".join(text.split())


def functions_of(tree, path, code):
    """(name, signature up to the name, begin and end of the body) of each function."""
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for name, first, last in tree.functions(path):
        brace = code.index("\n{", starts[first - 1]) + 1
        head = re.split(rf"\b{re.escape(name)}\s*\(", code[starts[first - 1]:brace])[0]
        yield name, one_line(head), brace, starts[last]


def find_mutants(tree, path):
    """All mutants of the source, in order of their place. `tree` is utils/check/source.py's."""
    text, code = tree.text(path), blank_untouched(tree.code(path))
    seen, found = collections.Counter(), []
    for function, signature, begin, end in functions_of(tree, path, code):
        edits = [(begin + first, begin + last, replacement)
                 for operator in OPERATORS
                 for first, last, replacement in operator(code[begin:end], signature)]
        for first, last, replacement in sorted(edits):
            if replacement == NEGATED:
                replacement = NEGATED.format(text[first:last])
            line_begin = text.rindex("\n", 0, first) + 1
            line_end = text.index("\n", last - 1 if last > first else last)
            before = one_line(text[line_begin:line_end])
            after = one_line(text[line_begin:first] + replacement + text[last:line_end])
            key = (path, function, before, after)
            seen[key] += 1
            name = hashlib.sha1("\t".join((*key, str(seen[key]))).encode()).hexdigest()[:8]
            found.append(Mutant(path, function, text.count("\n", 0, first) + 1,
                                text.count("\n", 0, last) + 1, first, last, replacement, before,
                                after, name))
    return found
