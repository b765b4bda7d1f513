"""``harness fit``: one model on one file, printed as R prints it or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import AsJson, DfChoice


def fit(
    formula: Annotated[str, typer.Argument(metavar="FORMULA", help="lme4-style formula.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A csv or tsv file.")],
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="port, lme4, or any installed engine.")
    ] = "port",
    ml: Annotated[bool, typer.Option("--ml", help="Maximum likelihood instead of REML.")] = False,
    df: Annotated[
        DfChoice, typer.Option("--df", help="Degrees of freedom of the tests.")
    ] = DfChoice.SATTERTHWAITE,
    factor: Annotated[
        list[str] | None,
        typer.Option(
            "--factor",
            metavar="COL[=l1,l2,...]",
            help="Make a column a factor, with these levels in this order if given.",
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="COL", help="Column of prior weights.")
    ] = None,
    offset: Annotated[
        str | None, typer.Option("--offset", metavar="COL", help="Column of an offset.")
    ] = None,
    contrasts: Annotated[
        list[str] | None,
        typer.Option(
            "--contrasts",
            metavar="COL=CODING",
            help="Code a factor by treatment (the default), sum, helmert or poly.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit one model and print the summary as R prints it, or the record as JSON."""
    from harness.data.read import read_table
    from harness.engines.registry import engine_named
    from harness.language import parse_formula
    from harness.models.contrasts import codings
    from harness.models.spec import ModelSpec

    spec = ModelSpec(
        parse_formula(formula),
        reml=not ml,
        df_method=df.value,
        weights=column_option("--weights", weights),
        offset=column_option("--offset", offset),
        contrasts=codings(contrast_options(contrasts or [])),
    )
    chosen = engine_named(engine)
    frame = read_table(data, factor_options(factor or []))
    estimates = chosen.fit(spec, frame)
    if as_json:
        from harness.estimates.files import fit_json

        typer.echo(fit_json(estimates))
    else:
        from harness.report.summary import render_summary

        typer.echo(render_summary(estimates, spec))


def factor_options(options: list[str]) -> dict[str, tuple[str, ...] | None]:
    """``COL`` or ``COL=l1,l2`` as column -> levels (None: the levels found in the file).

    Raises:
        typer.BadParameter: an empty column name, an empty level, or a column named twice.
    """
    factors: dict[str, tuple[str, ...] | None] = {}
    for option in options:
        column, equals, levels = option.partition("=")
        if not column or column in factors:
            raise typer.BadParameter(
                f"--factor {option}: name each column once, as COL or COL=l1,l2"
            )
        names = tuple(levels.split(",")) if equals else None
        if names is not None and ("" in names or len(set(names)) < len(names)):
            raise typer.BadParameter(f"--factor {option}: levels must be distinct and not empty")
        factors[column] = names
    return factors


def column_option(option: str, name: str | None) -> str:
    """The column an option names; empty without the option.

    Raises:
        typer.BadParameter: the option is there and names nothing, as ``--weights "$UNSET"`` does.
    """
    if name == "":
        raise typer.BadParameter(f"{option}: name a column of the data, or leave {option} out")
    return name or ""


def contrast_options(options: list[str]) -> dict[str, str]:
    """``COL=CODING`` as column -> coding.

    Raises:
        typer.BadParameter: no column, no or an unknown coding, or a column named twice.
    """
    from harness.models.contrasts import CODINGS

    found: dict[str, str] = {}
    for option in options:
        column, _, coding = option.rpartition("=")
        if not column or not coding or column in found:
            raise typer.BadParameter(
                f"--contrasts {option}: name each column once, as COL=sum, helmert, poly or "
                "treatment"
            )
        if coding not in CODINGS:
            raise typer.BadParameter(
                f"--contrasts {option}: no coding `{coding}`; one of {', '.join(CODINGS)} (an own "
                "matrix is for Python: harness.lmer(..., contrasts={column: matrix}))"
            )
        found[column] = coding
    return found
