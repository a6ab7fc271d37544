//! Several charges in one call.

use super::{Harness, kit::*};

pub async fn one_refusal_charges_nothing<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let (none, some) = (fixed(0), fixed(5));
    for charges in [
        [kit.ask(b"a", &some), kit.ask(b"b", &none)],
        [kit.ask(b"b", &none), kit.ask(b"a", &some)],
    ] {
        let outcomes = kit.charge(&charges).await;
        for (charge, outcome) in charges.iter().zip(outcomes) {
            assert_eq!(outcome.allowed, charge.key == b"a");
        }
        assert_eq!(kit.left(b"a", &some).await, 5);
    }
}

pub async fn outcomes_come_in_the_order_of_the_takes<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rules = [fixed(30), fixed(10), fixed(40), fixed(20), fixed(50)];
    let keys = [b"5", b"4", b"3", b"2", b"1"];
    let charges: Vec<_> = rules
        .iter()
        .zip(keys)
        .map(|(rule, key)| kit.ask(key, rule))
        .collect();
    let limits: Vec<_> = kit
        .charge(&charges)
        .await
        .iter()
        .map(|one| one.limit)
        .collect();
    assert_eq!(limits, [30, 10, 40, 20, 50]);
}

pub async fn a_shadow_never_blocks<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let (none, some) = (fixed(0), fixed(5));
    let shadow = kit.ask(b"b", &none).enforced(false);
    let outcomes = kit.charge(&[shadow, kit.ask(b"a", &some)]).await;
    assert!(!outcomes[0].allowed && outcomes[1].allowed);
    assert_eq!(kit.left(b"a", &some).await, 4);
}

pub async fn a_shadow_counts_what_passes<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = fixed(2);
    let shadow = kit.ask(b"a", &rule).enforced(false);
    for (allowed, left) in [(true, 1), (true, 0), (false, 0)] {
        let outcome = kit.charge(&[shadow]).await[0];
        assert_eq!((outcome.allowed, outcome.remaining), (allowed, left));
    }
}

pub async fn a_refused_shadow_is_not_charged<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = fixed(5);
    let dear = kit.ask(b"a", &rule).cost(6).enforced(false);
    assert!(!kit.charge(&[dear, kit.ask(b"b", &rule)]).await[0].allowed);
    assert_eq!(
        (kit.left(b"a", &rule).await, kit.left(b"b", &rule).await),
        (5, 4)
    );
}

pub async fn a_shadow_is_not_charged_for_a_refusal<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let (none, some) = (fixed(0), fixed(5));
    let shadow = kit.ask(b"a", &some).enforced(false);
    let outcomes = kit.charge(&[shadow, kit.ask(b"b", &none)]).await;
    assert_eq!((outcomes[0].allowed, outcomes[0].remaining), (true, 5));
    assert_eq!(kit.left(b"a", &some).await, 5);
}

pub async fn an_empty_call_has_no_outcomes<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    assert!(kit.charge(&[]).await.is_empty());
}

pub async fn many_takes_are_one_call<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rule = fixed(2);
    let keys: Vec<_> = (0..40u8).map(|key| [key]).collect();
    let charges: Vec<_> = keys.iter().map(|key| kit.ask(key, &rule)).collect();
    for (allowed, left) in [(true, 1), (true, 0), (false, 0)] {
        for outcome in kit.charge(&charges).await {
            assert_eq!((outcome.allowed, outcome.remaining), (allowed, left));
        }
    }
}

pub async fn a_counter_named_twice_is_not_overdrawn<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(3) {
        let key = format!("{rule:?}");
        let charge = kit.ask(key.as_bytes(), &rule);
        let outcomes = kit.charge(&[charge, charge]).await;
        assert!(outcomes.iter().all(|one| one.allowed), "{outcomes:?}");
        assert_eq!(kit.left(key.as_bytes(), &rule).await, 1, "{rule:?}");
        // Either of them would pass alone.
        let outcomes = kit.charge(&[charge, charge]).await;
        assert!(outcomes.iter().any(|one| !one.allowed), "{outcomes:?}");
        let left = kit.left(key.as_bytes(), &rule).await;
        assert_eq!(left, 1, "a refusal was charged: {rule:?}");
        assert!(kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
        assert!(!kit.hit(key.as_bytes(), &rule).await.allowed, "{rule:?}");
    }
}

pub async fn all_algorithms_go_together<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let rules = all(4);
    let stop = fixed(2);
    let keys: Vec<_> = rules.iter().map(|rule| format!("{rule:?}")).collect();
    let mut charges: Vec<_> = rules
        .iter()
        .zip(&keys)
        .map(|(rule, key)| kit.ask(key.as_bytes(), rule))
        .collect();
    charges.push(kit.ask(b"stop", &stop));
    for (allowed, left) in [(true, 3), (true, 2), (false, 2), (false, 2)] {
        let outcomes = kit.charge(&charges).await;
        assert_eq!(outcomes[4].allowed, allowed);
        for outcome in &outcomes[..4] {
            assert_eq!(
                (outcome.allowed, outcome.remaining),
                (true, left),
                "{outcome:?}"
            );
        }
    }
}
