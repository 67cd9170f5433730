"""Figures of `hone ab result` for one look equal scipy's; those for every look equal their formulas in numpy."""
import json
import os
import subprocess

import numpy
import pytest
from scipy import stats

HONE = os.environ["HONE"]


def result(tmp_path, rows, *options):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [HONE, "ab", "result", str(file), "--split", "control=0.5", "--split", "treatment=0.5", "--json", "--lang",
               "en", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shares(counts):
    return [{"variant": name, "thumbs": i < ups} for name, (ups, n) in counts.items() for i in range(n)]


def close(mine, theirs):
    numpy.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("control, treatment", [((50, 200), (71, 190)), ((1, 150), (9, 140)), ((480, 500), (460, 505))])
def test_shares(tmp_path, control, treatment):
    document = result(tmp_path, shares({"control": control, "treatment": treatment}), "--metric", "thumbs")
    low, high = {}, {}
    for name, (ups, n) in (("control", control), ("treatment", treatment)):
        mine = document["variants"][name]["metrics"]["thumbs"]
        wilson = stats.binomtest(ups, n).proportion_ci(method="wilson")
        close(mine["interval"], [wilson.low, wilson.high])
        low[name], high[name] = wilson
        # Every border of the sequence is where the mixture reaches 1 / alpha.
        for border in mine["interval_anytime"]:
            if 0 < border < 1:
                log_ratio = (stats.betabinom(n, .5, .5).logpmf(ups) - stats.binom(n, border).logpmf(ups))
                close(log_ratio, numpy.log(1 / 0.05))
    effect = document["treatments"]["treatment"]["effects"]["thumbs"]
    p0, p1 = control[0] / control[1], treatment[0] / treatment[1]
    close(effect["difference"], p1 - p0)
    newcombe = [p1 - p0 - numpy.hypot(p1 - low["treatment"], high["control"] - p0),
                p1 - p0 + numpy.hypot(high["treatment"] - p1, p0 - low["control"])]
    close(effect["interval"], newcombe)
    table = [[treatment[0], treatment[1] - treatment[0]], [control[0], control[1] - control[0]]]
    close(effect["p_value"], stats.chi2_contingency(table, correction=False).pvalue)
    ratio = stats.contingency.relative_risk(treatment[0], treatment[1], control[0], control[1])
    close(effect["lift"]["value"], ratio.relative_risk - 1)
    katz = ratio.confidence_interval()
    close(effect["lift"]["interval"], [katz.low - 1, katz.high - 1])


def test_means(tmp_path):
    random = numpy.random.default_rng(5)
    control, treatment = random.exponential(800, 211), random.exponential(1000, 187)
    rows = [{"variant": "control", "ms": x} for x in control] + [{"variant": "treatment", "ms": x} for x in treatment]
    document = result(tmp_path, rows, "--metric", "ms", "--lower-is-better", "ms", "--expected", "500")
    mine = document["variants"]["control"]["metrics"]["ms"]
    close(mine["interval"], stats.t.interval(0.95, len(control) - 1, control.mean(), stats.sem(control)))
    effect = document["treatments"]["treatment"]["effects"]["ms"]
    welch = stats.ttest_ind(treatment, control, equal_var=False)
    close(effect["p_value"], welch.pvalue)
    close(effect["interval"], [*welch.confidence_interval(0.95)])
    # Waudby-Smith et al. 2024, theorem 2.2.
    t, alpha = len(control) + len(treatment), 0.05
    rho2 = (-2 * numpy.log(alpha) + numpy.log(-2 * numpy.log(alpha)) + 1) / 500
    error = numpy.sqrt(control.var(ddof=1) / len(control) + treatment.var(ddof=1) / len(treatment))
    reach = numpy.sqrt(2 * (t * rho2 + 1) / (t * rho2) * numpy.log(numpy.sqrt(t * rho2 + 1) / alpha))
    middle = treatment.mean() - control.mean()
    close(effect["interval_anytime"], [middle - reach * error, middle + reach * error])
    assert effect["interval_anytime"][0] < effect["interval"][0]


def test_split(tmp_path):
    document = result(tmp_path, shares({"control": (60, 210), "treatment": (60, 160)}), "--metric", "thumbs")
    chi = stats.chisquare([210, 160])
    close(document["split"]["chi_square"], chi.statistic)
    close(document["split"]["p_value"], chi.pvalue)
    users = numpy.array([210, 160])
    mixtures = [stats.dirichlet_multinomial(numpy.array([.5, .5]) * k, 370).logpmf(users)
                - stats.multinomial(370, [.5, .5]).logpmf(users) for k in (2, 1000)]
    close(document["split"]["p_value_anytime"], min(1, 1 / numpy.mean(numpy.exp(mixtures))))
