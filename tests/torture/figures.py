"""What the outbox says of itself, as JSON on stdout: ``python -m tests.torture.figures``."""

from __future__ import annotations

import json
import os

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.torture.settings"
    django.setup()
    from django.db.models import Sum

    from outbox import status
    from outbox.models import Checkpoint, Statistics

    report = status.read()
    counted = sum(
        model.objects.aggregate(sum=Sum("events"))["sum"] or 0 for model in (Checkpoint, Statistics)
    )
    print(
        json.dumps(
            {
                "state": report.state.value,
                "problems": [problem.text for problem in report.problems],
                "pending": report.pending,
                "held": report.held,
                "published": report.published,
                "statistics": counted,
                "shards": len(report.shards),
            }
        )
    )


if __name__ == "__main__":
    main()
