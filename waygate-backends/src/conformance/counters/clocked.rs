//! Stores that use the time of their caller.

use waygate_core::{
    limit::{
        Charged, Outcome, Quota, Rule,
        quota::{Nanos, SECOND},
    },
    port::Charge,
};

use super::{Harness, kit::*};

fn short_rules() -> [Rule; 4] {
    let (capacity, period) = (4, 10 * SECOND);
    [
        Rule::Quota(Quota::FixedWindow { capacity, period }),
        Rule::Quota(Quota::SlidingWindow {
            capacity: 4,
            period: 10,
        }),
        Rule::Moving { capacity, period },
        Rule::Quota(Quota::TokenBucket {
            capacity,
            emission: SECOND,
        }),
    ]
}

pub async fn a_fixed_window_ends<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = fixed(1);
    assert!(kit.hit(b"k", &rule).await.allowed);
    assert!(!kit.hit_at(b"k", &rule, kit.now + HOUR - 1).await.allowed);
    assert!(kit.hit_at(b"k", &rule, kit.now + HOUR).await.allowed);
}

pub async fn a_token_is_refilled<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = bucket(2);
    for (wait, allowed) in [
        (0, true),
        (0, true),
        (HOUR - 1, false),
        (HOUR, true),
        (HOUR, false),
    ] {
        let outcome = kit.hit_at(b"k", &rule, kit.now + wait).await;
        assert_eq!(outcome.allowed, allowed, "after {wait}");
    }
}

pub async fn a_sliding_window_fades<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = Rule::Quota(Quota::SlidingWindow {
        capacity: 4,
        period: 10,
    });
    for _ in 0..4 {
        assert!(kit.hit(b"k", &rule).await.allowed);
    }
    // Ten seconds on, half of the previous window counts in the middle of the next.
    for (wait, allowed) in [(9, false), (10, false), (15, true), (15, true), (15, false)] {
        let outcome = kit.hit_at(b"k", &rule, kit.now + wait * SECOND).await;
        assert_eq!(outcome.allowed, allowed, "after {wait} s");
    }
}

pub async fn a_moving_window_expires_one_by_one<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = Rule::Moving {
        capacity: 2,
        period: 10 * SECOND,
    };
    for (wait, allowed) in [
        (0, true),
        (4, true),
        (10, false),
        (11, true),
        (12, false),
        (15, true),
    ] {
        let outcome = kit.hit_at(b"k", &rule, kit.now + wait * SECOND).await;
        assert_eq!(outcome.allowed, allowed, "after {wait} s");
    }
}

pub async fn a_refused_request_passes_after_its_wait<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in short_rules() {
        for cost in [1, 3] {
            let key = format!("{rule:?} {cost}");
            let charge = kit.ask(key.as_bytes(), &rule).cost(cost);
            let mut now = kit.now + 3 * SECOND;
            for _ in 0..20 {
                let outcome = kit.charge_at(&[charge], now).await[0];
                if !outcome.allowed {
                    now = passes_after_wait(&kit, charge, outcome, now).await;
                }
            }
        }
    }
}

/// Repeats the request at the time that its refusal announced, to the nanosecond. Returns that time.
async fn passes_after_wait<H: Harness>(
    kit: &Kit<H>,
    charge: Charge<'_>,
    refused: Outcome,
    now: Nanos,
) -> Nanos {
    assert!(refused.reset_after >= refused.retry_after, "{refused:?}");
    let later = now + refused.retry_after;
    let early = kit.charge_at(&[charge], later - 1).await[0];
    assert!(!early.allowed, "too late: {:?} {refused:?}", charge.rule);
    let outcome = kit.charge_at(&[charge], later).await[0];
    assert!(outcome.allowed, "too early: {:?} {refused:?}", charge.rule);
    later
}

pub async fn a_lowered_limit_announces_the_exact_wait<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for before in [fixed(8), sliding(8), moving(8), bucket(8)] {
        for after in short_rules() {
            for cost in [1, 3] {
                let key = format!("{before:?} {after:?} {cost}");
                for second in 0..8 {
                    let now = kit.now + second * SECOND;
                    let outcome = kit.hit_at(key.as_bytes(), &before, now).await;
                    assert!(outcome.allowed, "{key}");
                }
                let now = kit.now + 8 * SECOND;
                let charge = kit.ask(key.as_bytes(), &after).cost(cost);
                let refused = kit.charge_at(&[charge], now).await[0];
                assert_eq!((refused.allowed, refused.remaining), (false, 0), "{key}");
                passes_after_wait(&kit, charge, refused, now).await;
            }
        }
    }
}

