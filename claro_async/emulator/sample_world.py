"""The sample world: ids and values of the documents' samples, so that all their calls succeed.

The samples contradict each other on the form of a cell id: "Get Dataset Data" shows
``cell_{row}_{column}``, while "Update Cell Value" says "Format: col_row", and the links and uploads
to ``cell_2_1`` "must be in a raw data column", which ``col_2`` is and ``col_1`` is not. The
datasets here take different forms on purpose; a client has to read the ids.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from claro_async.emulator.building import add_datasource, column_first, new_dataset
from claro_async.emulator.dataset_store import NewCell
from claro_async.emulator.mining.sample import load_mining_sample
from claro_async.emulator.pdf import make_pdf

if TYPE_CHECKING:
    from claro_async.emulator.calls import World

FIRST_ID: Final = "550e8400-e29b-41d4-a716-446655440000"
SECOND_ID: Final = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

_Columns: TypeAlias = Sequence[dict[str, Any]]
_LINKED_ROWS: Final = 100
_CATEGORIES: Final = ("Electronics", "Tools", "Garden", "Office")
_KINDS: Final = ("electronic widget", "electronic component", "hand tool", "desk accessory")
_PROMPT: Final = "Create a marketing description based on the product name and features"
_EXTRACTED_AT: Final = "2024-03-14T15:30:00Z"

_PRODUCT_COLUMNS: Final[_Columns] = (
    {"name": "product_name", "taskType": "doc_extraction"},
    {"name": "raw_description", "type": "text"},
    {"name": "price", "type": "number", "taskType": "doc_extraction"},
    {"name": "category", "taskType": "classification"},
    {
        "name": "enriched_description",
        "type": "text",
        "taskType": "ai_enrich",
        "metadata": {"prompt": _PROMPT},
    },
    {"name": "manufacturer", "taskType": "web_enrich"},
    {
        "name": "stores_nearby",
        "type": "number",
        "taskType": "places_count",
        "metadata": {"prompt": "Count the shops within 5 km that sell this product"},
    },
    {"name": "notes", "type": "text"},
)
_FEEDBACK_COLUMNS: Final[_Columns] = (
    {"name": "review", "type": "text"},
    {"name": "customer"},
    {"name": "rating", "type": "number"},
    {"name": "sentiment", "taskType": "classification"},
    {
        "name": "summary",
        "type": "text",
        "taskType": "ai_enrich",
        "metadata": {"prompt": "Sum up the review in one sentence"},
    },
    {"name": "company_site", "taskType": "web_enrich"},
)
_TICKET_COLUMNS: Final[_Columns] = (
    {"name": "ticket", "type": "text"},
    {"name": "urgent", "type": "boolean", "taskType": "classification"},
    {"name": "team", "taskType": "classification"},
)
_INVOICE_COLUMNS: Final[_Columns] = (
    {"name": "scan"},
    {"name": "invoice_number", "taskType": "doc_extraction"},
    {"name": "amount", "type": "number", "taskType": "doc_extraction"},
)


def load_sample_world(world: World) -> None:
    """Fill an empty database: five datasets, eight data sources, and one dataset of comments.

    Args:
        world: The state.
    """
    for datasource_id, file_name, data in _files():
        add_datasource(world, data, file_name=file_name, datasource_id=datasource_id)
    world.processing.start("datasources", SECOND_ID, None)
    world.datasources.fail(world.datasources.find("failed-datasource-id"))
    _load_datasets(world)
    load_mining_sample(world.mining)


def _load_datasets(world: World) -> None:
    def add(name: str, columns: _Columns, rows: list[list[Any]], **more: Any) -> None:
        world.datasets.add(new_dataset(name, columns, rows, **more))

    add(
        "Product Analysis Dataset",
        _PRODUCT_COLUMNS,
        [_product(number) for number in range(150)],
        dataset_id=FIRST_ID,
        description="Analysis of product data with AI-generated insights",
        cell_id=column_first,
        links=["datasource-1", "datasource-2"],
    )
    add(
        "Customer Feedback Analysis",
        _FEEDBACK_COLUMNS,
        [_feedback(number) for number in range(500)],
        kind="analysis",
        status="processing",
        dataset_id=SECOND_ID,
        description="Sentiment analysis of customer reviews",
        links=["datasource-3"],
    )
    add(
        "Spare Part Catalogue",
        _PRODUCT_COLUMNS,
        [_product(number) for number in range(40)],
        dataset_id="your-dataset-id",
        description="The dataset that the documents' snippets name",
        cell_id=column_first,
    )
    add(
        "Support Ticket Triage",
        _TICKET_COLUMNS,
        [[f"Ticket {number}: the lid is loose", number % 4 == 0, None] for number in range(60)],
        kind="classification",
        description="Tickets with ids that tell neither row nor column",
        opaque=True,
    )
    add(
        "Scanned Invoices",
        _INVOICE_COLUMNS,
        [[f"scan_{number}.pdf", None, None] for number in range(10)],
        status="failed",
        description="A task on this dataset failed",
    )


def _name(number: int) -> str:
    # Widget A, B, … Z, AA, AB, … as a spreadsheet counts.
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return f"Widget {letters}"


def _product(number: int) -> list[Any]:
    name, kind = _name(number), _KINDS[number % 4]
    source = {"sourceDocument": "product_catalog_page_1.pdf", "pageNumber": 1}
    confidence = round(0.95 - number % 10 / 50, 2)
    return [
        NewCell(name, {"confidence": confidence, "extractedAt": _EXTRACTED_AT}),
        NewCell(f"High-quality {kind}", source, "datasource-1" if number < _LINKED_ROWS else None),
        NewCell(round(29.99 + 10 * number, 2), {"confidence": 0.92}),
        NewCell(_CATEGORIES[number // 4 % 4], {"confidence": 0.88}),
        f"Meet {name}, a {kind} that lasts.",
        f"Maker {number % 7 + 1}" if number % 5 else None,
        number % 12,
        None,
    ]


def _feedback(number: int) -> list[Any]:
    good = number % 3 != 0
    review = f"Order {number}: {'works as promised' if good else 'came late and scratched'}"
    sentiment = NewCell("positive" if good else "negative", {"confidence": 0.9})
    return [review, f"Customer {number % 40}", 5 if good else 2, sentiment, None, None]


def _files() -> list[tuple[str, str, bytes]]:
    products = "".join(
        f"PROD{number + 1:03},{_name(number)},{29.99 + 10 * number:.2f},"
        f"{_CATEGORIES[number // 4 % 4]}\n"
        for number in range(1250)
    )
    table = f"product_id,product_name,price,category\n{products}".encode()
    reviews = "".join(
        json.dumps({"review": row[0], "customer": row[1], "rating": row[2]}) + "\n"
        for row in map(_feedback, range(500))
    )
    catalogue = make_pdf(["Product catalogue\nWidget A: High-quality electronic widget"])
    return [
        (FIRST_ID, "products.csv", table),
        (SECOND_ID, "suppliers.pdf", make_pdf(["Suppliers\nMaker 1", "Maker 2"])),
        ("datasource-1", "product_catalog_page_1.pdf", catalogue),
        ("datasource-2", "price_list.tsv", table.replace(b",", b"\t")),
        ("datasource-3", "customer_reviews.jsonl", reviews.encode()),
        ("existing-datasource-id", "product_manual.pdf", make_pdf(["Manual\nSwitch it on."])),
        ("your-datasource-id", "orders.csv", table),
        ("failed-datasource-id", "broken.json", b'{"rows": ['),
    ]
