"""docs/matrix.md: the tables, the values, every refusal."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from matrix import packages
from matrix.cells import ASKED_FEW, SQUARE, Cell
from matrix.questions import PROBES
from matrix.tables import ASKED, FEW, TABLES, Table

FAULTS = {
    "Crashed": "the trainer failed without a sentence",
    "NotServed": "the server refused a question",
    "Differs": "the server answered otherwise than scikit-learn",
    "TooSlow": "it took too long",
}
"""What is no refusal, but a fault."""

LIBRARIES = ("scikit-learn", "skl2onnx", "onnxruntime")
KINDS = ("Number", "Category", "Boolean", "Time")


def line(cell: Cell) -> str:
    """Return what is shown while it runs."""
    told = f"{cell.value:.3f}" if cell.value is not None else f"{cell.reason}: {cell.message}"
    return f"{cell.table:10} {cell.algorithm:32} {cell.seconds:6.1f} s  {told}"


def summary(cells: Sequence[Cell]) -> str:
    """Return how many cells are what."""
    counted = Counter(cell.reason or "good" for cell in cells)
    told = ", ".join(f"{number} {reason}" for reason, number in counted.most_common())
    return f"{len(cells)} cells: {told}"


def page(cells: Sequence[Cell], few: bool = False) -> str:
    """Return the page; ``few`` where few rows of each table were learned from and asked."""
    return "\n".join(_page(cells, few)) + "\n"


def _page(cells: Sequence[Cell], few: bool) -> Iterator[str]:
    good = sum(cell.value is not None for cell in cells)
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield "<!-- Written by make matrix. -->"
    yield "# Real tables times every algorithm"
    yield ""
    yield (
        f"{len(TABLES)} tables that packages ship, times every algorithm that the trainer takes "
        "as it stands, with its default parameters: trained as a pod does it, exported, published, "
        f"served by the real server, and asked over the wire. "
        + (f"At most {FEW:,} rows of each table are learned from. " if few else "")
        + f"Up to {ASKED_FEW if few else ASKED} rows of each table are "
        "in no file that the trainer reads; they are asked one by one in JSON and all at once in "
        f"binary form, and with them rows with a hole in each column and with words that no row "
        f"had (up to {PROBES} each). Every answer is compared with what the fitted scikit-learn "
        "pipeline says of the same raw row: labels are equal, probabilities within 0.0001, numbers "
        "within 0.0001 of the answers' standard deviation."
    )
    yield ""
    yield f"**{good} of {len(cells)} work.** The rest is below, with its sentence. With {versions}."
    yield ""
    yield from _tables(cells)
    for task in ("Classification", "Regression"):
        yield ""
        yield from _values(task, cells)
    yield ""
    yield from _refusals(cells)


def _tables(cells: Sequence[Cell]) -> Iterator[str]:
    yield "## Tables"
    yield ""
    yield "| table | rows | numbers, text, booleans, times | stands for | source | licence |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for table in TABLES:
        columns = next((c.columns for c in cells if c.table == table.name and c.columns), [])
        counted = Counter(column.kind for column in columns)
        kinds = ", ".join(str(counted[kind]) for kind in KINDS)
        yield (
            f"| {table.name} | {len(table.rows()):,} | {kinds} | {table.shape} | "
            f"{_source(table)} | {table.licence} |"
        )


def _source(table: Table) -> str:
    own = table.package == "scikit-learn"
    number = version(table.package) if own else packages.version(table.package)
    return f"{table.package} {number}, `{table.file}`"


def _values(task: str, cells: Sequence[Cell]) -> Iterator[str]:
    tables = [table for table in TABLES if table.task == task]
    names = {table.name for table in tables}
    found = {(c.algorithm, c.table): c for c in cells if c.table in names}
    yield f"## {task}"
    yield ""
    yield (
        "The metric on rows that the trainer held out; – where it was refused. † learns from "
        f"{FEW:,} rows at most, for its time or size grows with their square."
    )
    yield ""
    yield "| | " + " | ".join(table.name for table in tables) + " |"
    yield "| --- |" + " --- |" * len(tables)
    yield "| metric | " + " | ".join(table.metric for table in tables) + " |"
    for algorithm in sorted({algorithm for algorithm, _ in found}):
        mark = " †" if algorithm in SQUARE else ""
        row = [_value(found.get((algorithm, table.name))) for table in tables]
        yield f"| {algorithm}{mark} | " + " | ".join(row) + " |"


def _value(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if cell.value is None:
        return "fault" if cell.reason in FAULTS else "–"
    return f"{cell.value:.3f}" if abs(cell.value) < 10 else f"{cell.value:.2g}"


def _refusals(cells: Sequence[Cell]) -> Iterator[str]:
    yield "## What does not work"
    yield ""
    refused = [cell for cell in cells if cell.value is None]
    if not refused:
        yield "Nothing."
        return
    yield "| algorithm | tables | reason | sentence |"
    yield "| --- | --- | --- | --- |"
    by_sentence: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for cell in refused:
        by_sentence[cell.algorithm, cell.reason, cell.message].append(cell.table)
    for (algorithm, reason, message), tables in sorted(by_sentence.items()):
        yield f"| {algorithm} | {', '.join(tables)} | {reason} | {_escaped(message)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
