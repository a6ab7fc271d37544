//! Pages and filters of lists.

use std::collections::BTreeSet;

use http::header;
use serde_json::{Value, json};

use super::{
    document::{document, operations},
    support::{Answer, Server, at},
    walk::{prepare, send},
};

fn entries(answer: &Answer) -> Vec<Value> {
    answer.json().as_array().unwrap().clone()
}

fn total(answer: &Answer) -> usize {
    answer.header("x-total-count").parse().unwrap()
}

/// The query of a link of a response.
fn link(answer: &Answer, relation: &str) -> Option<String> {
    let links = answer.header(header::LINK).split(", ");
    let mut found = links.filter_map(|link| {
        let target = link.strip_suffix(&format!(">; rel=\"{relation}\""))?;
        Some(target.strip_prefix('<').unwrap().to_owned())
    });
    found.next()
}

/// The lists of the document: operations with an array in their responses.
fn is_list(described: &Value) -> bool {
    described["responses"]["200"]["content"]["application/json"]["schema"]["type"] == "array"
}

#[tokio::test]
async fn every_list_of_the_document_has_pages() {
    let server = Server::start().await;
    prepare(&server).await;
    let document = document(&server).await;
    let mut lists = 0;
    let all = operations(&document);
    let all = all.iter().filter(|operation| is_list(&operation.described));
    for operation in all.filter(|operation| operation.method == "GET") {
        lists += 1;
        let name = operation.name();
        let parameters = operation.parameters("query");
        let names: BTreeSet<&str> = parameters
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert!(
            names.contains("limit") && names.contains("offset"),
            "{name}: {names:?}"
        );
        let headers = &operation.described["responses"]["200"]["headers"];
        for header in ["ETag", "Link", "X-Total-Count"] {
            assert!(headers[header]["schema"].is_object(), "{name}: {header}");
        }
        let (path, query) = (&operation.paths("x")[0], &operation.queries()[0]);
        let target = |page: &str| match query.is_empty() {
            true => format!("{path}?{page}"),
            false => format!("{path}{query}&{page}"),
        };
        let get = async |page: &str| send(&server, operation, &target(page), b"", &[]).await;
        let first = get("limit=1").await;
        assert_eq!(first.status, 200, "{name}");
        let (shown, count) = (entries(&first).len(), total(&first));
        assert_eq!(shown, count.min(1), "{name}");
        let next = link(&first, "next");
        assert_eq!(
            next.is_some(),
            count > 1,
            "{name}: {}",
            first.header(header::LINK)
        );
        if let Some(next) = next {
            assert!(next.ends_with("limit=1&offset=1"), "{name}: {next}");
            let second = get("limit=1&offset=1").await;
            assert_eq!(
                (entries(&second).len(), total(&second)),
                (1, count),
                "{name}"
            );
            assert_ne!(
                first.header(header::ETAG),
                second.header(header::ETAG),
                "{name}"
            );
            assert!(link(&second, "prev").is_some(), "{name}");
        }
        let none = get("limit=0").await;
        assert_eq!((entries(&none).len(), total(&none)), (0, count), "{name}");
        for page in ["limit=x", "offset=-1", "offset=1000001"] {
            let error = get(page).await.refused(400);
            let parameter = page.split('=').next().unwrap();
            let expected = format!("{parameter}: expected a whole number from 0 to ");
            assert!(error.starts_with(&expected), "{name}: {error}");
        }
    }
    assert!(lists >= 17, "{lists} lists");
}

#[tokio::test]
async fn links_lead_through_all_pages() {
    let server = Server::start().await;
    let all = entries(&server.get("/api/routes").await);
    let mut target = "/api/routes?search=GET%3A&limit=5".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = server.get(&target).await;
        assert_eq!(page.status, 200);
        seen.extend(entries(&page));
        let Some(next) = link(&page, "next") else {
            break;
        };
        // A reference without a path is to the same list, behind any prefix.
        assert!(next.starts_with("?search=GET%3A&limit=5&offset="), "{next}");
        target = format!("/api/routes{next}");
    }
    let expected: Vec<Value> = all
        .into_iter()
        .filter(|route| route["path"].as_str().unwrap().starts_with("GET:"))
        .collect();
    assert!(expected.len() > 10);
    assert_eq!(seen, expected);
    let last = server.get(&target).await;
    let first = link(&last, "first").unwrap();
    assert_eq!(first, "?search=GET%3A&limit=5&offset=0");
}

#[tokio::test]
async fn a_list_without_a_limit_is_complete() {
    let server = Server::start().await;
    let routes = server.get("/api/routes").await;
    assert_eq!(entries(&routes).len(), server.waygate.routes().len());
    assert_eq!(total(&routes), server.waygate.routes().len());
    assert_eq!(routes.header(header::LINK), "");
}

