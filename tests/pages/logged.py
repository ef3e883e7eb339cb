"""What clients log, with something of everything, for pages that are walked. `said` stands wherever text may stand."""

from arkwright.tracking import models, registry, runs, versions

AT = 1_700_000_000_000  # milliseconds since 1970
FILES = {"model/MLmodel": b"flavors: {}", "model/data/model.pkl": b"0" * 1_234_567, "notes.html": b"<b>x"}
PROMPT = (registry.PROMPT, "true")


def logged(site, said="wool"):
    """(the run's id, the logged model's); a registered model is called wool, a prompt ask."""

    def do(operation, *given, **named):
        return site.tracking.submit(operation, *given, **named).result()

    experiment = do(runs.experiment_called, said)
    uid = do(runs.begin, experiment=experiment, name=said, user=said, tags=[("note", said), ("long", said * 80)])
    points = [(key, step, AT + step, 1 / (step + 1)) for key in ("loss", "accuracy") for step in range(9)]
    do(runs.log, uid, metrics=points, params=[("lr", "0.01"), ("prompt", said + "x" * 700), ("said", said)])
    for name, text in FILES.items():
        site.tracking.artifacts.put(f"{experiment}/{uid}/artifacts/{name}", text, "carl")
    pairs = {"params": [("deep", said)], "tags": [("t", said)]}
    model = do(models.create, experiment, name="spinner", type=said, run=uid, **pairs)
    measured = models.Measured(key="rmse", run=uid, at=AT, dataset=said, value=0.25)
    do(models.measure, [(model, measured)])
    site.tracking.artifacts.put(f"{experiment}/models/{model}/artifacts/MLmodel", b"flavors: {}", "carl")
    do(models.finish, model, models.READY)
    do(registry.create, "wool", said + " " + said * 99, [("domain", said)])
    for source, of in ((f"runs:/{uid}/model", ""), (f"models:/{model}", model), (f"models:/{model}", model)):
        about = {"description": said, "tags": [("grade", said)], "run_link": "https://ci.example/1"}
        do(versions.create, "wool", source, user="carl", model=of, **about)
    do(registry.alias, "wool", "champion", 2)
    do(versions.move, "wool", 3, "Staging")
    do(registry.create, "ask", said, [PROMPT])
    text = ("mlflow.prompt.text", f"Spin {{{{wool}}}}: {said}")
    do(versions.create, "ask", "prompt-template", user="carl", tags=[PROMPT, text])
    return uid, model
