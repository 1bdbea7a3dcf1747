"""The errors that only jobs have."""

from __future__ import annotations

from .. import ConfigurationError, MeetStreamError


class UnknownJobError(ConfigurationError):
    """The database has no job of that id."""


class JobConflictError(ConfigurationError):
    """The id belongs to a job with other accounts or options; nothing was started."""


class JobStoreError(MeetStreamError):
    """The job database could not be used. The text never holds its password."""


class UnreadableJobError(JobStoreError):
    """What is stored of a job is not what jobs store. The text names the job, and the account or the step."""
