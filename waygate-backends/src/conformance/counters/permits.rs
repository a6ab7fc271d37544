//! Concurrency limits.

use std::time::Duration;

use waygate_core::port::PermitOutcome;

use super::{Harness, kit::*};

fn has(allowed: bool, taken: u32) -> PermitOutcome {
    PermitOutcome::new(allowed, taken)
}

pub async fn permits_are_limited<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for holder in 1..=3 {
        assert_eq!(
            kit.acquire(kit.permit(holder.into(), 3)).await,
            has(true, holder)
        );
    }
    for holder in 4..=6 {
        assert_eq!(kit.acquire(kit.permit(holder, 3)).await, has(false, 3));
    }
}

pub async fn a_permit_can_be_released<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    assert!(kit.acquire(kit.permit(1, 1)).await.allowed);
    assert!(!kit.acquire(kit.permit(2, 1)).await.allowed);
    kit.release(kit.permit(1, 1)).await;
    assert_eq!(kit.acquire(kit.permit(2, 1)).await, has(true, 1));
    // A second release has no effect.
    kit.release(kit.permit(1, 1)).await;
    assert!(!kit.acquire(kit.permit(3, 1)).await.allowed);
}

pub async fn a_permit_can_be_renewed<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for _ in 0..3 {
        assert_eq!(kit.acquire(kit.permit(1, 2)).await, has(true, 1));
    }
    assert_eq!(kit.acquire(kit.permit(2, 2)).await, has(true, 2));
    assert_eq!(kit.acquire(kit.permit(1, 2)).await, has(true, 2));
}

pub async fn only_the_holder_releases<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    assert!(kit.acquire(kit.permit(1, 1)).await.allowed);
    kit.release(kit.permit(2, 1)).await;
    let mut other = kit.permit(1, 1);
    other.key = b"other";
    kit.release(other).await;
    assert!(!kit.acquire(kit.permit(3, 1)).await.allowed);
}

pub async fn permits_of_keys_and_counter_keys_are_isolated<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let elsewhere = counter_key("b");
    let permit = kit.permit(1, 1);
    let (mut other_key, mut other_counter_key) = (permit, permit);
    other_key.key = b"other";
    other_counter_key.counter_key = &elsewhere;
    for permit in [permit, other_key, other_counter_key] {
        assert_eq!(kit.acquire(permit).await, has(true, 1));
        assert!(!kit.acquire(permit.holder(2)).await.allowed);
    }
}

pub async fn a_limit_of_zero_has_no_permit<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    assert_eq!(kit.acquire(kit.permit(1, 0)).await, has(false, 0));
}

pub async fn a_lower_limit_keeps_current_permits<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    for holder in 1..=3 {
        assert!(kit.acquire(kit.permit(holder, 3)).await.allowed);
    }
    assert_eq!(kit.acquire(kit.permit(2, 1)).await, has(true, 3));
    assert_eq!(kit.acquire(kit.permit(4, 1)).await, has(false, 3));
}

/// Sleeps for a store with its own clock, and advances the time of the caller for others.
pub async fn a_permit_expires<H: Harness>(new: impl Fn() -> H) {
    let kit = Kit::new(new).await;
    let short = |holder| {
        let mut permit = kit.permit(holder, 1);
        permit.lifetime = Duration::from_millis(20);
        permit
    };
    assert!(kit.acquire(short(1)).await.allowed);
    let mut now = kit.now;
    while !kit.acquire_at(short(2), now).await.allowed {
        now += 1_000_000;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!kit.acquire_at(short(3), now).await.allowed);
}
