import shutil
from pathlib import Path

import pytest

from afterlaunch.artifacts import Report
from afterlaunch.contract import ContractError
from afterlaunch.engine import DuckDB
from afterlaunch.engine_settings import EngineSettings
from afterlaunch.errors import ParameterError
from afterlaunch.ledger import Ledger
from afterlaunch.monitored import check, load_model
from afterlaunch.params import MonthlyHealthParameters
from afterlaunch.provenance import provenance
from afterlaunch.run_inputs import run_inputs

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


# --- the engine ---------------------------------------------------------------------------------------------------


def name_engine(project, text):
    with (project / "params" / "flight_claims" / "model.yaml").open("a", encoding="utf-8") as model:
        model.write(f"\nengine: {text}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", EngineSettings()),
        ("{memory_limit: 1GB, threads: 2}", EngineSettings(memory_limit="1GB", threads=2)),
        ("{name: duckdb, memory_limit: 2GB, threads: 0}", EngineSettings(memory_limit="2GB", threads=0)),
        ("{name: spark}", EngineSettings(name="spark")),
        ('{name: spark, master: "local[2]"}', EngineSettings(name="spark", master="local[2]")),
        ("{name: spark, master: sc://desk:15002}", EngineSettings(name="spark", master="sc://desk:15002")),
    ],
)
def test_the_engine_is_what_the_model_file_names(project, text, expected):
    name_engine(project, text)
    assert load_model("flight_claims", root=project).file.engine == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{name: sprak}",
            r"engine.name: got 'sprak', allowed is one of 'duckdb', 'spark'. Did you mean 'spark'?",
        ),
        (
            "{name: spark, master: spork://desk:7077}",
            (
                'engine.master: got \'spork://desk:7077\', allowed is local, "local[2]", "local[*]", '
                "spark://host:port or sc://host:port. Did you mean 'spark://desk:7077'?"
            ),
        ),
        (
            "{name: spark, memory_limit: 2GB}",
            (
                "engine.memory_limit: got '2GB', but this is for duckdb: Spark's memory is set where Spark is started. "
                "Leave it out, or write name: duckdb."
            ),
        ),
        (
            "{name: spark, threads: 0}",
            (
                "engine.threads: got 0, but this is for duckdb: spark takes its threads from the master, such as "
                '"local[4]". Leave it out, or write name: duckdb.'
            ),
        ),
        (
            '{master: "local[2]"}',
            "engine.master: got 'local[2]', but only spark has a master. Add name: spark, or leave it out.",
        ),
        ("{threads: -1}", "engine.threads: got -1, allowed is 0 or more; 0 leaves the choice to DuckDB."),
        ("{mastr: local}", "engine.mastr: unknown key. Did you mean 'master'?"),
        ("spark", "engine: got 'spark', allowed is the keys name, memory_limit, threads, master."),
    ],
)
def test_an_engine_that_cannot_be_is_refused_when_the_file_is_read(project, text, told):
    name_engine(project, text)
    with pytest.raises(ParameterError) as refused:
        load_model("flight_claims", root=project)
    assert f"  {told}" in str(refused.value)


def test_an_engine_is_closed_when_the_data_breaks_the_contract(project, monkeypatch):
    closed = []

    def close(engine):
        closed.append(engine)

    monkeypatch.setattr(DuckDB, "close", close)
    edit(project, "model.yaml", "threshold: 0.228846", "threshold: 0.3")
    model = load_model("flight_claims", root=project)
    with pytest.raises(ContractError):
        model.open_log()
    assert len(closed) == 1
    yours = DuckDB()
    with pytest.raises(ContractError):
        model.open_log(engine=yours)
    assert len(closed) == 1


def test_a_table_of_sparks_catalogue_is_a_source_without_a_fingerprint(project):
    edit(
        project,
        "model.yaml",
        "source: {path: data/flight_claims/outcomes.parquet}",
        "source: {table: desk.known}",
    )
    model = load_model("flight_claims", root=project)
    assert model.sources[1] == "catalogue://desk.known"
    given = MonthlyHealthParameters(model="flight_claims", period="2013-09")
    data = provenance(model, given).data
    assert data["catalogue://desk.known"] == "a table of Spark's catalogue, which has no fingerprint"
    assert len(data["data/flight_claims/scoring_log.parquet"]) == 64
    report = Report(stem="monthly_health", model="flight_claims", period="2013-09", root=ROOT)
    memory = Ledger(project / "ledger.sqlite")
    inputs = run_inputs(report, parameters={}, sources=model.sources[1:2], memory=memory)
    assert inputs.data_fingerprints == {"catalogue://desk.known": ""}
    assert not inputs.is_complete
