//! Isolation of counters.

use waygate_core::port::Series;

use super::{Harness, kit::*};

/// Asserts that taking from one counter leaves another one unchanged.
async fn apart<H: Harness>(new: impl Fn() -> H, one: (&Series, &[u8]), other: (&Series, &[u8])) {
    let kit = Kit::new(new).await;
    for rule in all(1) {
        for (series, key) in [one, other] {
            let take = ask(series, key, &rule);
            assert!(kit.take(&[take]).await[0].allowed, "{rule:?}");
            assert!(!kit.take(&[take]).await[0].allowed, "{rule:?}");
        }
        for (series, key) in [one, other] {
            kit.store.forget(series, key).await.expect("forget");
        }
    }
}

pub async fn keys_are_apart<H: Harness>(new: impl Fn() -> H) {
    let series = series("a");
    apart(new, (&series, b"one"), (&series, b"other")).await;
}

pub async fn series_are_apart<H: Harness>(new: impl Fn() -> H) {
    apart(new, (&series("a"), b"k"), (&series("b"), b"k")).await;
}

pub async fn generations_are_apart<H: Harness>(new: impl Fn() -> H) {
    let next = Series::new("a", "policy", 0, 1);
    apart(new, (&series("a"), b"k"), (&next, b"k")).await;
}

pub async fn a_key_may_be_empty<H: Harness>(new: impl Fn() -> H) {
    let series = series("a");
    apart(new, (&series, b""), (&series, b"\0")).await;
}

pub async fn a_key_may_be_binary<H: Harness>(new: impl Fn() -> H) {
    let series = series("a");
    apart(
        new,
        (&series, b"\xff\xfe\r\n{}*"),
        (&series, b"\xff\xfe\r\n{}?"),
    )
    .await;
}

pub async fn a_key_may_be_long<H: Harness>(new: impl Fn() -> H) {
    let series = series("a");
    let (mut one, mut other) = (vec![b'x'; 64 << 10], vec![b'x'; 64 << 10]);
    one.push(b'1');
    other.push(b'2');
    apart(new, (&series, &one), (&series, &other)).await;
}

pub async fn keys_are_not_prefixes<H: Harness>(new: impl Fn() -> H) {
    let series = series("a");
    apart(new, (&series, b"/api"), (&series, b"/api/x")).await;
}

pub async fn forgetting_is_exact<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for rule in all(2) {
        for key in [&b"/api"[..], b"/api/x", b"/ap"] {
            kit.hit(key, &rule).await;
        }
        let forgotten = kit.store.forget(&kit.series, b"/api").await;
        forgotten.expect("forget");
        assert_eq!(kit.left(b"/api", &rule).await, 2, "{rule:?}");
        assert_eq!(kit.left(b"/api/x", &rule).await, 1, "{rule:?}");
        assert_eq!(kit.left(b"/ap", &rule).await, 1, "{rule:?}");
        for key in [&b"/api/x"[..], b"/ap"] {
            kit.store.forget(&kit.series, key).await.expect("forget");
        }
    }
}

pub async fn forgetting_the_unknown_is_fine<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let forgotten = kit.store.forget(&kit.series, b"unknown").await;
    forgotten.expect("forget");
    assert_eq!(kit.left(b"unknown", &fixed(3)).await, 3);
}
