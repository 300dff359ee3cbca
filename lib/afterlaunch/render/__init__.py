"""A report in, something to look at out.

numbers, grammar            how numbers and pieces of sentences are written
sentences, *_sentences      every sentence of the monthly health report
tables, indicator_table     its HTML tables, of cells, sparklines and states
plots, figures              its plots, each titled with what it found, and their style
markup, clean_html          HTML that is escaped when made, and cleaned again before it is published
result                      what a run leaves for machines
page                        an executed notebook as one HTML page that opens offline
"""

from __future__ import annotations
