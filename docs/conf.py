"""The site: every Markdown page of docs/ and of the project's root, and a reference made from the code.

Built by `nox -s site`, which calls Sphinx in the project's root: `sphinx-build -c docs . build/site`. So the
links of the pages lead to the same files on the site as in a checkout.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_site"))

import meetstream_async

project = "meetstream_async"
author = "The meetstream_async authors"
copyright = "2026, the meetstream_async authors"
version = release = meetstream_async.__version__

root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/reference/*",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
]
# Not even looked into for pages.
exclude_patterns = [".*", "build", "dist", "meetstream_async", "pytest_meetstream_async", "tests"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "reference"]

# Names of the standard library and of other packages are not links: nothing is fetched for a build.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!meetstream_async\.).*"),
    # Types of parameters that users never name.
    (
        "py:class",
        r"meetstream_async\.(jobs\.(source\.(Source|Tables)|database\.Database)|simulator\.(settings\.Switches|"
        r"meetbit_limit\.RateLimit)|fastapi\.lifespan\.MeetStreamArguments|fastapi\.lifespan\.MeetBitArguments|"
        r"bulk\.report\.BotsOutcome)",
    ),
    ("py:.*", r"meetstream_async\.(.*\.)?_.*"),
    ("py:.*", r"meetstream_async\..*T(_co)?"),
]
# The pages' examples of JSON leave things out with "…".
suppress_warnings = ["misc.highlighting_failure"]

myst_heading_anchors = 4

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "undoc-members": True}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"meetstream_async {release}"
html_extra_path = ["_site/index.html"]
html_copy_source = True
html_show_sourcelink = True
