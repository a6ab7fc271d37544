use proptest::{collection::vec, prelude::*};

use super::{
    Charged, Counter, MovingLog, Outcome, Quota,
    quota::{Nanos, SECOND},
};

const START: Nanos = 1_800_000_010 * SECOND;

/// Seconds are kept in 32 bits.
const YEAR_2106: Nanos = u32::MAX as u64 * SECOND;

/// Requests, each with the time since the previous one and its cost.
fn requests(longest_gap: Nanos) -> impl Strategy<Value = Vec<(Nanos, u64)>> {
    let gap = prop_oneof![Just(0), 0..longest_gap, Just(longest_gap), Just(SECOND)];
    let cost = prop_oneof![4 => Just(1u64), 1 => 0u64..6];
    vec((gap, cost), 1..80)
}

/// The admitted requests: time and cost.
type Admitted = Vec<(Nanos, u64)>;

fn cost_since(admitted: &Admitted, since: Nanos) -> u64 {
    let costs = admitted.iter().filter(|(at, _)| *at >= since);
    costs.map(|(_, cost)| cost).sum()
}

/// Runs requests against a quota; `model` computes from the admitted ones whether a request fits.
fn agrees(
    quota: Quota,
    requests: Vec<(Nanos, u64)>,
    model: impl Fn(&Admitted, Nanos, u64) -> bool,
) -> Result<(), TestCaseError> {
    let (mut counter, mut now, mut admitted) = (None, START, Vec::new());
    for (gap, cost) in requests {
        now += gap;
        let fits = model(&admitted, now, cost);
        let (next, outcome) = quota.charge(counter, cost, now);
        prop_assert_eq!(
            outcome.allowed,
            fits,
            "{:?} at {} after {:?}",
            quota,
            now,
            &admitted
        );
        check(&quota, &outcome)?;
        counter = Some(next);
        if fits {
            admitted.push((now, cost));
        } else {
            retry_is_exact(&quota, next, cost, now, &outcome)?;
        }
    }
    Ok(())
}

fn check(quota: &Quota, outcome: &Outcome) -> Result<(), TestCaseError> {
    prop_assert!(outcome.remaining <= outcome.limit);
    prop_assert_eq!(outcome.limit, quota.capacity());
    prop_assert_eq!(outcome.retry_after == 0, outcome.allowed);
    prop_assert!(outcome.retry_after <= quota.longest_wait(), "{outcome:?}");
    prop_assert!(outcome.retry_after_seconds() >= 1);
    Ok(())
}

/// Checks that a request is refused just before its retry time, and admitted at it.
fn retry_is_exact(
    quota: &Quota,
    counter: Counter,
    cost: u64,
    now: Nanos,
    outcome: &Outcome,
) -> Result<(), TestCaseError> {
    if cost > quota.capacity() {
        return Ok(());
    }
    let wait = outcome.retry_after;
    prop_assert!(wait <= outcome.reset_after, "{outcome:?}");
    let (_, early) = quota.charge(Some(counter), cost, now + wait - 1);
    prop_assert!(
        !early.allowed,
        "{:?}: {:?} {} is too late",
        quota,
        counter,
        wait
    );
    let (_, later) = quota.charge(Some(counter), cost, now + wait);
    prop_assert!(
        later.allowed,
        "{:?}: {:?} {} is too early",
        quota,
        counter,
        wait
    );
    Ok(())
}

