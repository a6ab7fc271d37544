//! The environment of the process, in the report and the log.

use waygate::{Waygate, WaygateBuilder, model::RouteState};

use crate::log::Log;

/// An engine with a route for each of these lists.
async fn engine(builder: WaygateBuilder, lists: &[&[&str]]) -> Waygate {
    let waygate = builder.build().await.unwrap();
    let routes = lists.iter().enumerate().map(|(index, list)| {
        let mut state = RouteState::default();
        let names = list.iter().map(|name| name.parse().unwrap());
        state.position.envs = Some(names.collect());
        (format!("GET:/{index}").parse().unwrap(), state)
    });
    waygate.register_all(routes).await.unwrap();
    waygate
}

fn notes(waygate: &Waygate) -> Vec<String> {
    let report = waygate.report().to_string();
    let notes = report
        .lines()
        .filter_map(|line| line.strip_prefix("note: "));
    notes.map(str::to_owned).collect()
}

/// A builder from a file with this text and no environment variables.
fn from_file(text: &str) -> (WaygateBuilder, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings");
    std::fs::write(&path, text).unwrap();
    let builder = Waygate::from_env_file(&path).unwrap();
    (builder, path.display().to_string())
}

#[tokio::test]
async fn a_default_environment_is_reported_if_routes_depend_on_it() {
    let (log, _guard) = Log::of_this_thread();
    let (builder, path) = from_file("WAYGATE_ENV=\n");
    let waygate = engine(builder, &[]).await;
    let report = waygate.report().to_string();
    let lines: Vec<&str> = report.lines().take(2).collect();
    let settings = format!("settings:    the environment, and {path}");
    assert_eq!(
        lines,
        [
            "environment: dev (by default: WAYGATE_ENV is not set)",
            &settings
        ]
    );
    assert_eq!(notes(&waygate), [""; 0]);

    let expected = "some routes are limited to environments (`dev`, `staging`), but none is set: this process defaults to `dev`; \
                    set `WAYGATE_ENV`, or call `.environment(..)`";
    let (builder, _) = from_file("");
    let waygate = engine(builder, &[&["dev", "staging"], &["dev"]]).await;
    assert_eq!(notes(&waygate), [expected]);
    let again = RouteState::default();
    waygate
        .register("GET:/again".parse().unwrap(), again)
        .await
        .unwrap();
    let lines = log.lines();
    let warnings = lines.iter().filter(|line| line.contains("but none is set"));
    assert_eq!(warnings.count(), 1, "{lines:#?}");

    let waygate = engine(Waygate::builder(), &[&["dev"]]).await;
    let report = waygate.report().to_string();
    assert!(
        report.starts_with("environment: dev (by default: none is set)\nstate:"),
        "{report}"
    );
    assert!(
        notes(&waygate)[0].ends_with("; call `.environment(..)`"),
        "{report}"
    );
}

#[tokio::test]
async fn an_environment_similar_to_one_of_routes_is_reported() {
    let lists: &[&[&str]] = &[&["production", "staging"], &["dev"]];
    for (name, meant) in [
        ("prodution", Some("production")),
        ("prod", Some("production")),
        ("stagin", Some("staging")),
        ("stage", None),
        ("qa", None),
    ] {
        let waygate = engine(Waygate::builder().environment(name), lists).await;
        let expected = meant.map(|meant| {
            format!(
                "no route names the environment `{name}`, but routes are limited to `dev`, `production`, `staging`: did you \
                 mean `{meant}`?"
            )
        });
        assert_eq!(notes(&waygate), Vec::from_iter(expected));
    }
    // A correct start.
    let waygate = engine(
        Waygate::builder().environment("production"),
        &[&["dev", "staging"]],
    );
    assert_eq!(notes(&waygate.await), [""; 0]);
    for name in ["production", "dev"] {
        let waygate = engine(Waygate::builder().environment(name), lists).await;
        assert_eq!(notes(&waygate), [""; 0]);
    }
    let waygate = engine(Waygate::builder().environment("qa"), &[]).await;
    assert_eq!(notes(&waygate), [""; 0]);
}

#[tokio::test]
async fn a_setting_that_code_overrides_is_reported() {
    let (builder, path) = from_file("WAYGATE_ENV=staging\n");
    let waygate = engine(builder.environment("production"), &[]).await;
    assert_eq!(waygate.environment().as_str(), "production");
    let expected = format!(
        "WAYGATE_ENV from {path} is `staging`, but has no effect: .environment(\"production\") in code takes \
         precedence"
    );
    assert_eq!(notes(&waygate), [expected]);
    let (builder, _) = from_file("WAYGATE_ENV=production\n");
    let waygate = engine(builder.environment("production"), &[]).await;
    assert_eq!(notes(&waygate), [""; 0]);
    let (builder, _) = from_file("WAYGATE_ENV=redis://:hunter2@host\n");
    let waygate = engine(builder.environment("production"), &[]).await;
    assert!(!notes(&waygate)[0].contains("hunter2"));
}

#[tokio::test]
async fn the_report_says_whether_a_gated_route_is_open_here() {
    let lists: &[&[&str]] = &[&["production", "staging"], &["dev"]];
    let waygate = engine(Waygate::builder().environment("staging"), lists).await;
    let report = waygate.report().to_string();
    for (route, status) in [
        ("GET:/0 ", "env_gated (open here)"),
        ("GET:/1 ", "env_gated (closed here)"),
    ] {
        let line = report.lines().find(|line| line.starts_with(route)).unwrap();
        assert!(line.ends_with(status), "{line}");
    }
    assert_eq!(
        waygate.route("GET:/0").unwrap().view.status.as_str(),
        "env_gated"
    );
}

#[tokio::test]
async fn routes_that_a_misspelled_environment_closes_are_reported() {
    let lists: &[&[&str]] = &[&["production"], &["prodution"], &["staging"], &["dev"]];
    let waygate = engine(Waygate::builder().environment("production"), lists).await;
    let closed = |envs: &str| {
        format!(
            "limited to `{envs}`, so closed in this process, whose environment is `production`: did you mean \
             `production`?"
        )
    };
    let expected = format!("`GET:/1` is {}", closed("prodution"));
    assert_eq!(notes(&waygate), [expected]);

    let (log, _guard) = Log::of_this_thread();
    let (system, route) = (waygate.system(), "GET:/3");
    system.set_env_only(route, &["staging"]).await.unwrap();
    system
        .set_env_only(route, &["production", "prod"])
        .await
        .unwrap();
    let lines = log.lines();
    assert!(
        !lines.iter().any(|line| line.contains("did you mean")),
        "{lines:#?}"
    );
    system.set_env_only(route, &["prod"]).await.unwrap();
    let lines = log.lines();
    assert!(
        lines.iter().any(|line| line.contains(&closed("prod"))),
        "{lines:#?}"
    );
}
