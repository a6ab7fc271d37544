//! The output of `main() -> Result<_, Box<dyn Error>>`, which is the `Debug` form of an error.

use std::error::Error;

use waygate::{
    Waygate,
    admin::Credentials,
    audit::Origin,
    model::{Registration, RouteState},
    port::RedisOptions,
    prelude::*,
};

#[maintenance(route = "GET /errors/unserved-path", reason = "upgrade")]
async fn unserved() {}

/// Formats an error as `main` prints it.
fn printed(error: impl Into<Box<dyn Error>>) -> String {
    format!("Error: {:?}", error.into())
}

#[tokio::test]
async fn debug_output_of_errors_is_their_message() {
    let engine = Waygate::builder().build().await.unwrap();
    let (_, _) = (unserved, Origin::system());
    let build = Waygate::builder().environment("no env").build().await;
    let build = printed(build.unwrap_err());
    let message = "Error: environment (.environment(..)): invalid environment";
    assert!(build.starts_with(message), "{build}");
    let invalid = "get".parse::<waygate::model::RouteKey>().unwrap_err();
    let refused = engine.system().enable("GET:/ghost", "").await.unwrap_err();
    let unknown = engine.route("GET:/ghost").unwrap_err();
    let key: waygate::model::RouteKey = "GET:/twice".parse().unwrap();
    let policy = waygate::limits::RateLimitPolicy::new("1/minute".parse().unwrap()).unwrap();
    let twice = Registration::from((key, RouteState::default()))
        .rate_limit(policy.clone())
        .rate_limit(policy);
    let registered = engine.register_all([twice]).await.unwrap_err();
    let redis = RedisOptions::new("http://x").unwrap_err();
    let credentials = Credentials::hashed("admin", "plain").unwrap_err();
    let all: [(Box<dyn Error>, String); 6] = [
        (Box::new(invalid.clone()), invalid.to_string()),
        (Box::new(unknown.clone()), unknown.to_string()),
        (redis.clone().into(), redis.to_string()),
        (registered.clone().into(), registered.to_string()),
        (credentials.clone().into(), credentials.to_string()),
        (
            Box::new(waygate::BindErrors::from(registered.clone())),
            registered.to_string(),
        ),
    ];
    for (error, message) in all {
        assert_eq!(printed(error), format!("Error: {message}"));
    }
    assert_eq!(
        printed(refused),
        "Error: no route `GET:/ghost` is registered, and no other route either: call `guard` or `register_all` \
         before the first change"
    );
}

#[tokio::test]
async fn the_help_of_an_annotation_is_on_its_own_line() {
    let engine = crate::support::only("it::errors::").build().await.unwrap();
    let errors = engine.guard(axum::Router::new()).await.unwrap_err();
    let printed = printed(errors);
    let lines: Vec<&str> = printed.lines().collect();
    let [problem, help] = &lines[..] else {
        panic!("{printed}");
    };
    assert!(
        problem.contains("`it::errors::unserved`") && problem.contains("governs"),
        "{printed}"
    );
    assert!(help.starts_with("  help: "), "{printed}");
}
