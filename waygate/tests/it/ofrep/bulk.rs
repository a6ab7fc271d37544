use http::Method;
use serde_json::{Value, json};
use waygate::ofrep::{Audience, Ofrep, Token};

use super::support::{BULK, SERVER, Server, boolean, fixed, for_half, for_pro, user, with_tokens};
use crate::support::builder;

#[tokio::test]
async fn all_visible_flags_are_evaluated_in_order() {
    let server = Server::start().await;
    let empty = server.all(&[], user()).await;
    assert_eq!(empty.json()["flags"], json!([]));
    for key in ["b", "c", "a"] {
        server.set(boolean(key, json!({}))).await;
    }
    let all = server.all(&[], user()).await;
    assert_eq!(all.status, 200);
    assert_eq!(all.keys(), ["a", "b", "c"]);
    // There is no filter.
    let path = "/ofrep/v1/evaluate/flags?flags=a&keys=a";
    let body = json!({"context": user(), "flags": ["a"]});
    assert_eq!(
        server.post(path, SERVER, &[], &body).await.keys(),
        ["a", "b", "c"]
    );
}

#[tokio::test]
async fn a_failure_of_one_flag_fails_no_other() {
    let server = Server::start().await;
    server.set(for_half("half")).await;
    server.set(boolean("static", json!({}))).await;
    let all = server.all(&[], json!({})).await;
    assert_eq!(all.status, 200);
    assert_eq!(
        all.json()["flags"],
        json!([
            {"key": "half", "errorCode": "TARGETING_KEY_MISSING", "errorDetails": "The rollout needs the key of the context"},
            {"key": "static", "value": true, "reason": "STATIC", "variant": "on"},
        ])
    );
    let whole = server
        .send(
            Method::POST,
            "/ofrep/v1/evaluate/flags",
            &[("x-api-key", SERVER)],
            "{",
        )
        .await;
    assert_eq!(
        (whole.status.as_u16(), whole.json()["errorCode"].clone()),
        (400, json!("PARSE_ERROR"))
    );
    assert_eq!(whole.json()["key"], Value::Null);
}

#[tokio::test]
async fn the_set_has_metadata() {
    let server = Server::start().await;
    let version = async || {
        let all = server.all(&[], user()).await.json();
        assert_eq!(all["metadata"]["flagSetId"], "production");
        all["metadata"]["version"].as_str().unwrap().to_owned()
    };
    let before = version().await;
    server.set(boolean("a", json!({}))).await;
    let after = version().await;
    assert_ne!(before, after);
    assert_eq!(version().await, after);
}

#[tokio::test]
async fn a_known_tag_is_answered_with_304() {
    let server = Server::start().await;
    server.set(for_pro("search")).await;
    let first = server.all(&[], user()).await;
    let tag = first.header("etag").to_owned();
    for known in [tag.as_str(), &format!("W/{tag}"), &format!("\"x\", {tag}")] {
        let again = server.all(&[("if-none-match", known)], user()).await;
        assert_eq!(
            (again.status.as_u16(), again.header("etag")),
            (304, tag.as_str()),
            "{known}"
        );
        assert!(again.body.is_empty());
    }
    // Another change of the store is no change of the flags.
    let scope = "service:billing#default".parse().unwrap();
    let policy = waygate::limits::RateLimitPolicy::new("1/minute".parse().unwrap()).unwrap();
    server
        .waygate
        .system()
        .set_rate_limit(scope, policy)
        .await
        .unwrap();
    assert_eq!(
        server.all(&[("if-none-match", &tag)], user()).await.status,
        304
    );
    // A change without an effect on this context is one.
    let members = json!({"targets": {"on": ["user-9"]}});
    let system = server.waygate.system();
    system.patch_flag("search", members).await.unwrap();
    let changed = server.all(&[("if-none-match", &tag)], user()).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), tag);
    assert_eq!(changed.json()["flags"], first.json()["flags"]);
}

// RFC 9110, section 13.1.2: `*` is about a resource that exists, and an evaluation is none.
#[tokio::test]
async fn any_tag_is_no_known_evaluation() {
    let server = Server::start().await;
    server.set(for_pro("search")).await;
    let plain = server.all(&[], user()).await;
    let any = server.all(&[("if-none-match", "*")], user()).await;
    assert_eq!((any.status.as_u16(), any.keys()), (200, plain.keys()));
    let tag = plain.header("etag").to_owned();
    let headers = [("if-none-match", "*"), ("if-none-match", tag.as_str())];
    assert_eq!(server.all(&headers, user()).await.status, 304);
}