#[tokio::test]
async fn a_client_with_the_page_gets_304_until_it_changes() {
    let server = Server::start().await;
    let target = "/api/audit?limit=1&offset=1";
    for nth in 0..3 {
        let reason = json!({ "reason": format!("{nth}") });
        server
            .post(&at("GET:/orders", "/disable"), reason)
            .await
            .expect(200);
    }
    let page = server.get(target).await;
    let again = |tag: String, target: &'static str| {
        let request = server
            .request("GET", target)
            .header(header::IF_NONE_MATCH, tag);
        server.send(request.body(axum::body::Body::empty()).unwrap())
    };
    let tag = page.header(header::ETAG).to_owned();
    let known = again(tag.clone(), target).await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    assert_eq!(known.header("x-total-count"), page.header("x-total-count"));
    for other in [
        "/api/audit?limit=1",
        "/api/audit?limit=1&offset=1&platform=cli",
    ] {
        assert_eq!(again(tag.clone(), other).await.status, 200, "{other}");
    }
    server
        .post(&at("GET:/orders", "/enable"), json!({}))
        .await
        .expect(200);
    assert_eq!(again(tag, target).await.status, 200);
}

/// The paths of the audit lines that a query selects, oldest first, and their number.
async fn audit(server: &Server, query: &str) -> Vec<String> {
    let answer = server.get(&format!("/api/audit?limit=100&{query}")).await;
    let lines = entries(&answer);
    assert_eq!(total(&answer), lines.len(), "{query}");
    let paths = lines
        .iter()
        .rev()
        .map(|line| line["path"].as_str().unwrap());
    paths.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_audit_log_is_filtered() {
    let mut server = Server::start().await;
    let before = server.waygate.revision().number as usize;
    server
        .post(&at("GET:/orders", "/disable"), json!({}))
        .await
        .expect(200);
    server
        .post(&at("GET:/orders", "/enable"), json!({}))
        .await
        .expect(200);
    let limit = json!({ "path": "/limited", "limit": "5/minute" });
    server.post("/api/rate-limits", limit).await.expect(201);
    let ask =
        json!({ "name": "deploy", "scopes": ["write:routes", "read"], "expires_in_seconds": 3600 });
    let made = server.post("/api/auth/tokens", ask).await.expect(201);
    server.token = made["token"].as_str().unwrap().to_owned();
    server
        .post(&at("GET:/debug", "/disable"), json!({}))
        .await
        .expect(200);
    assert!(before < server.waygate.revision().number as usize);

    assert_eq!(audit(&server, "actor=admin/deploy").await, ["GET:/debug"]);
    assert_eq!(
        audit(&server, "actor=admin%2Fdeploy&platform=cli&action=disable").await,
        ["GET:/debug"]
    );
    assert_eq!(audit(&server, "actor=deploy").await, [""; 0]);
    assert_eq!(audit(&server, "platform=sdk").await, [""; 0]);
    assert_eq!(
        audit(&server, "action=enable,disable").await,
        ["GET:/orders", "GET:/orders", "GET:/debug"]
    );
    assert_eq!(audit(&server, "action=rl_*").await, ["GET:/limited"]);
    assert_eq!(
        audit(&server, "action=rl_*,enable&actor=admin").await,
        ["GET:/orders", "GET:/limited"]
    );
    assert_eq!(audit(&server, "action=enabl").await, [""; 0]);

    let now = server
        .waygate
        .audit(waygate::audit::AuditQuery::newest(1))
        .await
        .unwrap();
    let at = now[0].timestamp;
    let later = at.checked_add(std::time::Duration::from_micros(1)).unwrap();
    assert!(
        audit(&server, &format!("since={at}"))
            .await
            .contains(&"GET:/debug".to_owned())
    );
    assert_eq!(audit(&server, &format!("since={later}")).await, [""; 0]);
    let until = audit(&server, &format!("until={later}")).await;
    assert!(until.contains(&"GET:/debug".to_owned()));
    assert_eq!(
        audit(&server, "until=2001-01-01T00:00:00%2B02:00").await,
        [""; 0]
    );
    let error = server.get("/api/audit?since=yesterday").await.refused(400);
    assert!(error.starts_with("since: expected a time"), "{error}");
    let error = server.get("/api/audit?action=Enable").await.refused(400);
    assert!(
        error.starts_with("action: ") && error.contains("`flag_*`"),
        "{error}"
    );
}

#[tokio::test]
async fn the_total_of_the_audit_log_is_that_of_all_pages() {
    let server = Server::start().await;
    for _ in 0..4 {
        server
            .post(&at("GET:/orders", "/disable"), json!({}))
            .await
            .expect(200);
        server
            .post(&at("GET:/orders", "/enable"), json!({}))
            .await
            .expect(200);
    }
    for (query, shown, expected) in [
        ("action=enable&limit=3", 3, 4),
        ("action=enable&limit=4", 4, 4),
        ("action=enable&limit=3&offset=3", 1, 4),
        ("action=enable&limit=3&offset=7", 0, 4),
        ("action=purge", 0, 0),
        ("action=enable&limit=0", 0, 4),
    ] {
        let page = server.get(&format!("/api/audit?{query}")).await;
        assert_eq!(
            (entries(&page).len(), total(&page)),
            (shown, expected),
            "{query}"
        );
    }
}

/// The paths of the routes that a query selects.
async fn routes(server: &Server, query: &str) -> Vec<String> {
    let routes = server.get(&format!("/api/routes?{query}")).await;
    let paths = entries(&routes).into_iter();
    paths
        .map(|route| route["path"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn routes_are_filtered() {
    let server = Server::start().await;
    let key = "billing:GET:/invoices".parse().unwrap();
    let state = waygate::model::RouteState::default();
    server.waygate.register(key, state).await.unwrap();
    assert_eq!(routes(&server, "method=post").await, ["POST:/orders"]);
    assert_eq!(routes(&server, "method=ALL").await, [""; 0]);
    assert_eq!(
        routes(&server, "status=maintenance").await,
        ["GET:/payments"]
    );
    assert_eq!(
        routes(&server, "status=maintenance,disabled").await,
        ["GET:/legacy", "GET:/payments"]
    );
    assert_eq!(
        routes(&server, "search=ORD&method=GET").await,
        ["GET:/orders"]
    );
    assert_eq!(
        routes(&server, "search=db%20migration").await,
        ["GET:/payments"]
    );
    assert_eq!(
        routes(&server, "service=billing&search=inv").await,
        ["billing:GET:/invoices"]
    );
    assert_eq!(
        routes(&server, "service=billing&status=disabled").await,
        [""; 0]
    );
    let error = server.get("/api/routes?status=closed").await.refused(400);
    assert!(
        error.starts_with("status: ") && error.contains("`maintenance`"),
        "{error}"
    );
}

#[tokio::test]
async fn limits_tokens_and_windows_are_filtered() {
    let server = Server::start().await;
    for (path, name) in [
        ("/limited", "default"),
        ("/limited", "daily"),
        ("/limited-key", "daily"),
    ] {
        let limit = json!({ "path": path, "limit": "5/minute", "name": name });
        server.post("/api/rate-limits", limit).await.expect(201);
    }
    let count = async |target: &str| total(&server.get(target).await);
    assert_eq!(count("/api/rate-limits").await, 3);
    assert_eq!(count("/api/rate-limits?name=daily").await, 2);
    assert_eq!(count("/api/rate-limits?route=/limited").await, 2);
    assert_eq!(
        count("/api/rate-limits?route=GET:/limited&name=daily").await,
        1
    );
    assert_eq!(count("/api/rate-limits?route=POST:/limited").await, 0);
    assert_eq!(count("/api/rate-limits?service=billing").await, 0);
    assert_eq!(count("/api/concurrency-limits?name=daily").await, 0);

    let ask = json!({ "name": "Deploy", "scopes": ["read"], "expires_in_seconds": 3600 });
    server.post("/api/auth/tokens", ask).await.expect(201);
    assert_eq!(count("/api/auth/tokens").await, 2);
    assert_eq!(count("/api/auth/tokens?search=dep").await, 1);
    assert_eq!(count("/api/auth/tokens?scope=admin").await, 1);
    assert_eq!(
        count("/api/auth/tokens?username=admin&platform=cli").await,
        2
    );
    assert_eq!(count("/api/auth/tokens?username=ada").await, 0);
    assert_eq!(count("/api/auth/tokens?platform=sdk").await, 0);

    assert_eq!(count("/api/windows?days=366&scope=GET:/ghost").await, 0);
    let text = json!({ "text": "Soon: version 2." });
    server
        .put("/api/announcements/upgrade", text)
        .await
        .expect(200);
    assert_eq!(count("/api/announcements?search=version").await, 1);
    assert_eq!(count("/api/announcements?search=other").await, 0);
    assert_eq!(count("/api/services?search=ghost").await, 0);
}

#[cfg(feature = "flags")]
#[tokio::test]
async fn flags_and_segments_are_filtered() {
    let server = Server::start().await;
    super::flags::prepare(&server).await;
    let count = async |target: &str| total(&server.get(target).await);
    let all = count("/api/flags").await;
    assert!(all > 0);
    let enabled = count("/api/flags?enabled=true").await;
    assert_eq!(enabled + count("/api/flags?enabled=false").await, all);
    assert!(count("/api/flags?search=SEARCH").await > 0);
    assert_eq!(count("/api/flags?search=nowhere").await, 0);
    assert_eq!(count("/api/flags?tag=nowhere").await, 0);
    let mut by_type = 0;
    for kind in ["boolean", "string", "integer", "float", "json"] {
        by_type += count(&format!("/api/flags?type={kind}")).await;
    }
    assert_eq!(by_type, all);
    assert_eq!(count("/api/segments?search=BETA").await, 1);
    assert_eq!(count("/api/segments?tag=nowhere").await, 0);
    let history = "/api/flags/search/history";
    assert_eq!(
        count(&format!("{history}?actor=admin")).await,
        count(history).await
    );
    assert_eq!(count(&format!("{history}?actor=ghost")).await, 0);
    assert_eq!(
        count(&format!("{history}?until=2001-01-01T00:00:00Z")).await,
        0
    );
}
