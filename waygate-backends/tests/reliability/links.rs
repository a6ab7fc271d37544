//! Paths with links, and names of files that are not regular.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::json;
use tokio_stream::StreamExt;
use waygate_backends::{BootCache, FileBackend};
use waygate_core::port::{Backend, BackendError, CommitError};

use super::kit::*;

super::trials!(
    a_link_to_a_missing_file_stays_a_link,
    a_link_into_a_missing_directory_is_refused,
    a_retargeted_link_is_followed,
    a_swapped_config_map_is_followed,
    a_temporarily_dangling_link_changes_nothing,
    processes_on_different_links_share_the_lock,
    non_regular_files_are_refused,
    a_file_replaced_by_a_pipe_is_refused,
    a_boot_cache_follows_its_link,
);

/// Creates directories of a place.
fn dirs<const N: usize>(place: &Place, names: [&str; N]) -> [PathBuf; N] {
    names.map(|name| {
        let dir = place.dir.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    })
}

/// Retargets a link in one step, as Kubernetes does.
fn point(link: &Path, target: &str) {
    let other = link.with_file_name("next-link");
    symlink(target, &other).unwrap();
    fs::rename(other, link).unwrap();
}

async fn written(path: &Path, value: &str) {
    let store = FileBackend::open(path).await.unwrap();
    commit(&store, put("a", value)).await;
}

fn a_link_to_a_missing_file_stays_a_link() {
    let place = Place::new("json");
    let [app, volume] = dirs(&place, ["app", "volume"]);
    let link = app.join("state.json");
    for target in ["../volume/state.json", "second.json"] {
        point(&link, target);
        block_on(written(&link, "kept"));
        assert!(link.symlink_metadata().unwrap().is_symlink(), "{target}");
        let target = app.join(target);
        assert!(fs::read_to_string(&target).unwrap().contains("kept"));
        let log = format!("{}.audit.jsonl", target.display());
        assert!(fs::exists(log).unwrap(), "the log is not beside the file");
    }
    // Only the volume outlives the container.
    fs::remove_dir_all(&app).unwrap();
    dirs(&place, ["app"]);
    symlink("../volume/state.json", &link).unwrap();
    block_on(async {
        let store = FileBackend::open(&link).await.unwrap();
        assert_eq!(values(&store).await["a"], json!("kept"));
        assert_eq!(logged(&store).await, [1]);
    });
    assert_eq!(names_in(&app, ""), ["state.json"]);
    assert!(!names_in(&volume, "").is_empty());
}

fn a_link_into_a_missing_directory_is_refused() {
    let place = Place::new("json");
    symlink("gone/state.json", place.main()).unwrap();
    let refused = block_on(FileBackend::open(place.main())).unwrap_err();
    assert!(
        matches!(refused, BackendError::Misconfigured(_)),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("gone`; create it"),
        "{refused}"
    );
    assert!(refused.to_string().contains("it is a link to"), "{refused}");
}

fn a_retargeted_link_is_followed() {
    let place = Place::new("json");
    dirs(&place, ["one", "two"]);
    block_on(async {
        symlink("one/state.json", place.main()).unwrap();
        let store = place.open().await;
        commit(&store, put("a", "one")).await;
        // The second file continues the first.
        let two = place.dir.path().join("two/state.json");
        fs::copy(place.main(), &two).unwrap();
        written(&two, "two").await;
        let mut changes = store.changes();
        point(&place.main(), "two/state.json");
        assert_eq!(changes.next().await.unwrap().number, 2);
        assert_eq!(values(&store).await["a"], json!("two"));
        assert_eq!(commit(&store, put("b", 1)).await, 3);
        let text = |dir: &str| fs::read_to_string(place.dir.path().join(dir).join("state.json"));
        assert!(text("two").unwrap().contains("\"b\""));
        assert!(!text("one").unwrap().contains("\"b\""));
        // To a missing file: the known state is written there.
        dirs(&place, ["three"]);
        point(&place.main(), "three/state.json");
        assert_eq!(commit(&store, put("c", 1)).await, 4);
        let three = text("three").unwrap();
        assert!(three.contains("two") && three.contains("\"c\""), "{three}");
        store.health().await.unwrap();
    });
}

fn a_swapped_config_map_is_followed() {
    let place = Place::new("yaml");
    let [first, second] = dirs(&place, ["..first", "..second"]);
    block_on(async {
        written(&first.join("state.yaml"), "first").await;
        let sealed = fs::read_to_string(first.join("state.yaml")).unwrap();
        let lines = sealed.lines().filter(|line| !line.starts_with("checksum"));
        let edited = lines
            .collect::<Vec<_>>()
            .join("\n")
            .replace("first", "second");
        fs::write(second.join("state.yaml"), edited).unwrap();
        symlink("..first", place.dir.path().join("..data")).unwrap();
        symlink("..data/state.yaml", place.main()).unwrap();
        let store = place.open().await;
        assert_eq!(values(&store).await["a"], json!("first"));
        let mut changes = store.changes();
        point(&place.dir.path().join("..data"), "..second");
        fs::remove_dir_all(&first).unwrap();
        assert_eq!(changes.next().await.unwrap().number, 2);
        assert_eq!(values(&store).await["a"], json!("second"));
    });
}

