//! Files that were edited, converted or restored by hand.

use std::fs;

use serde_json::json;
use tokio_stream::StreamExt;
use waygate_core::port::{Backend, CommitError, Expected};

use super::kit::*;

super::trials!(
    an_edit_is_adopted_while_running,
    an_edit_is_adopted_at_startup,
    an_edit_under_an_old_checksum_is_reported_as_damage,
    an_edit_counts_as_a_write,
    a_commit_adopts_an_edit_first,
    a_backup_can_be_restored,
    a_state_can_change_its_format,
    comments_and_layout_do_not_matter,
    new_files_are_private,
);

/// Removes the checksum and replaces some text, as a person would.
fn edit(place: &Place, from: &str, to: &str) {
    let text = fs::read_to_string(place.main()).unwrap();
    assert!(text.contains(from), "{text}");
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().trim_matches('"').starts_with("checksum"));
    let edited = lines.collect::<Vec<_>>().join("\n").replace(from, to);
    fs::write(place.main(), edited + "\n").unwrap();
}

async fn written(format: &str) -> Place {
    let place = Place::new(format);
    let store = place.open_quietly().await;
    commit(&store, put("a", "before")).await;
    commit(&store, put("b", "same")).await;
    place
}

fn an_edit_is_adopted_while_running() {
    block_on(async {
        for format in FORMATS {
            let place = written(format).await;
            let store = place.open().await;
            let mut changes = store.changes();
            edit(&place, "before", "after");
            let hint = changes.next().await.unwrap();
            assert_eq!(hint.number, 3, "{format}");
            let image = store.load().await.unwrap();
            assert_eq!(image.revision, hint);
            let of = |key| {
                let found = image.entities.iter().find(|(k, _)| k.as_str() == key);
                found
                    .map(|(_, entity)| (entity.value.clone(), entity.revision))
                    .unwrap()
            };
            assert_eq!(of("a"), (json!("after"), 3), "{format}");
            assert_eq!(of("b"), (json!("same"), 2), "{format}");
            let text = fs::read_to_string(place.main()).unwrap();
            assert!(
                text.contains("checksum") && text.contains("after"),
                "{text}"
            );
            assert_eq!(logged(&store).await, [2, 1]);
            assert_eq!(commit(&store, put("c", 1)).await, 4);
        }
    });
}

fn an_edit_is_adopted_at_startup() {
    block_on(async {
        for format in FORMATS {
            let place = written(format).await;
            edit(&place, "before", "after");
            let store = place.open().await;
            assert_eq!(values(&store).await["a"], json!("after"));
            assert_eq!(number(&store).await, 3);
            assert_eq!(number(&place.open().await).await, 3, "it is taken once");
        }
    });
}

fn an_edit_under_an_old_checksum_is_reported_as_damage() {
    block_on(async {
        let place = written("yaml").await;
        let store = place.open().await;
        let text = fs::read_to_string(place.main()).unwrap();
        fs::write(place.main(), text.replace("before", "after")).unwrap();
        assert_eq!(values(&store).await["a"], json!("before"));
        let message = store.health().await.unwrap_err().to_string();
        assert!(message.contains("remove the line `checksum`"), "{message}");
        let main = place.main();
        assert_eq!(
            logs(&[
                "ERROR",
                main.to_str().unwrap(),
                "remove the line `checksum`"
            ]),
            1
        );

        edit(&place, "after", "after all");
        assert_eq!(values(&store).await["a"], json!("after all"));
        store.health().await.unwrap();
    });
}

/// A writer that read the value before the edit cannot overwrite it by mistake.
fn an_edit_counts_as_a_write() {
    block_on(async {
        for running in [true, false] {
            let place = written("toml").await;
            let mut store = place.open().await;
            if !running {
                drop(store);
                edit(&place, "before", "after");
                store = place.open().await;
            } else {
                edit(&place, "before", "after");
            }
            let mut batch = put("a", "mine");
            batch.expected = vec![("a".into(), Expected::Revision(1))];
            let Err(CommitError::Conflict { found, .. }) = store.commit(batch).await else {
                panic!("the edit was overwritten");
            };
            assert_eq!(found, Expected::Revision(3));
        }
    });
}

fn a_commit_adopts_an_edit_first() {
    block_on(async {
        let place = written("json").await;
        let store = place.open().await;
        edit(&place, "before", "after");
        assert_eq!(commit(&store, put("c", 1)).await, 4);
        let found = values(&place.open().await).await;
        assert_eq!((&found["a"], &found["c"]), (&json!("after"), &json!(1)));
    });
}

fn a_backup_can_be_restored() {
    block_on(async {
        for running in [true, false] {
            let place = written("json").await;
            let backup = fs::read(place.main()).unwrap();
            let mut store = place.open().await;
            for nth in 0..5 {
                commit(&store, put("a", nth)).await;
            }
            if running {
                fs::write(place.main(), &backup).unwrap();
            } else {
                drop(store);
                fs::write(place.main(), &backup).unwrap();
                store = place.open().await;
            }
            assert_eq!(values(&store).await["a"], json!("before"));
            assert_eq!(number(&store).await, 8, "a new revision, not an old one");
            assert_eq!(commit(&store, put("a", "now")).await, 9);
            assert_eq!(
                logged(&store).await,
                [9, 7, 6, 5, 4, 3, 2, 1],
                "the log forgets nothing"
            );
        }
    });
}

fn a_state_can_change_its_format() {
    block_on(async {
        let json = written("json").await;
        let yaml = Place::new("yaml");
        // Every JSON document is a YAML document.
        fs::copy(json.main(), yaml.main()).unwrap();
        let store = yaml.open().await;
        let (before, after) = (json.open().await.load().await, store.load().await);
        assert_eq!(after.unwrap(), before.unwrap());
        commit(&store, put("a", "after")).await;
        assert!(fs::read_to_string(yaml.main()).unwrap().starts_with('#'));
    });
}

fn comments_and_layout_do_not_matter() {
    block_on(async {
        let place = written("yaml").await;
        let text = fs::read_to_string(place.main()).unwrap();
        let commented = text.replace("entities:", "# what is stored\n\nentities: # all of it");
        fs::write(place.main(), commented).unwrap();
        let store = place.open().await;
        assert_eq!((values(&store).await.len(), number(&store).await), (2, 2));
    });
}

fn new_files_are_private() {
    #[cfg(unix)]
    block_on(async {
        use std::os::unix::fs::PermissionsExt;
        let place = written("json").await;
        let names = place.names("");
        assert_eq!(names.len(), 4, "{names:?}");
        for name in names {
            let metadata = fs::metadata(place.dir.path().join(&name)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
        }
    });
}
