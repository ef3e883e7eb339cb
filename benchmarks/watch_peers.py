"""Drift and fairness as each peer says them: `python watch_peers.py PEER FOLDER`; the last line is the peer's version.

Five tests a column as far as a peer has them: of numbers PSI, KS, Jensen-Shannon, Wasserstein, Hellinger.
"""

import sys
import time
from importlib.metadata import version
from pathlib import Path


def _frames(folder: Path):
    import pandas as pd

    return [pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "current")]


def _sides(frames):
    """(name, whether it is numbers, reference, current) of each column, without what is empty."""
    for name in frames[0].columns:
        before, now = (frame[name].dropna() for frame in frames)
        yield name, before.dtype.kind in "if", before.to_numpy(), now.to_numpy()


def scipy(folder: Path) -> None:
    """By hand, a column at a time: `ks_2samp`, `wasserstein_distance`, and three distances of histograms."""
    import numpy as np
    from scipy import spatial, stats

    for _, numbers, before, now in _sides(_frames(folder)):
        if numbers:
            edges = np.unique(np.quantile(before, np.linspace(0, 1, 51)))
            p, q = (np.histogram(side, edges)[0] + 0.5 for side in (before, now))
            stats.ks_2samp(before, now, method="asymp")
            stats.wasserstein_distance(before, now)
        else:
            values = np.unique(np.concatenate([before, now]).astype(str))
            found = [side.astype(str) for side in (before, now)]
            p, q = (np.array([(side == value).sum() for value in values[:50]]) + 0.5 for side in found)
            stats.chi2_contingency(np.stack([p, q]))
        p, q = p / p.sum(), q / q.sum()
        spatial.distance.jensenshannon(p, q)
        ((p - q) * np.log(p / q)).sum()
        np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2)
    print(f"scipy {version('scipy')}")


def alibi(folder: Path) -> None:
    """KS and Cramér-von Mises of numbers, chi-square of words: it has no others of one column."""
    import numpy as np
    from alibi_detect.cd import ChiSquareDrift, CVMDrift, KSDrift

    sides = list(_sides(_frames(folder)))
    for _, numbers, before, now in sides:
        if numbers:
            KSDrift(before.astype("float32")[:, None]).predict(now.astype("float32")[:, None])
            CVMDrift(before.astype("float32")).predict(now.astype("float32"))
        else:
            values = {value: code for code, value in enumerate(dict.fromkeys(before.tolist() + now.tolist()))}
            coded = [np.array([values[value] for value in side.tolist()])[:, None] for side in (before, now)]
            ChiSquareDrift(coded[0]).predict(coded[1])
    print(f"alibi-detect {version('alibi-detect')}")


def nannyml(folder: Path) -> None:
    """Four tests of numbers and of words: it has no PSI."""
    import nannyml as nml

    before, now = _frames(folder)
    words = [name for name in before.columns if before[name].dtype.kind not in "if"]
    calculator = nml.UnivariateDriftCalculator(
        column_names=list(before.columns), treat_as_categorical=words, chunk_number=1,
        continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger"],
        categorical_methods=["chi2", "jensen_shannon", "l_infinity", "hellinger"],
    )  # fmt: skip
    calculator.fit(before)
    calculator.calculate(now).to_df()
    print(f"nannyml {version('nannyml')}")


def evidently(folder: Path) -> None:
    """One report for each test: a report tries one test on a column."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    before, now = _frames(folder)
    tests = (("ks", "chisquare"), ("psi", "psi"), ("jensenshannon",) * 2, ("wasserstein", "TVD"), ("hellinger",) * 2)
    for numbers, words in tests:
        Report([DataDriftPreset(num_method=numbers, cat_method=words)]).run(now, before)
    print(f"evidently {version('evidently')}")


def fairlearn(folder: Path, draws: int = 0) -> None:
    """Five metrics by each column, and by both at once: a `MetricFrame` for each, its values printed."""
    import pandas as pd
    from fairlearn.metrics import MetricFrame, selection_rate, true_negative_rate, true_positive_rate
    from sklearn.metrics import accuracy_score, precision_score

    rows = pd.read_parquet(folder / "answers.parquet")
    metrics = {
        "accuracy": accuracy_score, "recall": true_positive_rate, "precision": precision_score,
        "positive_rate": selection_rate, "specificity": true_negative_rate,
    }  # fmt: skip
    more = {"n_boot": draws, "ci_quantiles": [0.025, 0.975]} if draws else {}
    began = time.process_time()
    for by in (["carrier"], ["origin"], ["carrier", "origin"]):
        frame = MetricFrame(
            metrics=metrics, y_true=rows["truth"], y_pred=rows["label"], sensitive_features=rows[by], **more
        )
        print("gap", ",".join(by), *(f"{frame.difference()[name]:.12f}" for name in metrics))
    print(f"alone {time.process_time() - began:.4f}")
    print(f"fairlearn {version('fairlearn')}")


def fairlearn_intervals(folder: Path) -> None:
    """With intervals of as few draws as it takes: two, where two hundred would be asked for."""
    fairlearn(folder, 2)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
