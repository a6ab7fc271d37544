//! The log of facts. A store without one says so, and lists none.

use super::{Harness, kit::*};

fn lines(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|nth| format!("{{\"nth\":{nth}}}")).collect()
}

pub async fn facts_come_newest_first<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    assert_eq!(store.facts(10).await.expect("read"), Vec::<String>::new());
    let before = revision(&store).await;
    let has_log = store.append_facts(lines(0..2), 100).await.expect("append");
    store.append_facts(lines(2..4), 100).await.expect("append");
    let mut wanted = lines(0..4);
    wanted.reverse();
    if !has_log {
        wanted.clear();
    }
    assert_eq!(store.facts(10).await.expect("read"), wanted);
    wanted.truncate(3);
    assert_eq!(store.facts(3).await.expect("read"), wanted);
    assert_eq!(store.facts(0).await.expect("read"), Vec::<String>::new());
    assert_eq!(revision(&store).await, before, "facts are no state");
}

pub async fn the_newest_facts_are_kept<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for nth in 0..20 {
        let batch = lines(nth * 10..(nth + 1) * 10);
        store.append_facts(batch, 50).await.expect("append");
    }
    let kept = store.facts(50).await.expect("read");
    let mut wanted = lines(150..200);
    wanted.reverse();
    assert!(kept.is_empty() || kept == wanted, "{kept:?}");
}
