//! Unusable state files, at startup and while running.

use std::{
    fs::{self, File},
    time::Instant,
};

use serde_json::json;
use waygate_core::port::{Backend, BackendError, CommitError};

use super::kit::*;

super::trials!(
    a_damaged_file_falls_back_at_startup,
    a_damaged_generation_is_skipped,
    without_generations_a_damaged_file_is_kept,
    a_missing_file_is_recovered,
    a_file_removed_while_running_is_rewritten,
    damage_while_running_keeps_the_state_in_memory,
    a_vanished_file_is_rewritten,
    a_newer_format_is_never_overwritten,
    an_unknown_extension_names_the_known_ones,
    an_invalid_path_is_refused,
    revisions_are_never_reused,
);

/// `a` is 2, and was 1 before.
async fn written(format: &str) -> Place {
    let place = Place::new(format);
    let store = place.open_quietly().await;
    commit(&store, put("a", 1)).await;
    commit(&store, put("a", 2)).await;
    place
}

fn bad_files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty", vec![]),
        ("NUL", vec![0; 4096]),
        ("not UTF-8", b"{\"format\": 1, \"epoch\": \"\xff\xfe\"}".to_vec()),
        ("wrong type", b"[1, 2, 3]".to_vec()),
        ("a word", b"hello".to_vec()),
        ("deep", [b"{\"a\":".repeat(100_000), b"1".to_vec()].concat()),
        ("deep arrays", b"[".repeat(1 << 20)),
        ("alias bomb", b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g]\n".to_vec()),
        ("no entities", b"{\"format\":1,\"epoch\":\"2f0c8bd4-6d3c-4e6b-8d1a-6f3f2c0f7a55\",\"revision\":1}".to_vec()),
    ]
}

fn a_damaged_file_falls_back_at_startup() {
    let mut opened = Vec::new();
    for format in FORMATS {
        for (what, bytes) in bad_files() {
            block_on(async {
                let place = written(format).await;
                fs::write(place.main(), &bytes).unwrap();
                let begin = Instant::now();
                let store = place.open().await;
                opened.push(begin.elapsed());
                assert_eq!(values(&store).await["a"], json!(1), "{format}, {what}");
                store.health().await.unwrap();
                let aside = place.names(".corrupt-");
                assert_eq!(aside.len(), 1, "{format}, {what}");
                assert_eq!(fs::read(place.dir.path().join(&aside[0])).unwrap(), bytes);
                let (main, generation) = (place.main(), place.beside(".1"));
                let named = [
                    "ERROR",
                    main.to_str().unwrap(),
                    generation.to_str().unwrap(),
                ];
                assert_eq!(logs(&named), 1, "{format}, {what}");
                commit(&store, put("b", 3)).await;
                assert_eq!(values(&place.open().await).await, values(&store).await);
            });
        }
    }
    block_on(async {
        let place = written("json").await;
        File::options()
            .write(true)
            .open(place.main())
            .unwrap()
            .set_len(65 << 20)
            .unwrap();
        assert_eq!(values(&place.open().await).await["a"], json!(1));
    });
    println!(
        "damage: {} files set aside, the generation before used, start {}",
        opened.len() + 1,
        Spread(opened)
    );
}

fn a_damaged_generation_is_skipped() {
    block_on(async {
        let place = written("yaml").await;
        commit(&place.open_quietly().await, put("a", 3)).await;
        fs::write(place.main(), "").unwrap();
        fs::write(place.beside(".1"), "").unwrap();
        assert_eq!(values(&place.open().await).await["a"], json!(1));
    });
}

fn without_generations_a_damaged_file_is_kept() {
    block_on(async {
        for format in FORMATS {
            let place = written(format).await;
            let whole = fs::read(place.main()).unwrap();
            for age in [".1", ".2"] {
                let _ = fs::remove_file(place.beside(age));
            }
            let damaged = &whole[..whole.len() - 9];
            fs::write(place.main(), damaged).unwrap();
            let store = place.open().await;
            for _ in 0..2 {
                assert!(matches!(store.load().await, Err(BackendError::Corrupt(_))));
                assert!(matches!(
                    store.health().await,
                    Err(BackendError::Corrupt(_))
                ));
                let refused = store.commit(put("a", 3)).await;
                let Err(CommitError::Backend(BackendError::Corrupt(message))) = refused else {
                    panic!("{refused:?}");
                };
                assert!(message.contains("repair it, or remove it"), "{message}");
            }
            assert_eq!(fs::read(place.main()).unwrap(), damaged, "it was touched");
            assert_eq!(
                logs(&["ERROR", place.main().to_str().unwrap()]),
                1,
                "logged once"
            );

            // It recovers once the file is repaired.
            fs::write(place.main(), &whole).unwrap();
            assert_eq!(values(&store).await["a"], json!(2));
            assert_eq!(commit(&store, put("a", 3)).await, 3);
        }
    });
}