proptest! {
    #[test]
    fn a_fixed_window_equals_a_list_of_windows(
        capacity in 0u64..8,
        period in 1u64..4,
        requests in requests(3 * SECOND),
    ) {
        let period = period * SECOND;
        // A refused request opens a window too, so the model follows all requests, not only those admitted.
        let opened = std::cell::Cell::new(None::<Nanos>);
        agrees(Quota::FixedWindow { capacity, period }, requests, |admitted, now, cost| {
            let start = opened.get().filter(|start| now < start + period).unwrap_or(now);
            opened.set(Some(start));
            cost_since(admitted, start) * u64::from(start < now || !admitted.is_empty()) + cost <= capacity
        })?;
    }

    #[test]
    fn a_token_bucket_never_admits_more_than_its_depth_and_refill(
        capacity in 1u64..8,
        emission in prop_oneof![Just(1u64), 1..SECOND, Just(SECOND)],
        requests in requests(2 * SECOND),
    ) {
        // ITU-T I.371: no period admits more than the bucket and the tokens refilled in it.
        agrees(Quota::TokenBucket { capacity, emission }, requests, |admitted, now, cost| {
            (0..=admitted.len()).all(|first| {
                let since = admitted.get(first).map_or(now, |(at, _)| *at);
                let taken: u64 = admitted[first..].iter().map(|(_, cost)| cost).sum();
                let debt = u128::from(taken + cost) * u128::from(emission);
                debt <= u128::from(capacity) * u128::from(emission) + u128::from(now - since)
            })
        })?;
    }

    #[test]
    fn a_sliding_window_weights_the_previous_window(
        capacity in 0u32..8,
        period in 1u32..4,
        requests in requests(3 * SECOND),
    ) {
        let length = u64::from(period) * SECOND;
        agrees(Quota::SlidingWindow { capacity, period }, requests, |admitted, now, cost| {
            let start = now - now % length;
            let current = cost_since(admitted, start);
            let previous = cost_since(admitted, start - length) - current;
            let share = u128::from(previous) * u128::from(start + length - now) / u128::from(length);
            share as u64 + current + cost <= u64::from(capacity)
        })?;
    }

    #[test]
    fn a_moving_window_counts_every_request_of_the_last_period(
        capacity in 0u64..8,
        period in 1u64..4,
        requests in requests(3 * SECOND),
    ) {
        let period = period * SECOND;
        let (mut log, mut now, mut admitted) = (MovingLog::default(), START, Vec::new());
        for (gap, cost) in requests {
            now += gap;
            let used = cost_since(&admitted, now - period);
            let outcome = log.charge(capacity, period, cost, now);
            prop_assert_eq!(outcome.allowed, used + cost <= capacity);
            prop_assert_eq!(outcome.remaining, capacity - used - if outcome.allowed { cost } else { 0 });
            if outcome.allowed {
                admitted.push((now, cost));
                continue;
            }
            // At the edge of the window a request still counts.
            prop_assert!((1..=period + 1).contains(&outcome.retry_after));
            if cost <= capacity {
                let wait = outcome.retry_after;
                prop_assert!(wait <= outcome.reset_after);
                prop_assert!(!log.clone().charge(capacity, period, cost, now + wait - 1).allowed);
                prop_assert!(log.clone().charge(capacity, period, cost, now + wait).allowed);
            }
        }
    }

    #[test]
    fn a_coarser_log_admits_no_more(
        capacity in 1u64..40,
        before in vec(0..SECOND, 1..40),
        after in vec(0..SECOND, 1..40),
    ) {
        let (mut log, mut now) = (MovingLog::default(), START);
        for gap in before {
            now += gap;
            log.charge(capacity, SECOND, 1, now);
        }
        let (used, memory) = (log.used(), log.heap_bytes());
        let mut coarse = log.clone();
        coarse.coarsen();
        prop_assert_eq!(coarse.used(), used);
        prop_assert!(coarse.heap_bytes() <= memory);
        for gap in after {
            now += gap;
            let room = log.charge(capacity, SECOND, 0, now).remaining;
            prop_assert!(coarse.charge(capacity, SECOND, 0, now).remaining <= room);
        }
    }

    /// Whatever the clock does and however the limit changes: no panic, `0 ≤ remaining ≤ limit`, no key is locked out
    /// for longer than a window, and nothing is admitted beyond the remaining units.
    #[test]
    fn clocks_may_jump_and_limits_may_change(
        steps in vec((any_time(), any_quota(), 0u64..5), 1..60),
    ) {
        let mut counter = None;
        for (now, quota, cost) in steps {
            let (next, outcome) = quota.charge(counter, cost, now);
            check(&quota, &outcome)?;
            let longest = quota.window().saturating_add(1);
            if !outcome.allowed && cost <= quota.capacity() && !matches!(quota, Quota::Calendar { .. }) {
                // For a sliding window up to two, since its usage decays in the next one.
                let later = now.saturating_add(longest.saturating_mul(2));
                let (_, outcome) = quota.charge(Some(next), cost, later);
                prop_assert!(outcome.allowed || later > YEAR_2106, "{quota:?} {next:?}");
            }
            let _ = quota.adjust(next, 3, now);
            let _ = quota.refund(next, 3, Charged::new(now, &outcome), now / 2);
            let _ = quota.adjust(next, -3, now);
            let _ = quota.spent_at(next);
            let (tag, words) = next.pack();
            prop_assert_eq!(Counter::unpack(tag, words), next);
            counter = Some(next);
        }
    }

    #[test]
    fn usage_survives_a_change_of_the_limit(
        taken in 1u64..20,
        before in steady_quota(),
        after in steady_quota(),
    ) {
        // In the middle of every window, so that none ends in between.
        let now = START + SECOND;
        let mut counter = None;
        for _ in 0..taken {
            counter = Some(before.charge(counter, 1, now).0);
        }
        let (_, outcome) = after.charge(counter, 0, now);
        prop_assert_eq!(outcome.remaining, after.capacity() - taken);
    }

    #[test]
    fn charges_and_refunds_add_up(quota in steady_quota(), charged in 0i64..50, refunded in 0i64..=30) {
        let now = START + SECOND;
        let (counter, _) = quota.charge(None, 30, now);
        let counter = quota.adjust(quota.adjust(counter, -charged, now), refunded, now);
        let (_, outcome) = quota.charge(Some(counter), 0, now);
        let used = (30 + charged - refunded).unsigned_abs();
        prop_assert_eq!(outcome.remaining, quota.capacity().saturating_sub(used));
    }
}

