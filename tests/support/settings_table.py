"""The settings as README has them: a table that is made from titan.config."""

from typing import get_args

from msgspec import Meta

from titan import config


def table() -> str:
    """The settings as a Markdown table for the documentation."""
    lines = ["| Variable | Default | Description |", "|---|---|---|"]
    for name, known in config._FIELDS.items():
        described, extra = _described(known.type)
        shown = extra.get("shown", str(known.default).lower() if isinstance(known.default, bool) else known.default)
        choices = f" ({'/'.join(choices)})" if (choices := config._choices(known.type)) else ""
        unit = f", in {extra['unit']}" if "unit" in extra else ""
        file = "; or `_FILE`" if name in config._SECRETS else ""
        lines.append(f"| `{name}` | {shown if shown != '' else '-'} | {described}{unit}{choices}{file} |")
    return "\n".join(lines) + "\n"


def _described(kind: object) -> tuple[str, dict[str, str]]:
    metas = [meta for meta in get_args(kind)[1:] if isinstance(meta, Meta)]
    extra: dict[str, str] = {}
    for meta in metas:
        extra |= meta.extra or {}
    return next((meta.description for meta in metas if meta.description), ""), extra
