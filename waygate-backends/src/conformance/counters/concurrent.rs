//! Concurrent tasks.

use std::{collections::HashMap, sync::Arc};

use tokio::task::JoinSet;

use super::{Harness, kit::*};

const TASKS: u64 = 8;
const CHARGES: u64 = 100;

/// Counts the admitted requests of all tasks.
async fn admitted<F: Future<Output = bool> + Send>(
    request: impl Fn(u64, u64) -> F + Clone + Send + 'static,
) -> u64 {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let request = request.clone();
        tasks.spawn(async move {
            let mut admitted = 0;
            for charge in 0..CHARGES {
                admitted += u64::from(request(task, charge).await);
            }
            admitted
        });
    }
    tasks.join_all().await.into_iter().sum()
}

pub async fn eight_tasks_never_over_admit<H: Harness>(new: impl Fn() -> H) {
    let kit = Arc::new(Kit::new(new).await);
    for rule in all(250) {
        let (kit, rule) = (kit.clone(), Arc::new(rule));
        let key = format!("{rule:?}");
        let count = admitted(move |_, _| {
            let (kit, rule, key) = (kit.clone(), rule.clone(), key.clone());
            async move { kit.hit(key.as_bytes(), &rule).await.allowed }
        });
        assert_eq!(count.await, 250);
    }
}

pub async fn eight_tasks_never_overdraw_two_counters<H: Harness>(new: impl Fn() -> H) {
    let kit = Arc::new(Kit::new(new).await);
    let (wide, narrow) = (Arc::new(fixed(1_000)), Arc::new(bucket(300)));
    let shared = (kit.clone(), wide.clone(), narrow.clone());
    let count = admitted(move |task, _| {
        let (kit, wide, narrow) = shared.clone();
        async move {
            let mut charges = [kit.ask(b"wide", &wide), kit.ask(b"narrow", &narrow)];
            // In either order, which must not deadlock.
            if task % 2 == 0 {
                charges.reverse();
            }
            kit.charge(&charges)
                .await
                .iter()
                .all(|outcome| outcome.allowed)
        }
    });
    assert_eq!(count.await, 300);
    assert_eq!(kit.left(b"wide", &wide).await, 700);
}

pub async fn many_tasks_on_few_counters_are_admitted_exactly<H: Harness>(new: impl Fn() -> H) {
    let kit = Arc::new(Kit::new(new).await);
    let rules = Arc::new(all(5));
    for round in 0..4u8 {
        let mut tasks = JoinSet::new();
        for task in 0..64usize {
            let (kit, rules) = (kit.clone(), rules.clone());
            tasks.spawn(async move {
                let rule = task % rules.len();
                let key = [round, rule as u8, (task / 4 % 2) as u8];
                (key, kit.hit(&key, &rules[rule]).await.allowed)
            });
        }
        let mut admitted = HashMap::new();
        for (key, allowed) in tasks.join_all().await {
            *admitted.entry(key).or_insert(0) += u64::from(allowed);
        }
        assert_eq!(admitted.len(), 8);
        assert!(admitted.values().all(|count| *count == 5), "{admitted:?}");
    }
}

pub async fn eight_tasks_never_exceed_the_permits<H: Harness>(new: impl Fn() -> H) {
    let kit = Arc::new(Kit::new(new).await);
    let shared = kit.clone();
    let count = admitted(move |task, charge| {
        let kit = shared.clone();
        async move {
            let holder = u128::from(task * CHARGES + charge);
            let outcome = kit.acquire(kit.permit(holder, 20)).await;
            assert!(outcome.in_use <= 20);
            outcome.allowed
        }
    });
    assert_eq!(count.await, 20);
}
