"""A report in, something to look at out.

numbers, grammar            how numbers and pieces of sentences are written
sentences                   every sentence of the monthly health report
tables, sparkline, state    its HTML tables, its lines in table cells, its states as symbol and word
plots                       its plots, each titled with what it found
markup, clean_html          HTML that is escaped when made, and cleaned again before it is published
page                        an executed notebook as one HTML page that opens offline
"""

from __future__ import annotations
