"""Every measure is explained by values, groups or minutes, or says why it is not."""

from arkwright.api.watch import causes, worse
from arkwright.core.promises import Call
from arkwright.measures import registry, unexplained

ONE_COLUMN = {"psi", "ks", "wasserstein", "largest_change", "chi_square", "hellinger", "jensen_shannon", "new_values",
              "out_of_range"}  # fmt: skip
MINUTES = {"error_rate", "refused_rate", "latency_p50_ms", "latency_p99_ms"}
NOT_KEPT = {"calibration_error", "top_k_accuracy"}  # of which it is only said that nothing is kept by groups


def test_every_measure_is_explained_or_says_why_not():
    explained = {*ONE_COLUMN, *causes._TOGETHER, "drifted_columns", *MINUTES, *worse.ABOUT}
    for one in registry.measures().values():
        if one.not_on_traffic or (one.stage == "data" and one.name not in unexplained._WHY):  # of one column
            continue
        assert (unexplained.why(Call(one.name)) is None) == (one.name in explained | NOT_KEPT), one.name
    assert unexplained._WHY.keys() <= registry.measures().keys()
