"""Afterlaunch looks after a scoring model after launch.

The map, from what comes in to what goes out; imports point upwards only.

errors, schema, records   the errors a user can meet; strict reading into frozen types; types as plain mappings
windows, ranges           calendar months; closed intervals of numbers
engine, engine_settings   DuckDB inside the process, or Spark: the only module that knows one; which one to take
contract, scoring_log, request_log, ticket_table, kpi_table
                          checks compiled to one scan; tables that keep their contracts
aggregates                sums that analyses declare, read by one SQL text
model_version             a version's name, threshold and training window
bins, performance, calibration, decision_value, uncertainty; response_time, slow_requests, subgroups, repeat_clicks,
patience; rates, nowcast; tickets, ticket_audit, ticket_themes, ticket_wording; divergence, input_changes (its parts:
input_windows, relabelling, unit_changes), score_effects, relations, month_to_month, since_when, estimated_performance
(its parts: expected_measures, past_errors)
                          measures of the model, of speed and people, of events by month, of texts, of drift: counts in,
                          numbers and intervals out
findings, baselines, kpis a number against its ranges; what is usual, and since when; business numbers
monthly_health            one month of the logs in, a health report out (its parts are the modules health_…,
                          segments and same_rows)
profiles, drift           a month of a log as counts that are kept; what changed in a month and whether it matters to
                          the model (its parts are the modules drift_…)
render                    a report in; sentences, tables, plots and a page out
params, monitored, profile_store
                          YAML files read strictly; a model under care; its profiles on disk
ticket_sample             tickets for people to read and label
artifacts, provenance, run, cli
                          files that a report leaves; where it comes from; the runner; the command line
examples                  flight_claims, a real data set to try it on; claims_screening, a simulated claims desk (its
                          parts are the modules desk_…)
"""