fn a_temporarily_dangling_link_changes_nothing() {
    let place = Place::new("toml");
    dirs(&place, ["one", "two"]);
    block_on(async {
        symlink("one/state.toml", place.main()).unwrap();
        let store = place.open().await;
        commit(&store, put("a", 1)).await;
        point(&place.main(), "gone/state.toml");
        let refused = store.commit(put("a", 2)).await.unwrap_err();
        assert!(
            refused.to_string().contains("gone`; create it"),
            "{refused}"
        );
        assert!(matches!(
            refused,
            CommitError::Backend(BackendError::NotWritable(_))
        ));
        assert!(matches!(
            store.health().await,
            Err(BackendError::NotWritable(_))
        ));
        assert_eq!(values(&store).await["a"], json!(1));
        point(&place.main(), "two/state.toml");
        assert_eq!(commit(&store, put("a", 3)).await, 2);
        store.health().await.unwrap();
    });
}

fn processes_on_different_links_share_the_lock() {
    let place = Place::new("json");
    dirs(&place, ["volume"]);
    let links = ["first.json", "second.json"].map(|name| place.dir.path().join(name));
    for link in &links {
        symlink("volume/state.json", link).unwrap();
    }
    block_on(async {
        let mut number = 0;
        for _ in 0..5 {
            for link in &links {
                let store = FileBackend::open(link).await.unwrap();
                number += 1;
                assert_eq!(commit(&store, put("a", number)).await, number);
            }
        }
    });
}

fn pipe(path: &Path) {
    mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
}

/// Replaces a file in one step: a poll in between would write a missing file again.
fn replace_by_pipe(path: &Path) {
    let made = path.with_extension("pipe");
    pipe(&made);
    fs::rename(&made, path).unwrap();
}

/// Fails if `future` waits for the other end of a pipe.
async fn at_once<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, future).await.expect("it hangs")
}

fn non_regular_files_are_refused() {
    type Make = fn(&Path);
    let kinds: [(&str, Make); 5] = [
        ("a named pipe", pipe),
        ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("a device", |path| symlink("/dev/zero", path).unwrap()),
        ("a named pipe", |path| {
            pipe(&path.with_file_name("pipe"));
            symlink("pipe", path).unwrap();
        }),
    ];
    let names = ["", ".lock", ".1", ".2", ".audit.jsonl", ".audit.1.jsonl"];
    for (what, make) in kinds {
        for suffix in names {
            let place = Place::new("json");
            make(&place.beside(suffix));
            let refused = block_on(at_once(FileBackend::open(place.main())));
            let refused = refused.unwrap_err();
            assert!(
                matches!(refused, BackendError::Misconfigured(_)),
                "{refused}"
            );
            let said = refused.to_string();
            assert!(said.contains(what), "{said}");
            assert!(said.contains(&format!("state.json{suffix}`")), "{said}");
        }
        let place = Place::new("json");
        make(&place.main());
        let refused = BootCache::new(place.main()).unwrap_err();
        assert!(refused.to_string().contains(what), "{refused}");
    }
}

fn a_file_replaced_by_a_pipe_is_refused() {
    let place = Place::new("json");
    block_on(async {
        let store = place.open().await;
        commit(&store, put("a", 1)).await;
        let kept = fs::read(place.main()).unwrap();
        replace_by_pipe(&place.main());
        let health = at_once(store.health()).await.unwrap_err().to_string();
        assert!(health.contains("a named pipe"), "{health}");
        assert!(at_once(store.commit(put("a", 2))).await.is_err());
        assert_eq!(values(&store).await["a"], json!(1));
        fs::remove_file(place.main()).unwrap();
        fs::write(place.main(), kept).unwrap();
        assert_eq!(commit(&store, put("a", 3)).await, 2);
        // The files next to it as well.
        for suffix in [".lock", ".audit.jsonl"] {
            let kept = fs::read(place.beside(suffix)).unwrap();
            replace_by_pipe(&place.beside(suffix));
            let refused = at_once(store.commit(put("a", 4))).await.unwrap_err();
            assert!(refused.to_string().contains("a named pipe"), "{refused}");
            fs::remove_file(place.beside(suffix)).unwrap();
            fs::write(place.beside(suffix), kept).unwrap();
        }
        assert_eq!(commit(&store, put("a", 5)).await, 3);
    });
}

fn a_boot_cache_follows_its_link() {
    let place = Place::new("json");
    dirs(&place, ["one", "two"]);
    block_on(async {
        let store = place.open().await;
        commit(&store, put("a", 1)).await;
        let image = store.load().await.unwrap();
        let link = place.dir.path().join("cache");
        symlink("one/cache", &link).unwrap();
        let cache = BootCache::new(&link).unwrap();
        for dir in ["one", "two"] {
            point(&link, &format!("{dir}/cache"));
            cache.store(image.clone()).await.unwrap();
            assert!(link.symlink_metadata().unwrap().is_symlink());
            assert!(fs::exists(place.dir.path().join(dir).join("cache")).unwrap());
            assert_eq!(cache.load().await.unwrap(), Some(image.clone()));
        }
    });
}
