"""What is mutated, and the test files that have to notice; those first that are quick and to the point."""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Group:
    """Modules that do one job, and their tests."""

    modules: tuple[str, ...]
    """Paths below `meetstream_async/`."""
    tests: tuple[str, ...]
    """Paths below `tests/`."""


SAMPLE = 16
"""How many mutants of each group are made by default."""
GROUPS: Final = {
    "judge": Group(
        (
            "bulk/account_state.py",
            "bulk/_account.py",
            "bulk/_account_changes.py",
            "bulk/_account_events.py",
            "bulk/_account_json.py",
            "bulk/_account_checks.py",
            "bulk/_account_report.py",
            "bulk/_account_rows.py",
            "bulk/_summary.py",
            "bulk/_confirmation.py",
            "bulk/_patience.py",
            "bulk/_relisting.py",
            "bulk/_repeated_rows.py",
            "bulk/_verification.py",
            "bulk/_known_bots.py",
            "bulk/_evidence.py",
            "bulk/_facts.py",
            "bulk/_choices.py",
            "bulk/_items.py",
        ),
        (
            "bulk/test_evidence.py",
            "bulk/test_summary.py",
            "bulk/test_account_verdicts.py",
            "bulk/test_account_state.py",
            "bulk/test_account_changes.py",
            "bulk/test_account_events.py",
            "bulk/test_known_bots.py",
            "bulk/test_repeated_rows.py",
            "bulk/test_account_state_properties.py",
            "bulk/test_outcomes.py",
            "bulk/test_reports_are_true.py",
            "bulk/test_unschedule_all.py",
        ),
    ),
    "runner": Group(
        ("bulk/_runner.py", "bulk/_gate.py", "bulk/_circuit_breaker.py"),
        (
            "bulk/test_circuit_breaker.py",
            "bulk/test_gate.py",
            "bulk/test_runner.py",
            "bulk/test_outages.py",
            "bulk/test_stop.py",
            "bulk/test_pauses.py",
            "bulk/test_cancel_events.py",
            "bulk/test_cancel_events_stop.py",
            "bulk/test_cancel_pauses.py",
            "bulk/test_stream.py",
            "bulk/test_targets.py",
            "bulk/test_unschedule.py",
        ),
    ),
    "replies": Group(
        (
            "meetstream/_replies.py",
            "meetbit/_replies.py",
            "_http/convert.py",
            "_http/api_errors.py",
            "_http/contradictions.py",
            "_http/reply.py",
            "_http/scrubbing.py",
            "_http/making.py",
            "_http/shapes.py",
        ),
        (
            "http/test_contradictions.py",
            "http/test_api_errors.py",
            "http/test_reply.py",
            "http/test_shapes.py",
            "meetstream/test_reading.py",
            "meetstream/test_delete_replies.py",
            "meetstream/test_listing_replies.py",
            "meetstream/test_damaged_text.py",
            "meetstream/test_error_replies.py",
            "meetbit/test_replies.py",
            "meetbit/test_refusals.py",
            "meetbit/test_client.py",
            "meetstream/test_client.py",
            "http/test_no_key_shown.py",
            "http/test_secrets.py",
        ),
    ),
    "limiter": Group(
        (
            "_http/rate_limit.py",
            "_http/turns.py",
            "_http/pace.py",
            "_http/pace_finder.py",
            "_http/pace_bound.py",
            "_http/pace_probes.py",
            "_http/pace_strays.py",
            "_http/pace_wary.py",
            "_http/pace_windows.py",
            "_http/let_through.py",
            "_http/retry.py",
        ),
        (
            "http/test_pace_windows.py",
            "http/test_pace_strays.py",
            "http/test_let_through.py",
            "http/test_pace_wary.py",
            "http/test_pace_courses.py",
            "http/test_rate_limit_headers.py",
            "http/test_retry_policy.py",
            "http/test_rate_limit.py",
            "http/test_pace.py",
            "http/test_pace_shared.py",
            "http/test_retry_after.py",
            "http/test_pauses.py",
            "http/test_retry.py",
            "bulk/test_pauses.py",
            "meetstream/test_arguments.py",
        ),
    ),
}
