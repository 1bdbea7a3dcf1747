"""Shared by command line and console: a preview, the consent to it, and the report of the run.

No I/O except the listing that ``make_preview`` requests and the run itself; presentation is left to the
caller.
"""

from .brought_back import UNDO
from .consent import Consent, words_for
from .leftovers import Leftovers, leftovers_of
from .named_events import NamedEvents
from .preview import CancelBy, OneOffBots, Preview, Selects, make_preview
from .report_lines import FORMAT, name_of, outcome_line, run_line, summary_line
from .selection import Selection, reads_as
from .undoing import Undoable, left_of_undo, undoable_of

__all__ = [
    "FORMAT",
    "UNDO",
    "CancelBy",
    "Consent",
    "Leftovers",
    "NamedEvents",
    "OneOffBots",
    "Preview",
    "Selection",
    "Selects",
    "Undoable",
    "left_of_undo",
    "leftovers_of",
    "make_preview",
    "name_of",
    "outcome_line",
    "reads_as",
    "run_line",
    "summary_line",
    "undoable_of",
    "words_for",
]