#[tokio::test]
async fn the_tag_covers_the_context() {
    let server = Server::start().await;
    server.set(for_pro("search")).await;
    let free = json!({"targetingKey": "user-1", "plan": "free"});
    let pro = json!({"targetingKey": "user-1", "plan": "pro"});
    let tag = server
        .all(&[], free.clone())
        .await
        .header("etag")
        .to_owned();
    // The web provider keeps its tag when another attribute changes.
    let changed = server.all(&[("if-none-match", &tag)], pro).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["flags"][0]["value"], true);
    let same = json!({"targetingKey": "user-1", "plan": "free", "seats": 5});
    assert_ne!(server.all(&[], same).await.header("etag"), tag);
    assert_eq!(
        server.all(&[("if-none-match", &tag)], free).await.status,
        304
    );
}

#[tokio::test]
async fn the_tag_follows_results_that_change_with_time() {
    let server = Server::start().await;
    let progressive = json!({
        "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
        "stages": [
            {"after_seconds": 0, "weight": 0},
            {"after_seconds": 86_400, "weight": 100_000},
        ],
    });
    server
        .set(boolean(
            "grows",
            json!({"fallthrough": "off", "progressive": progressive}),
        ))
        .await;
    let first = server.all(&[], user()).await;
    assert_eq!(first.json()["flags"][0]["value"], false);
    let tag = first.header("etag").to_owned();
    server
        .clock
        .set_wall("2030-01-02T00:00:01Z".parse().unwrap());
    let later = server.all(&[("if-none-match", &tag)], user()).await;
    assert_eq!(later.status, 200);
    assert_eq!(later.json()["flags"][0]["value"], true);
}

#[tokio::test]
async fn single_and_bulk_agree() {
    let server = Server::start().await;
    server.set(fixed("float", "float", json!(2))).await;
    server.set(fixed("json", "json", json!({"a": [1]}))).await;
    server.set(boolean("off", json!({"enabled": false}))).await;
    server.set(for_half("half")).await;
    server.set(for_pro("pro")).await;
    for context in [
        json!({}),
        user(),
        json!({"targetingKey": "user-2", "plan": "pro"}),
    ] {
        let all = server.all(&[], context.clone()).await;
        for (key, flag) in all
            .keys()
            .iter()
            .zip(all.json()["flags"].as_array().unwrap())
        {
            let single = server.evaluate(key, context.clone()).await;
            assert_eq!(&single.json(), flag, "{context}");
        }
    }
}

#[tokio::test]
async fn streams_are_announced_at_exactly_one_address() {
    let server = Server::start().await;
    let stream = server.all(&[], user()).await.json()["eventStreams"][0].clone();
    assert_eq!(
        (&stream["type"], &stream["url"]),
        (&json!("sse"), &Value::Null)
    );
    assert!(stream["inactivityDelaySec"].as_u64().unwrap() >= 1);
    let path = stream["endpoint"]["requestUri"].as_str().unwrap();
    assert!(path.starts_with("/ofrep/v1/events?ticket="), "{path}");

    // Behind a proxy that removes a prefix.
    let public = with_tokens()
        .public_url("https://flags.example/edge/")
        .unwrap();
    let server = Server::with(public).await;
    for (prefix, base) in [("", ""), ("/ofrep-env/production", "/ofrep-env/production")] {
        let path = format!("{prefix}/ofrep/v1/evaluate/flags");
        let all = server.post(&path, SERVER, &[], &json!({})).await;
        let stream = all.json()["eventStreams"][0].clone();
        assert_eq!(stream["endpoint"], Value::Null);
        let start = format!("https://flags.example/edge{base}/ofrep/v1/events?ticket=");
        let url = stream["url"].as_str().unwrap();
        assert!(url.starts_with(&start), "{url}");
    }
    for wrong in [
        "flags.example",
        "ftp://flags.example",
        "https://flags.example/?a",
        "/flags",
        "https://a/#b",
    ] {
        assert!(
            Ofrep::open(Audience::Client).public_url(wrong).is_err(),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn the_tag_covers_the_token_and_the_options_of_the_engine() {
    let server = Server::start().await;
    server.set(for_pro("search")).await;
    let first = server.all(&[], user()).await;
    let tag = first.header("etag").to_owned();
    let known = [("if-none-match", tag.as_str())];
    // The body of another token has another ticket.
    let other = "srv_6b3f1a0e8d7c5e2b";
    let ofrep = with_tokens().token(Token::server(other).unwrap());
    let router = server.waygate.ofrep(ofrep);
    let two = Server::of(server.waygate.clone(), server.clock.clone(), router).await;
    let context = json!({ "context": user() });
    assert_eq!(two.post(BULK, SERVER, &known, &context).await.status, 304);
    assert_eq!(two.post(BULK, other, &known, &context).await.status, 200);
    // Another default of the engine moves contexts.
    let options = waygate::flags::CompileOptions::python();
    let waygate = builder().clock(server.clock.clone()).flag_options(options);
    let waygate = waygate.build().await.unwrap();
    let router = waygate.ofrep(with_tokens());
    let python = Server::of(waygate, server.clock.clone(), router).await;
    python.set(for_pro("search")).await;
    assert_eq!(python.all(&known, user()).await.status, 200);
}
