//! Pages in a real browser: Swagger UI, which follows changes without a reload, and pages that call the flags server.

mod cors;
mod page;

use base64::{Engine, engine::general_purpose::STANDARD};
use page::Page;
use serde_json::{Value, json};
use waygate_e2e::Service;

/// `GET:/payments` in URLs of the admin API.
const PAYMENTS: &str = "/waygate/api/routes/R0VUOi9wYXltZW50cw";
/// `GET:/search`.
const SEARCH: &str = "/waygate/api/routes/R0VUOi9zZWFyY2g";

#[test]
fn the_page_follows_a_change() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(env!("CARGO_BIN_EXE_e2e-quickstart"), directory.path(), &[]);
    let mut page = Page::open();
    page.navigate(&service.url("/docs"));
    let operations = "[...document.querySelectorAll('.opblock-summary-path')].map(e => e.innerText.replace(/\\u200b/g, ''))";
    page.until(&format!("{operations}.includes('/payments')"));
    page.until("document.body.innerText.toUpperCase().includes('MAINTENANCE')");
    let shown = page.evaluate(&format!("{operations}.join(' ')"));
    assert!(!shown.as_str().unwrap().contains("/debug"), "{shown}");
    page.picture("docs-before.png");

    let token = service.log_in();
    let path = format!("{PAYMENTS}/enable");
    assert_eq!(service.post(&path, Some(&token), &json!({})).status, 200);
    page.until(
        "!document.querySelector('.opblock')?.closest('body').innerText.includes('Back at 04:00 UTC')",
    );
    page.picture("docs-after.png");

    let disable = format!("{PAYMENTS}/disable");
    assert_eq!(service.post(&disable, Some(&token), &json!({})).status, 200);
    page.until(&format!("!{operations}.includes('/payments')"));

    let path = format!("{PAYMENTS}/enable");
    assert_eq!(service.post(&path, Some(&token), &json!({})).status, 200);
    restrict(&service, &token);
    let badges = "[...document.querySelectorAll('.wg-badge')].map(e => e.innerText.toLowerCase())";
    for badge in [
        "100 per minute by api key; pro: 1000 per minute",
        "10 per second by address (shadow)",
        "4 at a time by user",
        "planned",
        "only in production",
        "role billing:admin",
        "10.0.0.0/8",
        "always active",
        "deprecated",
        "sunset",
    ] {
        page.until(&format!(
            "{badges}.some(text => text.startsWith('{badge}'))"
        ));
    }
    page.evaluate("document.querySelector('[id*=\"search\"] .opblock-summary-control').click()");
    page.until(
        "document.body.innerText.includes('Beyond a limit: 100 requests per minute by API key (pro: 1000 requests per minute)')",
    );
    page.picture("docs-badges.png");
    page.evaluate("document.querySelector('[id*=\"search\"] .responses-wrapper').scrollIntoView({block: 'end'})");
    page.picture("docs-responses.png");
    page.evaluate("window.scrollTo(0, 0)");

    let config = json!({ "reason": "database move" });
    assert_eq!(
        service
            .post("/waygate/api/global/enable", Some(&token), &config)
            .status,
        200
    );
    page.until("document.body.innerText.includes('database move')");
    page.picture("docs-maintenance.png");
}

#[test]
fn without_events_the_page_follows_the_document() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(env!("CARGO_BIN_EXE_e2e-quickstart"), directory.path(), &[]);
    let mut document: Value = service.get("/openapi.json").json();
    document["info"]["x-waygate-service-maintenance"] = json!({
        "enabled": true, "reason": "new disks", "exempt_paths": [], "until": "2031-05-01T04:00:00Z", "service": "shop",
    });
    document["info"]["x-waygate-notices"] = json!([{
        "kind": "announcement", "name": "upgrade", "text": "Version 2 comes on <b>Monday</b>.",
    }]);
    let document = STANDARD.encode(document.to_string());
    let mut page = Page::open();
    page.answer(&["*/openapi.json", "*/docs/events"], move |url| {
        match url.ends_with("/openapi.json") {
            true => (200, document.clone()),
            false => (503, String::new()),
        }
    });
    page.navigate(&service.url("/docs/"));
    let banner = "document.querySelector('#wg-banner').innerText";
    page.until(&format!("{banner}.includes('Maintenance of shop')"));
    page.until(&format!("{banner}.includes('new disks')"));
    page.until(&format!("{banner}.includes('on <b>Monday</b>.')"));
    // Times have a zone.
    page.until(&format!(
        "/Until .* ([A-Z]{{2,5}}|GMT\\S+)$/m.test({banner})"
    ));
}

