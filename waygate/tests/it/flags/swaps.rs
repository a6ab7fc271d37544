//! Readers while a writer swaps snapshots.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

use serde_json::json;
use waygate::{
    Waygate,
    flags::{EvaluationContext, Flag, Flags, exchange::FlagDocument},
};

use crate::support::builder;

const SWAPS: usize = 300;
const READERS: usize = 4;

/// A flag that serves its number.
fn flag(key: &str, number: usize) -> Flag {
    let definition = json!({
        "key": key, "name": "Number", "type": "integer",
        "variations": [{"name": "number", "value": number}],
        "off_variation": "number", "fallthrough": "number",
    });
    Flag::parse(&definition).unwrap()
}

/// Two flags that change together.
fn document(number: usize) -> FlagDocument {
    FlagDocument::new(vec![flag("one", number), flag("two", number)], Vec::new())
}

fn number(flags: &Flags, key: &str) -> usize {
    let resolution = flags
        .evaluate(key, &EvaluationContext::new("user-1"))
        .unwrap();
    resolution.as_i64().unwrap().try_into().unwrap()
}

/// Reads until `done`, and once after. Returns the last number.
fn read(waygate: &Waygate, done: &AtomicBool, ready: &AtomicUsize) -> usize {
    let mut last = 0;
    ready.fetch_add(1, SeqCst);
    loop {
        let is_last = done.load(SeqCst);
        let flags = waygate.flags();
        let one = number(&flags, "one");
        thread::yield_now();
        let two = number(&flags, "two");
        assert_eq!(one, two, "both are of one commit");
        assert_eq!(number(&flags, "one"), one, "a snapshot does not change");
        assert!(one >= last, "{one} after {last}");
        last = one;
        if is_last {
            return last;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_snapshots_while_a_writer_swaps_them() {
    let waygate = builder().build().await.unwrap();
    let system = waygate.system();
    system.import_flags(document(0)).await.unwrap();
    let (done, ready) = (AtomicBool::new(false), AtomicUsize::new(0));
    let runtime = tokio::runtime::Handle::current();
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| scope.spawn(|| read(&waygate, &done, &ready)))
            .collect();
        while ready.load(SeqCst) < READERS {
            thread::yield_now();
        }
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                for swap in 1..=SWAPS {
                    system.import_flags(document(swap)).await.unwrap();
                }
            });
        });
        done.store(true, SeqCst);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), SWAPS, "the last commit is seen");
        }
    });
}
