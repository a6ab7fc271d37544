//! Files that were damaged at random.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;
use waygate_core::port::Backend;

use super::kit::*;

super::trials!(damaged_state_files, damaged_audit_logs);

fn mutate(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) -> &'static str {
    let at = random.usize(..bytes.len());
    let len = 1 + random.usize(..(bytes.len() - at).min(200));
    match random.u8(..8) {
        0 => {
            bytes[at] ^= 1 << random.u8(..8);
            "bit flipped"
        }
        1 => {
            bytes[at] = random.u8(..);
            "byte replaced"
        }
        2 => {
            bytes.truncate(at);
            "cut off"
        }
        3 => {
            bytes[at..].fill(0);
            "NUL to the end"
        }
        4 => {
            bytes[at..at + len].fill(0);
            "NUL in the middle"
        }
        5 => {
            bytes.drain(at..at + len);
            "slice deleted"
        }
        6 => {
            let slice = bytes[at..at + len].to_vec();
            let to = random.usize(..=bytes.len());
            bytes.splice(to..to, slice);
            "slice repeated"
        }
        _ => {
            for byte in &mut bytes[at..at + len] {
                *byte = random.u8(..);
            }
            "slice of noise"
        }
    }
}

/// After any damage to the state file, its content or that of the generation before is loaded.
fn damaged_state_files() {
    let count = setting("WAYGATE_TEST_MUTATIONS", 2_000) as usize;
    let mut random = random("mutations");
    let (mut fallbacks, mut harmless, mut opened) = (0, 0, Vec::new());
    for format in FORMATS {
        let source = Place::new(format);
        let (former, present) = block_on(async {
            let store = source.open().await;
            for nth in 0..5 {
                commit(
                    &store,
                    put(
                        &format!("route/GET:/{nth}"),
                        json!({ "a": [nth, null], "b": "é" }),
                    ),
                )
                .await;
            }
            let former = values(&store).await;
            commit(&store, put("route/GET:/0", json!({ "changed": true }))).await;
            (former, values(&store).await)
        });
        let main = fs::read(source.main()).unwrap();
        for nth in 0..count.div_ceil(3) {
            let place = Place::new(format);
            let mut bytes = main.clone();
            let how = mutate(&mut random, &mut bytes);
            fs::write(place.main(), &bytes).unwrap();
            fs::copy(source.beside(".1"), place.beside(".1")).unwrap();
            let begin = Instant::now();
            let found = block_on(async { values(&place.open().await).await });
            opened.push(begin.elapsed());
            let shown = String::from_utf8_lossy(&bytes);
            if found == present {
                harmless += 1;
            } else {
                assert_eq!(found, former, "{format} {nth}, {how}:\n{shown}");
                fallbacks += 1;
            }
            let set_aside = place.names(".corrupt-");
            assert_eq!(
                set_aside.len(),
                usize::from(found == former),
                "{format} {nth}, {how}:\n{shown}"
            );
        }
    }
    assert!(fallbacks > harmless, "the mutations hardly damage anything");
    println!(
        "mutations: {} state files, 0 panics, {fallbacks} replaced by the last good generation, \
         {harmless} still whole, start {}",
        opened.len(),
        Spread(opened)
    );
}

/// A damaged log loses entries at most: never the state, never the service.
fn damaged_audit_logs() {
    let count = setting("WAYGATE_TEST_MUTATIONS", 2_000) / 10;
    let mut random = random("mutated logs");
    let source = Place::new("json");
    block_on(async {
        let store = source.open().await;
        for nth in 0..20 {
            commit(&store, put("a", nth)).await;
        }
    });
    let log = fs::read(source.beside(".audit.jsonl")).unwrap();
    let mut kept = 0;
    for nth in 0..count {
        let place = Place::new("json");
        let mut bytes = log.clone();
        let how = mutate(&mut random, &mut bytes);
        fs::write(place.beside(".audit.jsonl"), &bytes).unwrap();
        fs::copy(source.main(), place.main()).unwrap();
        block_on(async {
            let store = place.open().await;
            assert_eq!(values(&store).await["a"], json!(19), "{nth}, {how}");
            let before = logged(&store).await.len();
            kept += before;
            let made = commit(&store, put("a", 20)).await;
            let log = logged(&store).await;
            assert_eq!((log[0], log.len()), (made, before + 1), "{nth}, {how}");
            assert!(
                log[1..].iter().all(|revision| *revision < made),
                "{nth}, {how}"
            );
            tokio::time::timeout(Duration::from_secs(10), store.health())
                .await
                .unwrap()
                .unwrap();
        });
    }
    println!(
        "mutated logs: {count}, 0 panics, {kept} of {} entries still read",
        20 * count
    );
}