/// Limits and plans of all operations are shown once, above them.
#[test]
fn shared_limits_and_plans_are_shown_once() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(env!("CARGO_BIN_EXE_e2e-quickstart"), directory.path(), &[]);
    let token = service.log_in();
    restrict(&service, &token);
    let rate = json!({"limit": "500/minute"});
    let at_a_time = json!({"limit": 50, "key_strategy": "global"});
    let plan = json!({"reason": "site move", "start": "2031-06-01T02:00:00Z", "end": "2031-06-01T04:00:00Z"});
    let window =
        json!({"start": "2031-07-01T02:00:00Z", "end": "2031-07-01T04:00:00Z", "reason": "again"});
    for (path, body) in [
        ("/waygate/api/global-rate-limit".to_owned(), rate),
        (
            "/waygate/api/global-concurrency-limits".to_owned(),
            at_a_time,
        ),
        ("/waygate/api/global/enable".to_owned(), plan),
        (format!("{SEARCH}/schedule"), window),
    ] {
        let answer = service.post(&path, Some(&token), &body);
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    }
    let mut page = Page::open();
    page.navigate(&service.url("/docs"));
    let shared = "document.querySelector('#wg-shared').innerText";
    for limit in ["500 per minute by address", "50 at a time"] {
        page.until(&format!("{shared}.includes('{limit}')"));
    }
    let badges = "[...document.querySelectorAll('.opblock .wg-badge')].filter(e => e.offsetParent).map(e => e.innerText)";
    page.until(&format!("{badges}.length > 5"));
    page.until(&format!(
        "!{badges}.some(text => text.includes('over all routes'))"
    ));
    page.until(&format!(
        "{badges}.filter(text => text.startsWith('Planned')).length === 1"
    ));
    page.until(&format!(
        "{badges}.some(text => /^Planned May .* \\+1$/.test(text))"
    ));
    page.picture("docs-shared.png");
    page.evaluate("document.querySelector('[id*=\"search\"] .opblock-summary-control').click()");
    page.until(&format!(
        "{badges}.filter(text => text.includes('over all routes')).length === 2"
    ));
    page.picture("docs-shared-open.png");
}

#[test]
fn a_narrow_window_has_no_horizontal_overflow() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(env!("CARGO_BIN_EXE_e2e-quickstart"), directory.path(), &[]);
    let token = service.log_in();
    restrict(&service, &token);
    let tiers = json!([{"name": "pro", "limit": "20/minute"}, {"name": "enterprise", "limit": "unlimited"}]);
    let limit = json!({"path": "/search", "name": "tiers", "limit": "5/minute", "key_strategy": "user", "tiers": tiers});
    let answer = service.post("/waygate/api/rate-limits", Some(&token), &limit);
    assert_eq!(answer.status, 201);
    let shared = json!({"limit": "5/minute", "key_strategy": "user", "tiers": tiers});
    let answer = service.post("/waygate/api/global-rate-limit", Some(&token), &shared);
    assert_eq!(answer.status, 201);
    let mut page = Page::open();
    page.navigate(&service.url("/docs"));
    page.until("document.querySelectorAll('.wg-badge-limit').length > 3");
    for width in [500, 360] {
        page.resize(width, 900);
        page.until(&format!("window.innerWidth === {width}"));
        page.picture(&format!("docs-narrow-{width}.png"));
        let beyond = "[...document.querySelectorAll('.wg-badge, .opblock-summary, .wg-note')]
            .filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.innerText)";
        let beyond = page.evaluate(beyond);
        assert_eq!(beyond, json!([]), "{width}");
        let overflow = "document.documentElement.scrollWidth - innerWidth";
        assert_eq!(page.evaluate(overflow), json!(0), "{width}");
    }
}

/// Sets something of every kind on routes of the quickstart.
fn restrict(service: &Service, token: &str) {
    let limit = json!({"path": "/search", "limit": "100/minute", "key_strategy": "api_key",
        "tiers": [{"name": "pro", "limit": "1000/minute"}]});
    let shadow = json!({"path": "/search", "name": "trial", "limit": "10/second", "shadow": true});
    let at_a_time = json!({"path": "/search", "limit": 4, "key_strategy": "user"});
    let window = json!({"start": "2031-05-01T02:00:00Z", "end": "2031-05-01T04:00:00Z",
        "reason": "index rebuild"});
    let access = json!({"allowed_ips": ["10.0.0.0/8"], "allowed_roles": ["billing:admin"]});
    for (path, body) in [
        ("/waygate/api/rate-limits".to_owned(), limit),
        ("/waygate/api/rate-limits".to_owned(), shadow),
        ("/waygate/api/concurrency-limits".to_owned(), at_a_time),
        (format!("{SEARCH}/schedule"), window),
        (format!("{SEARCH}/access"), access),
        (format!("{PAYMENTS}/env"), json!({"envs": ["production"]})),
    ] {
        let answer = service.post(&path, Some(token), &body);
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    }
}
