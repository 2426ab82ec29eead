"""Whether an alert would fire on metrics as they are now: its rule without the time that it must last."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.docs.test_monitoring import RULES

LARGEST = re.compile(r"max(?: by \([^)]*\))? \((\w+)(?:\{([^}]*)\})?\)")
MATCHER = re.compile(r'(\w+)(=|!~)"([^"]*)"')
SUM = re.compile(r"[\d.e+ <>=*na-]+")
EXPRESSIONS: dict[str, str] = {rule["alert"]: rule["expr"] for rule in RULES}


def samples(texts: Iterable[str]) -> list[Sample]:
    """What several processes serve."""
    return [
        sample
        for text in texts
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def fires(alert: str, known: Iterable[Sample]) -> bool:
    """Each ``max by (…) (metric)`` of the rule is its largest value; no value is above or equal to any."""
    known = list(known)
    said = LARGEST.sub(lambda found: repr(_largest(found[1], found[2] or "", known)), EXPRESSIONS[alert])
    assert SUM.fullmatch(said), f"{alert} is of a kind that only promtool can judge: {said}"
    return bool(eval(said, {"__builtins__": {}}, {"nan": math.nan}))


def _largest(name: str, matchers: str, known: Iterable[Sample]) -> float:
    wanted = [(label, sign, re.compile(value)) for label, sign, value in MATCHER.findall(matchers)]
    values = [
        sample.value
        for sample in known
        if sample.name == name
        and all(
            bool(value.fullmatch(sample.labels.get(label, ""))) is (sign == "=")
            for label, sign, value in wanted
        )
    ]
    return max(values, default=math.nan)