pub async fn a_charge_beyond_the_limit_announces_the_exact_wait<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in short_rules() {
        let key = format!("{rule:?}");
        let charge = kit.ask(key.as_bytes(), &rule);
        kit.charge(&[charge]).await;
        kit.adjust(key.as_bytes(), &rule, -9).await;
        let refused = kit.charge(&[charge]).await[0];
        assert_eq!((refused.allowed, refused.remaining), (false, 0), "{key}");
        passes_after_wait(&kit, charge, refused, kit.now).await;
    }
}

pub async fn a_clock_set_back_locks_no_key_out<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in short_rules() {
        let key = format!("{rule:?}");
        while kit.hit(key.as_bytes(), &rule).await.allowed {}
        // A year back: earlier usage keeps counting, for two windows at most.
        let back = kit.now - 8_760 * HOUR;
        assert!(
            !kit.hit_at(key.as_bytes(), &rule, back).await.allowed,
            "{rule:?}"
        );
        let later = back + 20 * SECOND + 1;
        assert!(
            kit.hit_at(key.as_bytes(), &rule, later).await.allowed,
            "{rule:?}"
        );
    }
}

pub async fn a_day_of_the_calendar_ends<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = calendar(1, "day");
    let midnight = kit.now - kit.now % (24 * HOUR) + 24 * HOUR;
    for (now, allowed) in [
        (midnight - 2, true),
        (midnight - 1, false),
        (midnight, true),
        (midnight + 23 * HOUR, false),
    ] {
        assert_eq!(kit.hit_at(b"k", &rule, now).await.allowed, allowed);
    }
}

pub async fn a_renewed_permit_lives_on<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let permit = kit.permit(1, 1);
    let other = permit.holder(2);
    for (wait, permit, allowed) in [
        (0, permit, true),
        (59, other, false),
        (59, permit, true),
        (118, other, false),
        (119, other, true),
        (119, permit, false),
    ] {
        let outcome = kit.acquire_at(permit, kit.now + wait * SECOND).await;
        assert_eq!(outcome.allowed, allowed, "after {wait} s");
    }
}

pub async fn a_refund_goes_to_no_other_window<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in short_rules() {
        let key = format!("{rule:?}");
        let outcome = kit.hit(key.as_bytes(), &rule).await;
        let taken = Charged::new(kit.now, &outcome);
        // In a sliding window, it has decayed.
        let later = kit.now + 20 * SECOND + 1;
        let mut passed = 0;
        while kit.hit_at(key.as_bytes(), &rule, later).await.allowed {
            passed += 1;
        }
        assert_eq!(passed, 4, "{key}");
        kit.refund(key.as_bytes(), &rule, 1, taken, later).await;
        let refused = kit.hit_at(key.as_bytes(), &rule, later).await;
        assert!(!refused.allowed, "{key}");
    }
}

pub async fn a_refund_spares_later_requests<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = Rule::Moving {
        capacity: 2,
        period: 10 * SECOND,
    };
    let outcome = kit.hit(b"k", &rule).await;
    let taken = Charged::new(kit.now, &outcome);
    let later = kit.now + 9 * SECOND;
    assert!(kit.hit_at(b"k", &rule, later).await.allowed);
    kit.refund(b"k", &rule, 1, taken, later).await;
    assert!(kit.hit_at(b"k", &rule, later).await.allowed);
    let still = kit.hit_at(b"k", &rule, later + 9 * SECOND).await;
    assert!(!still.allowed, "two of the last nine seconds");
}

pub async fn an_earlier_rule_starts_no_window<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for before in short_rules() {
        for after in all(9) {
            let key = format!("{before:?} {after:?}");
            let outcome = kit.hit(key.as_bytes(), &before).await;
            let taken = Charged::new(kit.now, &outcome);
            while kit.hit(key.as_bytes(), &after).await.allowed {}
            // Later than two of the earlier windows.
            let later = kit.now + 70 * SECOND;
            kit.refund(key.as_bytes(), &before, 1, taken, later).await;
            for units in [1, -1] {
                let charge = kit.ask(key.as_bytes(), &before);
                let adjusted = kit.store.adjust(charge, units, later).await;
                adjusted.expect("adjust");
            }
            let look = kit.ask(key.as_bytes(), &after).cost(0);
            let left = kit.charge_at(&[look], later).await[0].remaining;
            assert!(left <= 2, "{key}: {left} of two");
        }
    }
}
