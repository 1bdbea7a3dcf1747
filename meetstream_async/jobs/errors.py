"""Errors specific to jobs."""

from __future__ import annotations

from .. import ConfigurationError, MeetStreamError


class UnknownJobError(ConfigurationError):
    """The database has no job with that id."""


class JobConflictError(ConfigurationError):
    """The id belongs to a job with different accounts or options; nothing was started."""


class JobStoreError(MeetStreamError):
    """The job database could not be used. The message never contains its password."""


class UnreadableJobError(JobStoreError):
    """A stored job is not in the format that jobs use. The message names the job, and the account or step."""
