//! The list of all cases, and the macro that turns them into tests.

/// Writes one test for each case of the [suite for stores of counters](crate::conformance::counters).
///
/// The arguments are an expression that creates a [`Harness`](crate::conformance::counters::Harness), and `clocked`
/// for a store that uses the time of its caller.
#[macro_export]
macro_rules! counter_conformance_tests {
    ($harness:expr $(, $capability:ident)* $(,)?) => {
        $crate::counter_conformance_tests!(@cases { $harness }
            algorithms: a_fixed_window_admits_its_limit a_sliding_window_admits_its_limit
                a_moving_window_admits_its_limit a_token_bucket_admits_its_depth
                a_calendar_day_admits_its_limit outcomes_show_the_state_after_the_charge
                a_cost_of_zero_looks a_cost_may_be_more_than_one
                a_cost_beyond_the_limit_is_refused_and_not_charged a_limit_of_zero_admits_nothing
                a_refusal_says_when_to_come_again;
            together: one_refusal_charges_nothing outcomes_come_in_the_order_of_the_takes
                a_shadow_never_blocks a_shadow_counts_what_passes
                a_refused_shadow_is_not_charged a_shadow_is_not_charged_for_a_refusal
                an_empty_call_has_no_outcomes many_takes_are_one_call
                a_counter_named_twice_is_not_overdrawn all_algorithms_go_together;
            keys: keys_are_apart counter_keys_are_apart epochs_are_apart a_key_may_be_empty
                a_key_may_be_binary a_key_may_be_long keys_are_not_prefixes
                a_reset_is_exact a_reset_of_the_unknown_is_fine
                a_reset_key_gets_no_earlier_refund;
            changes: a_higher_limit_keeps_what_was_consumed a_lower_limit_keeps_what_was_consumed
                another_algorithm_keeps_what_was_consumed units_can_be_refunded
                units_can_be_charged_afterwards refunds_stop_at_zero_usage
                a_charge_may_open_a_counter a_refund_lifts_a_refusal
                earlier_charges_can_be_refunded
                expired_charges_are_not_refunded
                a_refund_by_an_earlier_rule_is_its_units_at_most
                a_charge_by_an_earlier_rule_is_its_units;
            permits: permits_are_limited a_permit_can_be_released a_permit_can_be_renewed
                only_the_holder_releases permits_of_keys_and_counter_keys_are_isolated
                a_limit_of_zero_has_no_permit a_lower_limit_keeps_current_permits
                a_permit_expires;
            concurrent: eight_tasks_never_over_admit eight_tasks_never_overdraw_two_counters
                many_tasks_on_few_counters_are_admitted_exactly eight_tasks_never_exceed_the_permits;
        );
        $($crate::counter_conformance_tests!(@capability $capability { $harness });)*
    };
    (@capability clocked { $harness:expr }) => {
        $crate::counter_conformance_tests!(@cases { $harness }
            clocked: an_earlier_rule_starts_no_window a_refund_goes_to_no_other_window a_refund_spares_later_requests
                a_fixed_window_ends a_token_is_refilled a_sliding_window_fades
                a_moving_window_expires_one_by_one a_refused_request_passes_after_its_wait
                a_lowered_limit_announces_the_exact_wait
                a_charge_beyond_the_limit_announces_the_exact_wait
                a_clock_set_back_locks_no_key_out a_day_of_the_calendar_ends
                a_renewed_permit_lives_on;
        );
    };
    (@capability $other:ident { $harness:expr }) => {
        ::core::compile_error!(::core::concat!(
            "unknown capability of a counter store: `", ::core::stringify!($other),
            "`; expected `clocked`"
        ));
    };
    (@cases { $harness:expr } $($module:ident: $($case:ident)+;)+) => {
        $($crate::counter_conformance_tests!(@tests { $harness } $module $($case)+);)+
    };
    (@tests { $harness:expr } $module:ident $($case:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::conformance::finish(
                    $crate::conformance::counters::$module::$case(|| $harness)
                ).await;
            }
        )+
    };
}
