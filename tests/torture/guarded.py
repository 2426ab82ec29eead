"""The guards, and the test that holds each."""

from __future__ import annotations

from dataclasses import dataclass

RELAY = "tests/relay"


@dataclass(frozen=True, slots=True)
class Guard:
    """``name`` is a key of ``mutations.MUTATIONS``, ``test`` the id of the test that holds it."""

    name: str
    test: str


GUARDS = [
    Guard(
        "the incarnation token",
        "tests/torture/test_guards.py::test_an_event_that_uses_a_forgotten_transaction_id_again_is_published",
    ),
    Guard(
        "the position only from the database",
        "tests/torture/test_guards.py::test_an_event_that_uses_a_forgotten_transaction_id_again_is_published",
    ),
    Guard(
        "KEY SHARE on the lease in a checkpoint",
        f"{RELAY}/test_lease.py::test_a_checkpoint_waits_for_a_takeover_and_is_fenced_by_it",
    ),
    Guard(
        "the epoch in a checkpoint",
        "tests/torture/test_guards.py::test_an_epoch_is_over_also_for_its_own_relay",
    ),
    Guard(
        "the owner and the epoch in a checkpoint",
        f"{RELAY}/test_lease.py::test_a_stale_epoch_writes_no_checkpoint",
    ),
    Guard(
        "checkpoints in the order of their epochs",
        f"{RELAY}/test_lease.py::test_the_latest_position_is_that_of_the_highest_epoch",
    ),
    Guard("the snapshot cursor", f"{RELAY}/test_log.py::test_a_commit_that_comes_late_is_not_lost"),
    Guard(
        "transactions that were open (xip)", f"{RELAY}/test_log.py::test_a_commit_that_comes_late_is_not_lost"
    ),
    Guard(
        "the upper snapshot of a window",
        f"{RELAY}/test_window.py::test_what_commits_behind_a_pinned_window_is_no_part_of_it",
    ),
    Guard(
        "the lower snapshot of a window",
        f"{RELAY}/test_window.py::test_a_straggler_behind_a_long_gap_of_published_rows_is_found",
    ),
    Guard(
        "the upper snapshot of what is named for all",
        f"{RELAY}/test_stretches.py::test_a_row_that_was_named_and_is_another_now_is_not_read",
    ),
    Guard(
        "the lower snapshot of what is named for all",
        f"{RELAY}/test_stretches.py::test_shards_that_come_from_different_positions_share_one_window",
    ),
    Guard(
        "the incarnation token of what is read for all",
        f"{RELAY}/test_stretches.py::test_nor_by_a_shard_that_was_taken_again_since",
    ),
    Guard(
        "a poll of its own for each turn",
        f"{RELAY}/test_news.py::test_what_a_turn_has_polled_is_too_old_for_the_next",
    ),
    Guard(
        "the position behind acknowledged events only",
        f"{RELAY}/test_holds.py::test_an_outage_holds_nothing",
    ),
    Guard(
        "nothing acknowledged by a client that has ended",
        "tests/publishers/test_fatal.py::"
        "test_without_a_report_a_producer_that_has_ended_has_acknowledged_nothing",
    ),
    Guard(
        "a client that has ended replaced",
        "tests/publishers/test_fatal.py::test_a_producer_that_ended_unnoticed_is_replaced",
    ),
    Guard(
        "the margin of the lease",
        f"{RELAY}/test_lease.py::test_no_wave_is_handed_over_with_too_little_of_the_lease_left",
    ),
    Guard("expired leases stay expired", f"{RELAY}/test_lease.py::test_an_expired_lease_is_never_revived"),
    Guard(
        "holds read again before each wave",
        f"{RELAY}/test_holds.py::test_a_paused_topic_waits_until_it_is_resumed",
    ),
    Guard(
        "isolation before a record is judged",
        f"{RELAY}/test_holds.py::test_poison_that_only_the_broker_sees_is_isolated_before_it_is_judged",
    ),
    Guard(
        "a topic held at once",
        f"{RELAY}/test_missing_topics.py::test_topics_that_cannot_be_written_are_held_at_once_and_stop_no_other",
    ),
    Guard(
        "the refusal of another history",
        f"{RELAY}/test_history.py::test_a_position_ahead_of_the_database_is_refused",
    ),
    Guard(
        "the order in which events were held",
        f"{RELAY}/test_released_holds.py::test_a_released_key_is_published_in_order_before_what_comes_later",
    ),
    Guard(
        "planner settings",
        f"{RELAY}/test_log.py::test_the_plans_use_the_indexes_whatever_the_statistics",
    ),
    Guard(
        "a position no older than what it covers",
        f"{RELAY}/test_history.py"
        "::test_a_clock_that_was_ahead_and_is_set_right_does_not_make_a_position_suspicious",
    ),
    Guard(
        "the position stored before the first wave",
        f"{RELAY}/test_lease.py::test_a_database_that_cannot_store_a_position_is_found_before_anything_is_sent",
    ),
    Guard(
        "a pause that comes before the hold is deleted",
        f"{RELAY}/test_pauses.py::test_a_pause_that_comes_before_the_hold_is_deleted_is_not_lost",
    ),
    Guard(
        "a pause that comes before trouble is noted",
        f"{RELAY}/test_pauses.py::test_a_pause_that_comes_before_trouble_is_noted_is_not_lost",
    ),
    Guard(
        "the bound of what a poll reads",
        f"{RELAY}/test_idle_shards.py::test_a_poll_reads_little_of_it",
    ),
    Guard(
        "an idle shard that hears of its own events",
        f"{RELAY}/test_news.py::test_an_event_wakes_its_shard_alone",
    ),
    Guard(
        "transactions that were open when a shard came to rest",
        f"{RELAY}/test_news.py::test_events_of_transactions_that_were_open_when_it_came_to_rest_are_found",
    ),
    Guard(
        "the incarnation token while a shard is idle",
        f"{RELAY}/test_news.py::test_a_database_that_was_restarted_after_a_crash_is_noticed",
    ),
    Guard(
        "the grace before a topic is an error",
        f"{RELAY}/test_log_lines.py::test_a_topic_is_reported_as_an_error_once_its_grace_is_over",
    ),
    Guard(
        "a hold that ended, distinguished from a lost lease",
        f"{RELAY}/test_releasing.py::test_a_hold_that_another_relay_lifts_has_nothing_sent_again",
    ),
    Guard(
        "what is left of a hold before new events pass it",
        f"{RELAY}/test_releasing.py::test_nothing_passes_what_its_own_shard_still_holds",
    ),
    Guard(
        "a pause that comes after new events passed",
        f"{RELAY}/test_releasing.py::test_a_shard_behind_its_part_of_a_hold_does_not_wait_for_other_shards",
    ),
    Guard(
        "trouble noted under the lease",
        f"{RELAY}/test_pauses.py::test_a_release_that_comes_after_the_shard_was_lost_is_not_undone",
    ),
    Guard(
        "stepping down only if another relay is healthy",
        f"{RELAY}/test_step_down.py::test_in_an_outage_for_all_the_last_one_goes_on_trying",
    ),
    Guard(
        "no stepping down while Kafka answers",
        f"{RELAY}/test_step_down.py::test_who_is_answered_hands_nothing_over",
    ),
    Guard("tidying under the lease", f"{RELAY}/test_history.py::test_who_has_lost_its_shard_tidies_nothing"),
    Guard(
        "one transaction for a save in autocommit",
        "tests/outbox/test_autocommit.py::TestSave::test_commits_row_and_event_together",
    ),
    Guard(
        "the refusal of a save that is lost",
        "tests/outbox/test_autocommit.py::TestSwallowedError::test_of_the_orm_makes_save_raise",
    ),
    Guard(
        "the event inserted behind the row's lock",
        "tests/outbox/test_receivers.py"
        "::TestPreSave::test_event_is_built_before_the_row_is_written_and_inserted_after_it",
    ),
    Guard(
        "the lock of serialize=True",
        "tests/outbox/test_serialize.py"
        "::test_the_second_writer_of_a_key_gets_its_id_after_the_commit_of_the_first",
    ),
    Guard(
        "the locks of a backfill's rows",
        "tests/outbox/test_backfill_order.py::test_a_writer_waits_for_the_chunk_of_its_row",
    ),
    Guard(
        "shards claimed behind checkpoints",
        f"{RELAY}/test_positions.py::test_shards_are_changed_only_when_a_checkpoint_under_way_is_over",
    ),
    Guard(
        "held events through a rebase",
        f"{RELAY}/test_positions.py::test_what_was_held_before_a_restore_waits_on_and_is_released_in_order",
    ),
    Guard(
        "retention of what is not published",
        "tests/admin/test_retention.py::test_only_what_is_published_and_old_goes",
    ),
    Guard(
        "retention of what is held", "tests/admin/test_retention.py::test_only_what_is_published_and_old_goes"
    ),
    Guard(
        "retention that never waits for other sessions",
        "tests/admin/test_retention.py::test_two_prunes_at_once_do_not_wait_for_each_other",
    ),
    Guard(
        "the refusal to prune another history",
        "tests/admin/test_retention.py::test_a_restored_database_is_refused_until_it_is_rebased",
    ),
    Guard(
        "a chunk and its count in one transaction",
        "tests/people/test_bulk.py::test_a_crash_behind_the_last_statement_of_a_chunk_undoes_it",
    ),
    Guard(
        "the state of an operation before each chunk",
        "tests/people/test_bulk.py::test_a_cancelled_operation_keeps_what_is_done_and_cannot_be_resumed",
    ),
    Guard(
        "the note of what is handled",
        "tests/inbox/test_unit_of_work.py::test_redelivery_of_a_whole_topic_changes_nothing",
    ),
    Guard(
        "later events held behind poison",
        "tests/inbox/test_holding.py::test_later_batches_wait_behind_it_too",
    ),
    Guard(
        "offsets of an earlier topic are not believed",
        "tests/inbox/test_topic_ids.py::test_an_offset_of_another_topic_is_not_believed",
    ),
    Guard(
        "the lower of the two offsets",
        "tests/inbox/test_offsets.py::TestStart::test_is_at_the_lower_of_both",
    ),
    Guard(
        "no batch before what the database has lost",
        "tests/inbox/test_offsets.py::test_a_database_that_goes_back_between_two_batches_is_noticed",
    ),
    Guard(
        "the look at the offsets while idle",
        "tests/inbox/test_offsets.py::test_a_database_that_goes_back_under_a_running_consumer_is_noticed",
    ),
    Guard(
        "offsets that never move backward",
        "tests/inbox/test_offsets.py::test_a_member_that_is_late_moves_nothing_back",
    ),
    Guard(
        "the refusal of effects that are lost",
        "tests/inbox/test_unit_of_work.py::test_swallowed_database_error_is_not_taken_for_success",
    ),
    Guard(
        "no statement behind the end of a transaction",
        "tests/inbox/test_endings.py"
        "::test_what_a_handler_writes_behind_the_end_of_the_transaction_does_not_begin_another_one",
    ),
    Guard(
        "no blame while the cause is in doubt",
        "tests/inbox/test_blame.py"
        "::test_of_a_key_that_is_released_only_the_event_that_ends_the_transaction_is_blamed",
    ),
    Guard(
        "evidence before an event is given up",
        "tests/inbox/test_consumer.py::test_outage_holds_little_and_leaves_nothing",
    ),
    Guard(
        "attempts counted before they are made",
        "tests/inbox/test_deaths.py::test_killer_is_held_and_the_rest_is_handled",
    ),
    Guard(
        "the refusal of who has lost a partition",
        "tests/inbox/test_seek_fences.py::test_who_has_lost_a_partition_moves_nothing[kafka-python]",
    ),
    Guard(
        "the wait for who moves a partition",
        "tests/inbox/test_seek_fences.py"
        "::test_who_reads_a_partition_next_waits_for_the_transaction_that_moves_it",
    ),
    Guard(
        "one request for a partition at a time",
        "tests/inbox/test_seek_running.py::test_a_partition_has_one_request_at_a_time",
    ),
]
