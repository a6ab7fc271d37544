//! Limits that change, and charges after the fact.

use waygate_core::limit::{Charged, Quota, Rule};

use super::{Harness, kit::*};

async fn consumed_stays<H: Harness>(kit: &Kit<H>, before: &Rule, after: &Rule) {
    let key = format!("{before:?} {after:?}");
    for _ in 0..3 {
        assert!(kit.hit(key.as_bytes(), before).await.allowed);
    }
    let left = after.capacity().saturating_sub(3);
    assert_eq!(kit.left(key.as_bytes(), after).await, left, "{key}");
    let outcome = kit.hit(key.as_bytes(), after).await;
    assert_eq!(outcome.allowed, left > 0, "{key}");
    assert_eq!(outcome.remaining, left.saturating_sub(1), "{key}");
}

pub async fn a_higher_limit_keeps_what_was_consumed<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for (before, after) in all(4).iter().zip(&all(8)) {
        consumed_stays(&kit, before, after).await;
    }
}

pub async fn a_lower_limit_keeps_what_was_consumed<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for (before, after) in all(4).iter().zip(&all(2)) {
        consumed_stays(&kit, before, after).await;
    }
}

pub async fn another_algorithm_keeps_what_was_consumed<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for before in &all(4) {
        for after in &all(6) {
            consumed_stays(&kit, before, after).await;
        }
    }
}

pub async fn units_can_be_refunded<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(5) {
        let key = format!("{rule:?}");
        for _ in 0..4 {
            kit.hit(key.as_bytes(), &rule).await;
        }
        kit.adjust(key.as_bytes(), &rule, 3).await;
        assert_eq!(kit.left(key.as_bytes(), &rule).await, 4, "{rule:?}");
    }
}

pub async fn units_can_be_charged_afterwards<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(5) {
        let key = format!("{rule:?}");
        kit.hit(key.as_bytes(), &rule).await;
        kit.adjust(key.as_bytes(), &rule, -2).await;
        assert_eq!(kit.left(key.as_bytes(), &rule).await, 2, "{rule:?}");
        // More than the limit.
        kit.adjust(key.as_bytes(), &rule, -9).await;
        assert!(!kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
    }
}

pub async fn refunds_stop_at_zero_usage<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(5) {
        let key = format!("{rule:?}");
        kit.adjust(key.as_bytes(), &rule, 7).await;
        assert_eq!(kit.left(key.as_bytes(), &rule).await, 5, "{rule:?}");
        kit.hit(key.as_bytes(), &rule).await;
        kit.adjust(key.as_bytes(), &rule, 7).await;
        assert_eq!(kit.left(key.as_bytes(), &rule).await, 5, "{rule:?}");
    }
}

pub async fn a_charge_may_open_a_counter<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(5) {
        let key = format!("{rule:?}");
        kit.adjust(key.as_bytes(), &rule, -2).await;
        assert_eq!(kit.left(key.as_bytes(), &rule).await, 3, "{rule:?}");
    }
}

pub async fn a_refund_lifts_a_refusal<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(1) {
        let key = format!("{rule:?}");
        assert!(kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
        assert!(!kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
        kit.adjust(key.as_bytes(), &rule, 1).await;
        assert!(kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
        assert!(!kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
    }
}

pub async fn earlier_charges_can_be_refunded<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(5) {
        let key = format!("{rule:?}");
        let mut taken = Vec::new();
        for _ in 0..4 {
            let outcome = kit.hit(key.as_bytes(), &rule).await;
            taken.push(Charged::new(kit.now, &outcome));
        }
        for (left, taken) in [2, 3, 4].into_iter().zip(taken.into_iter().rev()) {
            kit.refund(key.as_bytes(), &rule, 1, taken, kit.now).await;
            assert_eq!(kit.left(key.as_bytes(), &rule).await, left, "{rule:?}");
        }
        assert!(kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
    }
}

pub async fn expired_charges_are_not_refunded<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(2) {
        let key = format!("{rule:?}");
        let taken = Charged {
            // Two of the longest windows ago.
            at: kit.now - 20 * 8_766 * HOUR,
            reset_after: HOUR,
        };
        kit.refund(key.as_bytes(), &rule, 1, taken, kit.now).await;
        for left in [1, 0] {
            assert!(kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
            kit.refund(key.as_bytes(), &rule, 1, taken, kit.now).await;
            assert_eq!(kit.left(key.as_bytes(), &rule).await, left, "{rule:?}");
        }
        assert!(!kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
    }
}

/// Rules with the windows of [`all`], and with others.
fn later_rules(capacity: u32) -> impl Iterator<Item = Rule> {
    let (amount, period) = (u64::from(capacity), 2 * HOUR);
    let others = [
        Rule::Quota(Quota::FixedWindow {
            capacity: amount,
            period,
        }),
        Rule::Quota(Quota::SlidingWindow {
            capacity,
            period: 157_680_000,
        }),
        Rule::Moving {
            capacity: amount,
            period,
        },
        Rule::Quota(Quota::TokenBucket {
            capacity: amount,
            emission: period,
        }),
        calendar(amount, "month"),
    ];
    all(capacity).into_iter().chain(others)
}

pub async fn a_refund_by_an_earlier_rule_is_its_units_at_most<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for before in &all(4) {
        for after in later_rules(9) {
            let key = format!("{before:?} {after:?}");
            let outcome = kit.hit(key.as_bytes(), before).await;
            let taken = Charged::new(kit.now, &outcome);
            while kit.hit(key.as_bytes(), &after).await.allowed {}
            kit.refund(key.as_bytes(), before, 1, taken, kit.now).await;
            kit.adjust(key.as_bytes(), before, 1).await;
            let left = kit.left(key.as_bytes(), &after).await;
            assert!(left <= 2, "{key}: {left} of two");
        }
    }
}

pub async fn a_charge_by_an_earlier_rule_is_its_units<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for before in &all(4) {
        // A bucket is not charged below empty, by the capacity of either rule.
        let is_bucket = |rule: &Rule| matches!(rule, Rule::Quota(Quota::TokenBucket { .. }));
        for after in later_rules(9).filter(|after| !is_bucket(before) || !is_bucket(after)) {
            let key = format!("{before:?} {after:?}");
            for rule in [before, &after, &after, &after, &after] {
                assert!(kit.hit(key.as_bytes(), rule).await.allowed, "{key}");
            }
            kit.adjust(key.as_bytes(), before, -3).await;
            assert_eq!(kit.left(key.as_bytes(), &after).await, 1, "{key}");
        }
    }
}
