import shutil
from pathlib import Path

import pytest

from afterlaunch.contract import ContractError
from afterlaunch.errors import ParameterError
from afterlaunch.monitored import check, load_model
from afterlaunch.params import MonthlyHealthParameters

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").symlink_to(ROOT / "data")
    return tmp_path


def edit(project, name, before, after):
    path = project / "params" / "flight_claims" / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_the_shipped_model_passes_its_check(project):
    assert check("flight_claims", root=project) == (
        "Flight-delay cover screening (flight_claims): 335,601 flights from 2013-01-01 to 2013-12-31 keep the "
        "contract; versions v1, v2; 3 KPIs; outcomes complete until 2014-01-01."
    )


def test_everything_wrong_in_a_model_file_is_told_at_once(project):
    edit(project, "model.yaml", "case_noun: flights", "case_nown: flights")
    edit(
        project,
        "model.yaml",
        'threshold: 0.228846, trained_from: "2013-01-01"',
        "threshold: 1.5, trained_from: soon",
    )
    with pytest.raises(ParameterError) as refused:
        load_model("flight_claims", root=project)
    told = str(refused.value)
    assert told.startswith("params/flight_claims/model.yaml cannot be used:\n")
    assert "case_nown: unknown key. Did you mean 'case_noun'?" in told
    assert "log.versions.v1.trained_from: got 'soon', allowed is a day written" in told


def test_a_kpi_that_names_what_is_not_there_is_refused_when_the_file_is_read(project):
    edit(project, "model.yaml", "numerator: decision * outcome", "numerator: decision * outcom")
    with pytest.raises(
        ParameterError, match=r"Formula 'decision \* outcom' names 'outcom'; .* Did you mean 'outcome'\?"
    ):
        load_model("flight_claims", root=project)


def test_a_policy_for_an_indicator_that_does_not_exist_is_refused(project):
    edit(project, "policy.yaml", "model.roc_auc:", "model.auc_roc:")
    with pytest.raises(ParameterError, match=r"'model\.auc_roc' is not an indicator"):
        load_model("flight_claims", root=project)


def test_data_that_breaks_the_contract_fails_the_check(project):
    edit(project, "model.yaml", "threshold: 0.228846", "threshold: 0.3")
    with pytest.raises(ContractError, match=r"differs from score >= threshold +alert"):
        check("flight_claims", root=project)


def test_every_source_of_a_model_is_named(project):
    names = [Path(source).name for source in load_model("flight_claims", root=project).sources]
    assert names == ["scoring_log.parquet", "outcomes.parquet", "shadow_scores.parquet"]


def test_a_month_of_the_shipped_data_is_judged(project):
    given = MonthlyHealthParameters(model="flight_claims", period="2013-09")
    report = load_model("flight_claims", root=project).monthly_health(given)
    auc = report.indicator("model.roc_auc").finding.measurement
    assert (round(auc.value, 4), auc.n) == (0.7637, 27462)
    assert report.limits.left_out_months == ("2013-01", "2013-02", "2013-03")
    assert report.indicator("model.roc_auc").usual_range.n_months == 5
