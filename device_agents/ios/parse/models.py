"""Which iPhone a product type is, which chip it has and how much memory.

lockdownd tells neither; the table is of public facts. What is not in it is told as it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """One model of iPhone."""

    name: str
    chip: str
    ram_gib: int


_ROWS = """
9,1 9,3|iPhone 7|A10 Fusion|2
9,2 9,4|iPhone 7 Plus|A10 Fusion|3
10,1 10,4|iPhone 8|A11 Bionic|2
10,2 10,5|iPhone 8 Plus|A11 Bionic|3
10,3 10,6|iPhone X|A11 Bionic|3
11,2|iPhone XS|A12 Bionic|4
11,4 11,6|iPhone XS Max|A12 Bionic|4
11,8|iPhone XR|A12 Bionic|3
12,1|iPhone 11|A13 Bionic|4
12,3|iPhone 11 Pro|A13 Bionic|4
12,5|iPhone 11 Pro Max|A13 Bionic|4
12,8|iPhone SE (2nd generation)|A13 Bionic|3
13,1|iPhone 12 mini|A14 Bionic|4
13,2|iPhone 12|A14 Bionic|4
13,3|iPhone 12 Pro|A14 Bionic|6
13,4|iPhone 12 Pro Max|A14 Bionic|6
14,2|iPhone 13 Pro|A15 Bionic|6
14,3|iPhone 13 Pro Max|A15 Bionic|6
14,4|iPhone 13 mini|A15 Bionic|4
14,5|iPhone 13|A15 Bionic|4
14,6|iPhone SE (3rd generation)|A15 Bionic|4
14,7|iPhone 14|A15 Bionic|6
14,8|iPhone 14 Plus|A15 Bionic|6
15,2|iPhone 14 Pro|A16 Bionic|6
15,3|iPhone 14 Pro Max|A16 Bionic|6
15,4|iPhone 15|A16 Bionic|6
15,5|iPhone 15 Plus|A16 Bionic|6
16,1|iPhone 15 Pro|A17 Pro|8
16,2|iPhone 15 Pro Max|A17 Pro|8
17,1|iPhone 16 Pro|A18 Pro|8
17,2|iPhone 16 Pro Max|A18 Pro|8
17,3|iPhone 16|A18|8
17,4|iPhone 16 Plus|A18|8
17,5|iPhone 16e|A18|8
18,1|iPhone 17 Pro|A19 Pro|12
18,2|iPhone 17 Pro Max|A19 Pro|12
18,3|iPhone 17|A19|8
18,4|iPhone Air|A19 Pro|12
"""


def _read(rows: str) -> dict[str, Model]:
    table: dict[str, Model] = {}
    for row in rows.split("\n"):
        types, _, rest = row.partition("|")
        if rest:
            name, chip, ram_gib = rest.split("|")
            table |= {f"iPhone{one}": Model(name, chip, int(ram_gib)) for one in types.split()}
    return table


#: By lockdownd's ``ProductType``.
MODELS = _read(_ROWS)
