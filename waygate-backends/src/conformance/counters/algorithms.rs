//! One counter at a time.

use waygate_core::limit::Rule;

use super::{Harness, kit::*};

async fn admits<H: Harness>(kit: &Kit<H>, rule: Rule, limit: u64) {
    for taken in 1..=limit {
        let outcome = kit.hit(b"k", &rule).await;
        assert!(outcome.allowed, "{taken} of {limit}: {outcome:?}");
    }
    for _ in 0..3 {
        let outcome = kit.hit(b"k", &rule).await;
        assert!(!outcome.allowed, "one more than {limit}: {outcome:?}");
        assert_eq!((outcome.limit, outcome.remaining), (limit, 0));
    }
}

pub async fn a_fixed_window_admits_its_limit<H: Harness>(new: impl Fn() -> H) {
    admits(&Kit::new(new).await, fixed(5), 5).await;
}

pub async fn a_sliding_window_admits_its_limit<H: Harness>(new: impl Fn() -> H) {
    admits(&Kit::new(new).await, sliding(5), 5).await;
}

pub async fn a_moving_window_admits_its_limit<H: Harness>(new: impl Fn() -> H) {
    admits(&Kit::new(new).await, moving(5), 5).await;
}

pub async fn a_token_bucket_admits_its_depth<H: Harness>(new: impl Fn() -> H) {
    admits(&Kit::new(new).await, bucket(5), 5).await;
}

pub async fn a_calendar_day_admits_its_limit<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = calendar(1_000, "month");
    let mut admitted = 0;
    for _ in 0..1_010 {
        admitted += u64::from(kit.hit(b"k", &rule).await.allowed);
    }
    // Twice the limit at most, if a month ended meanwhile.
    assert!((1_000..=1_010).contains(&admitted), "{admitted}");
    let month_ended = admitted > 1_000;
    assert!(month_ended || !kit.hit(b"k", &rule).await.allowed);
}

pub async fn outcomes_show_the_state_after_the_charge<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(3) {
        let key = format!("{rule:?}");
        for left in [2, 1, 0] {
            let outcome = kit.hit(key.as_bytes(), &rule).await;
            assert_eq!((outcome.limit, outcome.remaining), (3, left), "{rule:?}");
            assert!(outcome.reset_after > 0, "{rule:?}");
        }
    }
}

pub async fn a_cost_of_zero_looks<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(2) {
        let key = format!("{rule:?}");
        for left in [2, 1, 0] {
            for _ in 0..3 {
                assert_eq!(kit.left(key.as_bytes(), &rule).await, left, "{rule:?}");
            }
            kit.hit(key.as_bytes(), &rule).await;
        }
    }
}

pub async fn a_cost_may_be_more_than_one<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(10) {
        let key = format!("{rule:?}");
        let four = kit.ask(key.as_bytes(), &rule).cost(4);
        let two = four.cost(2);
        for (charge, allowed, left) in [
            (four, true, 6),
            (four, true, 2),
            (four, false, 2),
            (two, true, 0),
        ] {
            let outcome = kit.charge(&[charge]).await[0];
            assert_eq!(
                (outcome.allowed, outcome.remaining),
                (allowed, left),
                "{rule:?}"
            );
        }
    }
}

pub async fn a_cost_beyond_the_limit_is_refused_and_not_charged<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(3) {
        let key = format!("{rule:?}");
        let four = kit.ask(key.as_bytes(), &rule).cost(4);
        assert!(!kit.charge(&[four]).await[0].allowed, "{rule:?}");
        assert_eq!(kit.left(key.as_bytes(), &rule).await, 3, "{rule:?}");
    }
}

pub async fn a_limit_of_zero_admits_nothing<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    // A bucket has at least one token.
    for rule in [fixed(0), sliding(0), moving(0)] {
        for _ in 0..3 {
            let outcome = kit.hit(b"k", &rule).await;
            assert_eq!(
                (outcome.allowed, outcome.limit, outcome.remaining),
                (false, 0, 0)
            );
        }
    }
}

pub async fn a_refusal_says_when_to_come_again<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(1) {
        let key = format!("{rule:?}");
        assert!(kit.hit(key.as_bytes(), &rule).await.allowed);
        let refused = kit.hit(key.as_bytes(), &rule).await;
        let window = rule.window_seconds(kit.now);
        assert!(
            // At the edge of a moving window a request still counts.
            (1..=window + 1).contains(&refused.retry_after_seconds()),
            "{rule:?} {refused:?}"
        );
    }
}
