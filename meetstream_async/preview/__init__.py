"""What the command line and the console share: a preview, the consent to it, and the report of the run.

Pure but for the listings that ``look`` and ``verify`` ask for; who shows it, and how, is not its business.
"""

from .consent import Consent, words_for
from .leftovers import Leftovers, leftovers_of
from .named_events import Given
from .preview import OneOffBots, Preview, Selects, look
from .report_lines import FORMAT, name_of, outcome_line, run_line, summary_line
from .selection import Selection, reads_as
from .verify import verify

__all__ = [
    "FORMAT",
    "Consent",
    "Given",
    "Leftovers",
    "OneOffBots",
    "Preview",
    "Selection",
    "Selects",
    "leftovers_of",
    "look",
    "name_of",
    "outcome_line",
    "reads_as",
    "run_line",
    "summary_line",
    "verify",
    "words_for",
]
