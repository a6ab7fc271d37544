//! The list of all cases, and the macro that turns them into tests.

/// Writes one test for each case of the [conformance suite](crate::conformance).
///
/// The arguments are an expression that creates a [`Harness`](crate::conformance::Harness), and the capabilities of
/// the store: `durable`, `shared`.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr $(, $capability:ident)* $(,)?) => {
        $crate::conformance_tests!(@cases { $harness }
            commit: a_new_store_is_empty_at_revision_zero a_put_can_be_loaded
                a_put_replaces_the_whole_value a_put_leaves_other_entities_alone
                a_delete_removes_the_entity a_delete_of_nothing_is_a_commit
                a_deleted_entity_can_be_put_again an_empty_batch_is_a_commit
                a_batch_of_audit_entries_alone_is_a_commit a_batch_of_expectations_alone_is_a_commit
                puts_and_deletes_of_one_batch_happen_together all_puts_of_a_batch_carry_its_revision
                an_entity_keeps_the_revision_of_its_last_write the_same_value_again_is_a_write
                the_revision_grows_by_exactly_one the_returned_revision_is_the_loaded_one
                the_epoch_stays_over_commits two_stores_have_two_epochs the_image_says_each_key_once
                a_store_can_be_emptied a_new_store_is_healthy a_health_check_changes_nothing
                a_value_may_change_its_kind loading_changes_nothing;
            expectations: absent_holds_for_a_key_never_written absent_holds_after_a_delete
                absent_conflicts_with_an_entity a_revision_holds_when_it_wrote_last
                a_stale_revision_conflicts a_revision_to_come_conflicts
                the_revision_of_the_store_is_not_that_of_the_entity
                a_revision_conflicts_with_a_key_never_written revision_zero_is_not_absence
                a_revision_conflicts_after_a_delete a_revision_conflicts_after_a_delete_and_a_put
                an_expectation_may_name_a_key_that_stays every_expectation_must_hold
                the_first_failed_expectation_is_reported a_change_needs_no_expectation
                one_key_may_be_expected_twice a_delete_can_be_conditional
                expectations_see_the_state_before_the_batch a_lost_race_can_be_won_after_a_reload
                a_stored_null_is_not_absence the_revision_counts_and_not_the_value
                the_greatest_revision_only_conflicts the_epoch_of_the_store_holds
                a_batch_for_another_epoch_is_refused a_batch_for_an_epoch_is_refused_by_an_empty_store
                another_epoch_comes_before_a_conflict a_malformed_batch_comes_before_another_epoch;
            atomicity: a_conflict_changes_no_entity a_conflict_makes_no_revision
                a_conflict_logs_nothing a_conflict_uses_no_revision
                a_malformed_batch_changes_nothing a_malformed_batch_is_refused_before_a_conflict
                a_large_batch_is_one_commit a_large_batch_with_one_conflict_changes_nothing;
            malformed: an_empty_key_is_refused a_key_that_is_too_long_is_refused
                a_key_of_maximum_length_is_accepted a_key_with_control_characters_is_refused
                a_malformed_key_is_refused_in_a_delete a_malformed_key_is_refused_in_an_expectation
                a_key_put_twice_is_refused a_key_put_and_deleted_is_refused
                a_key_deleted_twice_is_refused a_value_that_nests_too_deep_is_refused
                an_audit_value_that_nests_too_deep_is_refused
                a_value_of_maximum_depth_is_accepted;
            values: null_comes_back truth_values_come_back integers_come_back
                floats_come_back_as_floats texts_come_back arrays_and_objects_come_back
                a_value_of_one_mebibyte_comes_back an_audit_entry_of_one_mebibyte_comes_back
                ten_thousand_entities_come_back keys_of_all_scripts_come_back
                keys_with_special_characters_come_back keys_that_look_alike_are_apart;
            audit: the_log_of_a_new_store_is_empty entries_come_newest_first
                order_follows_commits_and_not_timestamps of_one_batch_the_last_entry_is_the_newest
                entries_carry_the_revision_of_their_commit a_revision_in_an_entry_is_replaced
                every_field_comes_back fields_that_are_not_set_stay_so equal_entries_are_all_kept
                the_limit_returns_the_newest a_limit_of_zero_returns_nothing
                a_limit_beyond_the_log_returns_all the_offset_leaves_out_the_newest
                an_offset_beyond_the_log_returns_nothing pages_cover_the_log_without_overlap
                the_path_filter_is_exact the_service_filter_is_exact
                an_entry_without_service_is_of_no_service filters_apply_before_the_limit
                filters_apply_before_the_offset both_filters_must_pass
                an_entry_is_found_by_its_id a_page_ends_with_its_bytes
                a_filter_without_matches_returns_nothing two_thousand_entries_are_kept
                reading_the_log_changes_nothing commits_without_entries_log_nothing
                a_page_may_cut_through_a_batch filters_take_any_text
                an_entry_and_its_entity_share_a_revision;
            facts: facts_come_newest_first the_newest_facts_are_kept;
            audit_filters: actor_and_platform_filters_are_exact one_of_the_actions_must_match
                a_time_span_contains_its_start_but_not_its_end times_are_compared_in_microseconds
                filters_read_the_members_of_an_entry all_filters_apply_before_the_page
                the_count_of_a_new_store_is_zero;
            audit_places: the_oldest_come_first_on_request a_place_after_an_entry_starts_with_the_next
                a_place_within_a_batch_splits_it a_place_after_a_commit_skips_all_of_it
                a_place_of_a_forgotten_entry_starts_with_its_commit
                a_place_at_the_end_yields_nothing a_place_before_the_start_yields_all
                filters_and_bounds_apply_after_a_place a_reader_passes_a_long_log_once
                a_batch_that_keeps_entries_is_a_commit;
            concurrency: eight_writers_lose_no_increment writers_on_different_keys_all_succeed
                of_many_creators_one_wins an_image_is_of_one_revision
                a_commit_is_seen_by_the_next_load entries_and_entities_agree
                a_dropped_commit_is_atomic batches_do_not_mix
                moved_values_are_neither_lost_nor_doubled the_log_is_read_without_gaps;
            hints: a_commit_is_hinted a_waiting_stream_is_woken every_stream_is_hinted
                a_stream_may_start_late a_hint_is_never_ahead_of_the_store
                a_dropped_stream_blocks_no_other an_unread_stream_blocks_no_other
                a_stream_may_be_sent_and_outlive_its_borrow an_idle_stream_does_not_end
                a_hundred_streams_are_hinted;
        );
        $($crate::conformance_tests!(@capability $capability { $harness });)*
    };
    (@capability durable { $harness:expr }) => {
        $crate::conformance_tests!(@cases { $harness }
            durable: entities_survive the_revision_survives the_revision_continues
                the_epoch_survives deletes_survive an_emptied_store_stays_empty the_log_survives
                the_log_continues filters_work_on_a_log_that_survived
                expectations_hold_on_what_survived a_conflict_leaves_nothing_behind
                values_of_every_kind_survive large_values_survive a_reopened_store_is_healthy
                hints_come_from_a_reopened_store a_hundred_commits_survive;
        );
    };
    (@capability shared { $harness:expr }) => {
        $crate::conformance_tests!(@cases { $harness }
            shared: a_commit_is_seen_through_the_other_handle
                a_delete_is_seen_through_the_other_handle both_handles_share_the_epoch
                handles_share_the_revisions expectations_hold_across_handles
                the_log_is_one_across_handles two_handles_lose_no_increment
                a_commit_is_hinted_through_the_other_handle a_handle_may_be_closed
                a_handle_may_come_later two_first_commits_both_hold ten_handles_work_together
                an_image_is_of_one_revision_across_handles;
        );
    };
    (@capability $other:ident { $harness:expr }) => {
        ::core::compile_error!(::core::concat!(
            "unknown capability of a store: `", ::core::stringify!($other),
            "`; expected `durable` or `shared`"
        ));
    };
    (@cases { $harness:expr } $($module:ident: $($case:ident)+;)+) => {
        $($crate::conformance_tests!(@tests { $harness } $module $($case)+);)+
    };
    (@tests { $harness:expr } $module:ident $($case:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::conformance::finish($crate::conformance::$module::$case(|| $harness)).await;
            }
        )+
    };
}
