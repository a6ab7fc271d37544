//! Records with an unknown kind: whatever a typo may refer to stays closed.

use serde_json::json;
use waygate::{
    health::Component,
    model::{GlobalMaintenance, RouteState, RouteStatus},
    port::FileBackend,
};

use super::{Directory, Process, edit, rename, serve, start};
use crate::{reseed::status, support::builder};

async fn of_shop(path: &std::path::Path) -> Process {
    let file = FileBackend::builder(path).poll_interval(std::time::Duration::from_millis(10));
    let backend = file.open().await.unwrap();
    serve(
        builder()
            .service("shop")
            .backend(backend)
            .build()
            .await
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn a_typo_in_the_kind_of_a_closed_route_does_not_open_it() {
    for typo in [
        "routes/GET:/a",
        "Route/GET:/a",
        "rotue/GET:/a",
        " route/GET:/a",
    ] {
        let directory = Directory::new();
        let path = directory.state();
        let process = start(&path).await;
        let post = "POST:/a".parse().unwrap();
        process
            .waygate
            .register(post, RouteState::default())
            .await
            .unwrap();
        process
            .waygate
            .system()
            .disable("GET:/a", "incident")
            .await
            .unwrap();
        rename(&path, "route/GET:/a", typo);
        // The running process keeps what it knows.
        process
            .until("seen", |process| !process.records().is_empty())
            .await;
        assert_eq!(
            status(&process.waygate, "GET:/a"),
            RouteStatus::Disabled,
            "{typo}"
        );
        drop(process);

        let process = start(&path).await;
        let post = "POST:/a".parse().unwrap();
        process
            .waygate
            .register(post, RouteState::default())
            .await
            .unwrap();
        assert_eq!(process.answers("/a").await, 503, "{typo}");
        assert_eq!(process.answers("/b").await, 200, "{typo}");
        assert_eq!(
            status(&process.waygate, "POST:/a"),
            RouteStatus::Active,
            "{typo}"
        );
        let health = process.records();
        assert!(health.contains(&format!("`{typo}`: ")), "{health}");
        assert!(health.contains("closed until"), "{health}");
        rename(&path, typo, "route/GET:/a");
        process
            .until("mended", |process| process.records().is_empty())
            .await;
        assert_eq!(status(&process.waygate, "GET:/a"), RouteStatus::Disabled);
    }
}

#[tokio::test]
async fn an_unreadable_path_closes_routes_with_the_same_prefix() {
    for (typo, b) in [("GET:/a{", 200), ("GET:/a{x", 200)] {
        let directory = Directory::new();
        let path = directory.state();
        let process = start(&path).await;
        process
            .waygate
            .system()
            .disable("GET:/a", "incident")
            .await
            .unwrap();
        drop(process);
        let typo = format!("route/{typo}");
        rename(&path, "route/GET:/a", &typo);
        let process = start(&path).await;
        assert_eq!(process.answers("/a").await, 503, "{typo}");
        assert_eq!(process.answers("/b").await, b, "{typo}");
        assert_eq!(process.answers("/forced").await, 200, "{typo}");
        let health = process.records();
        assert!(health.contains(&format!("`{typo}`: ")), "{health}");
        process.waygate.system().enable("GET:/a", "").await.unwrap();
        assert_eq!(process.answers("/a").await, 200, "{typo}");
    }
}

#[tokio::test]
async fn a_typo_in_the_key_of_maintenance_does_not_end_it() {
    for (key, typo) in [
        ("global", "globl"),
        ("global", "Global"),
        ("global", "global/"),
        ("service/shop", "servce/shop"),
        ("service/shop", "services/shop"),
        ("service/shop", "service/sh op"),
        ("service/shop", "service/"),
    ] {
        let directory = Directory::new();
        let path = directory.state();
        let process = of_shop(&path).await;
        let system = process.waygate.system();
        let config = GlobalMaintenance::default();
        match key {
            "global" => system.enable_global_maintenance(config).await.unwrap(),
            _ => system
                .enable_service_maintenance("shop", config)
                .await
                .unwrap(),
        };
        rename(&path, key, typo);
        process
            .until("seen", |process| !process.records().is_empty())
            .await;
        assert_eq!(process.answers("/a").await, 503, "{typo}, running");
        drop((system, process));
        let process = of_shop(&path).await;
        assert_eq!(process.answers("/a").await, 503, "{typo}");
        let health = process.records();
        assert!(health.contains(&format!("`{typo}`: ")), "{health}");
        // An operator's change applies.
        let system = process.waygate.system();
        match key {
            "global" => system.disable_global_maintenance().await.unwrap(),
            _ => system.disable_service_maintenance("shop").await.unwrap(),
        };
        assert_eq!(process.answers("/a").await, 200, "{typo}, off");
        drop((system, process));
        let process = of_shop(&path).await;
        assert_eq!(
            process.answers("/a").await,
            200,
            "{typo}, off, at the start"
        );
        edit(&path, |entities| {
            let entities = entities.as_object_mut().unwrap();
            let record = entities.remove(typo).unwrap();
            entities.insert(key.to_owned(), record);
        });
        process
            .until("mended", |process| process.records().is_empty())
            .await;
        assert_eq!(process.answers("/a").await, 503, "{typo}, mended");
        // A record that says off closes nothing.
        edit(&path, |entities| {
            let entities = entities.as_object_mut().unwrap();
            let mut record = entities.remove(key).unwrap();
            record["value"]["enabled"] = json!(false);
            entities.insert(typo.to_owned(), record);
        });
        process
            .until("seen", |process| !process.records().is_empty())
            .await;
        assert_eq!(process.answers("/a").await, 200, "{typo}, says off");
        drop(process);
        assert_eq!(
            of_shop(&path).await.answers("/a").await,
            200,
            "{typo}, says off"
        );
    }
}

#[tokio::test]
async fn records_of_unknown_kinds_are_named() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    process
        .waygate
        .system()
        .disable("GET:/b", "")
        .await
        .unwrap();
    for unknown in ["gadget/GET:/a", "tokens/x", "other", "/", "route"] {
        edit(&path, |entities| {
            entities[unknown] = json!({ "revision": 1, "value": {} });
        });
        process
            .until(unknown, |process| {
                process.records().contains(&format!("`{unknown}`: "))
            })
            .await;
        if unknown != "route" {
            assert_eq!(process.answers("/a").await, 200, "{unknown}");
        }
        edit(&path, |entities| {
            entities.as_object_mut().unwrap().remove(unknown);
        });
        process
            .until("gone", |process| process.records().is_empty())
            .await;
    }
    // Records of the admin API are known without it.
    edit(&path, |entities| {
        for known in ["token/x", "login/x", "reseed"] {
            entities[known] = json!({ "revision": 1, "value": {} });
        }
        entities["gadget/x"] = json!({ "revision": 1, "value": {} });
    });
    process
        .until("gadget", |process| process.records().contains("`gadget/x`"))
        .await;
    let health = process.waygate.health();
    let records = &health.get(&Component::Records).unwrap().cause;
    assert_eq!(
        records.matches("there is no such kind").count(),
        1,
        "{records}"
    );
}
