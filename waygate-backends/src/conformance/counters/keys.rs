//! Isolation of counters.

use std::time::{Duration, Instant};

use waygate_core::{
    limit::{Charged, quota::Nanos},
    port::CounterKey,
};

use super::{Harness, kit::*};

/// Asserts that taking from one counter leaves another one unchanged.
async fn apart<H: Harness>(
    new: impl Fn() -> H,
    one: (&CounterKey, &[u8]),
    other: (&CounterKey, &[u8]),
) {
    let kit = Kit::new(new).await;
    for rule in all(1) {
        for (counter_key, key) in [one, other] {
            let charge = ask(counter_key, key, &rule);
            assert!(kit.charge(&[charge]).await[0].allowed, "{rule:?}");
            assert!(!kit.charge(&[charge]).await[0].allowed, "{rule:?}");
        }
        for (counter_key, key) in [one, other] {
            let reset = kit.store.reset(ask(counter_key, key, &rule), kit.now).await;
            reset.expect("reset");
        }
    }
}

pub async fn keys_are_apart<H: Harness>(new: impl Fn() -> H) {
    let counter_key = counter_key("a");
    apart(new, (&counter_key, b"one"), (&counter_key, b"other")).await;
}

pub async fn counter_keys_are_apart<H: Harness>(new: impl Fn() -> H) {
    apart(new, (&counter_key("a"), b"k"), (&counter_key("b"), b"k")).await;
}

pub async fn epochs_are_apart<H: Harness>(new: impl Fn() -> H) {
    let next = CounterKey::new("a", "policy", 0, 1);
    apart(new, (&counter_key("a"), b"k"), (&next, b"k")).await;
}

pub async fn a_key_may_be_empty<H: Harness>(new: impl Fn() -> H) {
    let counter_key = counter_key("a");
    apart(new, (&counter_key, b""), (&counter_key, b"\0")).await;
}

pub async fn a_key_may_be_binary<H: Harness>(new: impl Fn() -> H) {
    let counter_key = counter_key("a");
    apart(
        new,
        (&counter_key, b"\xff\xfe\r\n{}*"),
        (&counter_key, b"\xff\xfe\r\n{}?"),
    )
    .await;
}

pub async fn a_key_may_be_long<H: Harness>(new: impl Fn() -> H) {
    let counter_key = counter_key("a");
    let (mut one, mut other) = (vec![b'x'; 64 << 10], vec![b'x'; 64 << 10]);
    one.push(b'1');
    other.push(b'2');
    apart(new, (&counter_key, &one), (&counter_key, &other)).await;
}

pub async fn keys_are_not_prefixes<H: Harness>(new: impl Fn() -> H) {
    let counter_key = counter_key("a");
    apart(new, (&counter_key, b"/api"), (&counter_key, b"/api/x")).await;
}

pub async fn a_reset_is_exact<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(2) {
        for key in [&b"/api"[..], b"/api/x", b"/ap"] {
            kit.hit(key, &rule).await;
        }
        kit.reset(b"/api", &rule, kit.now).await;
        assert_eq!(kit.left(b"/api", &rule).await, 2, "{rule:?}");
        assert_eq!(kit.left(b"/api/x", &rule).await, 1, "{rule:?}");
        assert_eq!(kit.left(b"/ap", &rule).await, 1, "{rule:?}");
        for key in [&b"/api/x"[..], b"/ap"] {
            kit.reset(key, &rule, kit.now).await;
        }
    }
}

pub async fn a_reset_of_the_unknown_is_fine<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    kit.reset(b"unknown", &fixed(3), kit.now).await;
    assert_eq!(kit.left(b"unknown", &fixed(3)).await, 3);
}

/// Real time passes, for stores with a clock of their own.
pub async fn a_reset_key_gets_no_earlier_refund<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let start = Instant::now();
    let now = || kit.now + start.elapsed().as_nanos() as Nanos;
    // Longer than the error that a store allows for the time of a charge.
    let pause = || tokio::time::sleep(Duration::from_millis(250));
    for rule in all(2) {
        let key = format!("{rule:?}");
        let key = key.as_bytes();
        let at = now();
        let outcome = kit.hit_at(key, &rule, at).await;
        let earlier = Charged::new(at, &outcome);
        kit.hit_at(key, &rule, now()).await;
        kit.reset(key, &rule, now()).await;
        pause().await;
        let mut later = Vec::new();
        for _ in 0..2 {
            let at = now();
            let outcome = kit.hit_at(key, &rule, at).await;
            assert!(outcome.allowed, "{rule:?}");
            later.push(Charged::new(at, &outcome));
        }
        for _ in 0..2 {
            kit.refund(key, &rule, 1, earlier, now()).await;
        }
        let refused = kit.hit_at(key, &rule, now()).await;
        assert!(!refused.allowed, "refunds of before the reset: {rule:?}");
        for taken in later {
            kit.refund(key, &rule, 1, taken, now()).await;
        }
        let refunded = kit.hit_at(key, &rule, now()).await;
        assert!(refunded.allowed, "refunds of after the reset: {rule:?}");
    }
}