/// Windows that a request opens before the one that is refunded.
fn opened_quota() -> impl Strategy<Value = Quota> {
    let (capacity, period) = (5, 4 * SECOND);
    prop_oneof![
        Just(Quota::FixedWindow { capacity, period }),
        Just(Quota::SlidingWindow {
            capacity: 5,
            period: 4
        }),
        Just(Quota::TokenBucket {
            capacity,
            emission: SECOND
        }),
    ]
}

proptest! {
    /// A refund never leaves more than if the request had not been counted at all.
    #[test]
    fn a_refund_is_at_most_the_cost_of_the_request(
        quota in opened_quota(),
        charged in 1u64..4,
        gap in 0..4 * SECOND,
        requests in requests(3 * SECOND),
        later in 0..9 * SECOND,
    ) {
        let counter = quota.charge(None, 1, START).0;
        let mut now = START + gap;
        let (mut counted, outcome) = quota.charge(Some(counter), charged, now);
        let (mut without, _) = quota.charge(Some(counter), 0, now);
        let taken = Charged::new(now, &outcome);
        for (gap, cost) in requests {
            let left = |counter| quota.charge(Some(counter), 0, now + later).1.remaining;
            let given = quota.refund(counted, charged, taken, now);
            prop_assert!(!outcome.allowed || left(given) <= left(without));
            now += gap;
            let (next, outcome) = quota.charge(Some(counted), cost, now);
            let cost = if outcome.allowed { cost } else { 0 };
            (counted, without) = (next, quota.charge(Some(without), cost, now).0);
        }
    }

    #[test]
    fn a_log_refunds_exactly_one_request(
        before in requests(3 * SECOND),
        after in requests(3 * SECOND),
        cost in 1u64..4,
    ) {
        let (mut log, mut now) = (MovingLog::default(), START);
        for (gap, cost) in before {
            now += gap;
            log.charge(9, 4 * SECOND, cost, now);
        }
        let mut without = log.clone();
        now += 1;
        let (at, is_taken) = (now, log.charge(9, 4 * SECOND, cost, now).allowed);
        for (gap, cost) in after {
            now += gap + 1;
            let cost = if log.charge(9, 4 * SECOND, cost, now).allowed { cost } else { 0 };
            without.charge(9, 4 * SECOND, cost, now);
        }
        if is_taken {
            log.refund(cost, at);
        }
        prop_assert_eq!(log.hits().collect::<Vec<_>>(), without.hits().collect::<Vec<_>>());
    }
}

fn any_time() -> impl Strategy<Value = Nanos> {
    prop_oneof![
        Just(0),
        Just(START),
        START..START + 10 * SECOND,
        START - 5 * SECOND..START,
        any::<u64>(),
    ]
}

fn any_quota() -> impl Strategy<Value = Quota> {
    let period = prop_oneof![Just(1u64), 1..3 * SECOND, Just(3_110_400_000 * SECOND)];
    let capacity = prop_oneof![0u64..6, Just(1u64 << 53)];
    prop_oneof![
        (capacity.clone(), period.clone())
            .prop_map(|(capacity, period)| Quota::FixedWindow { capacity, period }),
        (capacity.clone(), period).prop_map(|(capacity, emission)| Quota::TokenBucket {
            capacity: capacity.max(1),
            emission
        }),
        (0u32..6, prop_oneof![1u32..4, Just(u32::MAX)])
            .prop_map(|(capacity, period)| Quota::SlidingWindow { capacity, period }),
        (capacity, any::<u32>()).prop_map(|(capacity, length)| Quota::Calendar {
            capacity,
            start: START,
            end: START + u64::from(length),
        }),
    ]
}

/// Quotas with room for 50, far from the end of their window.
fn steady_quota() -> impl Strategy<Value = Quota> {
    prop_oneof![
        Just(Quota::FixedWindow {
            capacity: 100,
            period: 3_600 * SECOND
        }),
        Just(Quota::FixedWindow {
            capacity: 130,
            period: 86_400 * SECOND
        }),
        Just(Quota::Calendar {
            capacity: 110,
            start: START,
            end: START + 3_600 * SECOND
        }),
        Just(Quota::SlidingWindow {
            capacity: 120,
            period: 3_600
        }),
        Just(Quota::TokenBucket {
            capacity: 200,
            emission: 60 * SECOND
        }),
        Just(Quota::TokenBucket {
            capacity: 150,
            emission: 7 * SECOND
        }),
    ]
}
