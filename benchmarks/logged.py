"""What MLflow's clients log, on a big site: runs, the last one with many files and a model, and registered models."""

import time
from typing import Any

from arkwright.sites import Site
from arkwright.tracking import models, registry, runs, versions

UID, MODEL = "bench", "m-bench"
WORDS = ("delay", "carrier", "airport", "weather", "night", "storm", "gate", "recall", "drift", "label")
REGISTERED, VERSIONS, FILES = 200, 1_000, 1_000  # versions: of one of them; the others have a twentieth


def fill(site: Site, many: int) -> None:
    site.tracking.submit(_runs, many).result()
    site.tracking.submit(_registered).result()
    for number in range(FILES):
        for path in (f"{number % 10}/{number}.txt", f"{number}.txt"):
            site.tracking.artifacts.put(f"1/{UID}/artifacts/{path}", b"x", "ana")
    began = time.process_time()
    site.tracking.search("weather", (), 20)
    took = time.process_time() - began
    print(f"{many:,} runs of clients beside them; to read them for the first search takes {took:.1f} s, once.")


def _runs(db: Any, many: int) -> None:
    experiment = runs.experiment(db, "wool")
    for number in range(many):
        last = number == many - 1
        note = " ".join(WORDS[(number * k) % 10] for k in (1, 2, 3, 7))
        tags = [("team", WORDS[number % 10]), ("mlflow.note.content", note)]
        begun = {"name": f"{WORDS[number % 10]} {number}", "user": f"person{number % 40}", "started": number * 1000}
        uid = runs.begin(db, experiment=experiment, uid=UID if last else None, tags=tags, **begun)
        steps = range(500 if last else 1)
        points = [(f"m{k}", step, number, number * k % 97 / 97) for k in range(5) for step in steps]
        params = [(f"p{k}", str(number * k % 97 / 7)) for k in range(10)]
        runs.log(db, uid, metrics=points, params=[*params, ("long", "x" * 5000)] if last else params)


def _registered(db: Any) -> None:
    made = models.create(db, 1, name="spinner", run=UID, params=[("deep", "7")])
    db.execute("UPDATE model SET uid = ? WHERE uid = ?", (MODEL, made))
    for number in range(REGISTERED):
        name, tags = f"wool{number}", [("grade", WORDS[number % 10])]
        registry.create(db, name, "what a bale is worth", tags)
        for _ in range(VERSIONS // 20 if number else VERSIONS):
            versions.create(db, name, f"models:/{MODEL}", user="ana", tags=tags)
        registry.alias(db, name, "champion", 7)
