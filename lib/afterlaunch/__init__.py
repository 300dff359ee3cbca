"""Afterlaunch looks after a scoring model after launch.

The map, from what comes in to what goes out; imports point upwards only.

errors, schema, records   the errors a user can meet; strict reading into frozen types; types as plain mappings
windows, ranges           calendar months; closed intervals of numbers
engine                    DuckDB inside the process, or Spark: the only module that knows one
contract, scoring_log     checks compiled to one scan; a log that keeps its contract
aggregates                sums that analyses declare, read by one SQL text
model_version             a version's name, threshold and training window
bins, performance, calibration, rates, uncertainty
                          measures: counts in, numbers and intervals out
findings, kpis            a number against its ranges; business numbers as formulas
monthly_health            one month of a log in, a health report out (its parts are the modules health_…,
                          segments and same_rows)
render                    a report in; sentences, tables, plots and a page out
params, monitored         YAML files read strictly; a model under care
artifacts, provenance, run, cli
                          files that a report leaves; where it comes from; the runner; the command line
examples                  flight_claims, a real data set to try it on
"""