fn a_missing_file_is_recovered() {
    block_on(async {
        let place = written("toml").await;
        fs::remove_file(place.main()).unwrap();
        let store = place.open().await;
        assert_eq!(values(&store).await["a"], json!(1));
        let main = place.main();
        assert_eq!(logs(&["ERROR", main.to_str().unwrap(), "is missing"]), 1);
        commit(&store, put("b", 1)).await;
        assert_eq!(values(&place.open().await).await.len(), 2);
    });
}

fn a_file_removed_while_running_is_rewritten() {
    block_on(async {
        for format in FORMATS {
            let place = written(format).await;
            let store = place.open().await;
            fs::remove_file(place.main()).unwrap();
            until("the file is there again", async || {
                let _ = store.health().await;
                place.main().exists()
            })
            .await;
            let main = place.main();
            assert_eq!(logs(&["ERROR", main.to_str().unwrap(), "is rewritten"]), 1);
            drop(store);
            assert_eq!(values(&place.open().await).await["a"], json!(2));
        }
    });
}

fn damage_while_running_keeps_the_state_in_memory() {
    block_on(async {
        for format in FORMATS {
            let place = written(format).await;
            let store = place.open().await;
            place.replace("}{");
            until("the damage is noticed", async || {
                store.health().await.is_err()
            })
            .await;
            assert!(matches!(
                store.health().await,
                Err(BackendError::Corrupt(_))
            ));
            assert_eq!(values(&store).await["a"], json!(2));
            assert_eq!(number(&store).await, 2);
            assert_eq!(
                logs(&["ERROR", place.main().to_str().unwrap()]),
                1,
                "logged once"
            );

            assert_eq!(commit(&store, put("a", 3)).await, 3);
            store.health().await.unwrap();
            let aside = place.names(".corrupt-");
            assert_eq!(fs::read(place.dir.path().join(&aside[0])).unwrap(), b"}{");
            assert_eq!(values(&place.open().await).await["a"], json!(3));
            assert_eq!(logged(&store).await, [3, 2, 1]);
        }
    });
}

fn a_vanished_file_is_rewritten() {
    block_on(async {
        let place = written("json").await;
        let store = place.open().await;
        fs::remove_file(place.main()).unwrap();
        assert_eq!(values(&store).await["a"], json!(2));
        assert_eq!(commit(&store, put("b", 1)).await, 3);
        let reopened = place.open().await;
        assert_eq!(values(&reopened).await, values(&store).await);
        assert_eq!(logged(&reopened).await, [3, 2, 1]);
    });
}

fn a_newer_format_is_never_overwritten() {
    block_on(async {
        let place = Place::new("json");
        let newer = r#"{"format":2,"epoch":"2f0c8bd4-6d3c-4e6b-8d1a-6f3f2c0f7a55","shards":[]}"#;
        fs::write(place.main(), newer).unwrap();
        let store = place.open().await;
        for problem in [store.load().await.err(), store.health().await.err()] {
            let message = problem.unwrap().to_string();
            assert!(
                message.contains("format 2, while this one knows up to 1"),
                "{message}"
            );
        }
        let refused = store.commit(put("a", 1)).await;
        assert!(matches!(
            refused,
            Err(CommitError::Backend(BackendError::Unreadable(_)))
        ));
        assert_eq!(fs::read_to_string(place.main()).unwrap(), newer);

        // The same while running.
        let place = written("json").await;
        let store = place.open().await;
        fs::write(place.main(), newer).unwrap();
        let refused = store.commit(put("a", 3)).await;
        assert!(matches!(
            refused,
            Err(CommitError::Backend(BackendError::Unreadable(_)))
        ));
        assert_eq!(values(&store).await["a"], json!(2));
        assert_eq!(fs::read_to_string(place.main()).unwrap(), newer);
    });
}

fn an_unknown_extension_names_the_known_ones() {
    block_on(async {
        let place = Place::new("ini");
        let message = place.options().open().await.unwrap_err().to_string();
        assert!(
            message.contains("`.json`, `.yaml`, `.yml` or `.toml`"),
            "{message}"
        );
    });
}

fn an_invalid_path_is_refused() {
    block_on(async {
        let place = Place::new("json");
        fs::create_dir(place.main()).unwrap();
        let message = place.options().open().await.unwrap_err().to_string();
        assert!(message.contains("it is a directory"), "{message}");
        let nowhere = waygate_backends::FileBackend::open(place.main().join("x/state.json")).await;
        let message = nowhere.unwrap_err().to_string();
        assert!(message.contains("there is no directory"), "{message}");
    });
}

/// The revision of the commit that was lost with the damaged file is not reused.
fn revisions_are_never_reused() {
    block_on(async {
        let place = written("json").await;
        let before = place.open_quietly().await.load().await.unwrap().revision;
        fs::write(place.main(), "").unwrap();
        let store = place.open().await;
        let recovered = store.load().await.unwrap().revision;
        assert!(recovered.is_newer_than(&before));
        let made = commit(&store, put("a", 3)).await;
        assert_eq!(made, recovered.number + 1);
        assert_eq!(
            logged(&store).await,
            [made, 2, 1],
            "what happened stays logged"
        );
        assert_eq!(logged(&place.open().await).await, [made, 2, 1]);
    });
}
