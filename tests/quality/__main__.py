"""`python -m tests.quality movielens|work-orders|year …`: measure, print, and write the section of docs/quality.md."""

from __future__ import annotations

import sys


def main() -> None:
    """Run one of them; each has `--help`."""
    name, *arguments = sys.argv[1:] or [""]
    if name == "movielens":
        from tests.quality import movielens  # noqa: PLC0415 - each needs what the other does not

        movielens.main(arguments)
    elif name == "work-orders":
        from tests.quality import work_orders  # noqa: PLC0415

        work_orders.main(arguments)
    elif name == "year":
        from tests.quality import page, year, year_page  # noqa: PLC0415

        page.write_section("year", year_page.section(year.main(arguments)))
    else:
        sys.exit("usage: python -m tests.quality movielens|work-orders|year [--help]")


if __name__ == "__main__":
    main()
