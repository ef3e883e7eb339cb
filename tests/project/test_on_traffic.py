"""What endpoints promise of their traffic is tried before there is any."""

import pytest
from tests.project.rehearsed import at, mistakes, plan


def of_traffic(shop, *promises, more=""):
    said = ", ".join(f"'{one}'" for one in promises)
    shop.edit("arkwright.toml", "[endpoint.buys]\n", f"[endpoint.buys]\n{more}promises = [{said}]\n")


def test_what_an_endpoint_may_promise(shop):
    of_traffic(
        shop, "missing(country) <= 0.01", "rows >= 100", "mean(score) < 0.5", "recall >= 0.6", "psi(prediction) < 0.2",
        "worst_group(recall, by=country) > 0", "estimated(roc_auc, by=country) > 0.6", "latency_p99_ms < 10",
    )  # fmt: skip
    assert plan(shop)


@pytest.mark.parametrize(
    ("promise", "why"),
    [
        (
            "size_mb < 5",
            "size_mb cannot be measured on traffic: it is of the release's files, which",
        ),
        ("gap(agreement, by=country) < 1", "agreement cannot be measured on traffic: it compares with the model as it"),
        ("target_leakage < 0.9", "target_leakage cannot be measured on traffic"),
        ("schema_changes == 0", "schema_changes cannot be measured on traffic"),
        ("references(country, buyers.country) == 1", "references cannot be measured on traffic"),
        ("duplicates(key) == 0", "rows that come have no key; name its columns"),
        ("recal > 0.5", "no measure is called 'recal'; did you mean \"recall\"?"),
        ("missing(contry) < 1", "there is no column 'contry'; did you mean \"country\"?"),
        ("missing(again) < 1", "there is no column 'again'"),
        ("mae < 1", "mae is for regression; this model does classification"),
        ("estimated(mae) < 1", "mae"),
    ],
)
def test_what_traffic_can_never_tell(shop, promise, why):
    of_traffic(shop, "psi(spent) < 0.2", promise)
    (line,) = mistakes(shop)
    assert line.startswith(at(shop, "arkwright.toml", "psi(spent)") + ": ")
    assert why in line


def test_what_is_not_logged_can_never_be_told(shop):
    of_traffic(shop, "missing(country) < 1", 'allowed(spent, ["country"]) < 1', more='log = { redact = ["country"] }\n')
    (line,) = mistakes(shop)
    assert line.endswith("missing needs the column country, which log.redact keeps out of the log")


def test_nothing_is_told_without_a_log(shop):
    of_traffic(shop, "missing(country) < 1", more="log = false\n")
    (line,) = mistakes(shop)
    assert line.endswith("missing is measured on the answers that are logged, and here log = false")


def test_rows_that_are_gone_before_their_labels_come(shop):
    more = 'log = {{ keep = "{}" }}\nwatch = {{ labels_after = "21d" }}\n'
    of_traffic(shop, "recall >= 0.1", "rows >= 1", "selection_rate_ratio(by=country) >= 0", more=more.format("3w"))
    (line,) = mistakes(shop)
    assert line.endswith('recall rests on labels that come after 21d, and the log has no row by then: log.keep = "3w"')
    shop.edit("arkwright.toml", '"3w"', '"4w"')
    assert plan(shop)


def test_what_the_release_itself_tells_needs_no_log(shop):
    of_traffic(shop, "vulnerabilities(severity=high) == 0", "tampered_files == 0", more="log = false\n")
    assert plan(shop)


def test_a_severity_that_there_is_not(shop):
    of_traffic(shop, "vulnerabilities(severity=hihg) == 0")
    (line,) = mistakes(shop)
    assert "severity is low, medium, high or critical, not 'hihg'" in line
