//! Swagger UI in a real browser: the page follows changes without a reload.

use std::{ffi::OsStr, fs, path::Path, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use headless_chrome::{
    Browser, LaunchOptions, Tab,
    browser::{
        tab::RequestPausedDecision,
        transport::{SessionId, Transport},
    },
    protocol::cdp::{
        Emulation::SetDeviceMetricsOverride,
        Fetch::{FulfillRequest, RequestPattern, events::RequestPausedEvent},
        Page::CaptureScreenshotFormatOption,
    },
};
use serde_json::{Value, json};
use waygate_e2e::Service;

/// `GET:/payments` in URLs of the admin API.
const PAYMENTS: &str = "/waygate/api/routes/R0VUOi9wYXltZW50cw";
/// `GET:/search`.
const SEARCH: &str = "/waygate/api/routes/R0VUOi9zZWFyY2g";

fn browser() -> Browser {
    let arguments = [
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--hide-scrollbars",
    ];
    let options = LaunchOptions::default_builder()
        .path(Some(chromium()))
        .sandbox(false)
        .window_size(Some((1200, 900)))
        .args(arguments.iter().map(OsStr::new).collect())
        .idle_browser_timeout(Duration::from_secs(300))
        .build()
        .unwrap();
    Browser::new(options).expect("Chromium starts")
}

fn chromium() -> std::path::PathBuf {
    let places = [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];
    let found = places.iter().map(Path::new).find(|path| path.exists());
    found
        .expect("Chromium must be installed: apt-get install chromium")
        .to_owned()
}

/// Waits until a JavaScript expression is true in the page.
fn until(tab: &Tab, condition: &str) {
    let script = format!(
        "new Promise((resolve, reject) => {{
            const start = Date.now();
            const look = () => {{
                if ({condition}) return resolve(true);
                if (Date.now() - start > 30000) return reject(new Error('waited in vain'));
                setTimeout(look, 50);
            }};
            look();
        }})"
    );
    let outcome = tab.evaluate(&script, true).unwrap();
    assert_eq!(outcome.value, Some(json!(true)), "{condition}");
}

/// Saves a screenshot for people to look at.
fn picture(tab: &Tab, name: &str) {
    let png = CaptureScreenshotFormatOption::Png;
    let image = tab.capture_screenshot(png, None, None, true).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), image).unwrap();
}

#[test]
fn the_page_follows_a_change() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(directory.path(), &[]);
    let browser = browser();
    let tab = browser.new_tab().unwrap();
    tab.navigate_to(&service.url("/docs")).unwrap();
    let operations = "[...document.querySelectorAll('.opblock-summary-path')].map(e => e.innerText.replace(/\\u200b/g, ''))";
    until(&tab, &format!("{operations}.includes('/payments')"));
    until(
        &tab,
        "document.body.innerText.toUpperCase().includes('MAINTENANCE')",
    );
    let shown = tab
        .evaluate(&format!("{operations}.join(' ')"), false)
        .unwrap();
    let shown = shown.value.unwrap().as_str().unwrap().to_owned();
    assert!(!shown.contains("/debug"), "{shown}");
    picture(&tab, "docs-before.png");

    let token = service.log_in();
    let path = format!("{PAYMENTS}/enable");
    assert_eq!(service.post(&path, Some(&token), &json!({})).status, 200);
    until(
        &tab,
        "!document.querySelector('.opblock')?.closest('body').innerText.includes('Back at 04:00 UTC')",
    );
    picture(&tab, "docs-after.png");

    let disable = format!("{PAYMENTS}/disable");
    assert_eq!(service.post(&disable, Some(&token), &json!({})).status, 200);
    until(&tab, &format!("!{operations}.includes('/payments')"));

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
        until(
            &tab,
            &format!("{badges}.some(text => text.startsWith('{badge}'))"),
        );
    }
    tab.evaluate(
        "document.querySelector('[id*=\"search\"] .opblock-summary-control').click()",
        false,
    )
    .unwrap();
    until(
        &tab,
        "document.body.innerText.includes('Beyond a limit: 100 requests per minute by API key (pro: 1000 requests per minute)')",
    );
    picture(&tab, "docs-badges.png");
    tab.evaluate(
        "document.querySelector('[id*=\"search\"] .responses-wrapper').scrollIntoView({block: 'end'})",
        false,
    )
    .unwrap();
    picture(&tab, "docs-responses.png");
    tab.evaluate("window.scrollTo(0, 0)", false).unwrap();

    let config = json!({ "reason": "database move" });
    assert_eq!(
        service
            .post("/waygate/api/global/enable", Some(&token), &config)
            .status,
        200
    );
    until(&tab, "document.body.innerText.includes('database move')");
    picture(&tab, "docs-maintenance.png");
}

#[test]
fn without_events_the_page_follows_the_document() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(directory.path(), &[]);
    let mut document: Value = service.get("/openapi.json").json();
    document["info"]["x-waygate-service-maintenance"] = json!({
        "enabled": true, "reason": "new disks", "exempt_paths": [], "until": "2031-05-01T04:00:00Z", "service": "shop",
    });
    document["info"]["x-waygate-notices"] = json!([{
        "kind": "announcement", "name": "upgrade", "text": "Version 2 comes on <b>Monday</b>.",
    }]);
    let document = STANDARD.encode(document.to_string());
    let browser = browser();
    let tab = browser.new_tab().unwrap();
    let answered = ["*/openapi.json", "*/docs/events"].map(|pattern| RequestPattern {
        url_pattern: Some(pattern.to_owned()),
        resource_Type: None,
        request_stage: None,
    });
    tab.enable_fetch(Some(&answered), None).unwrap();
    let answer = move |_: Arc<Transport>, _: SessionId, event: RequestPausedEvent| {
        let is_document = event.params.request.url.ends_with("/openapi.json");
        RequestPausedDecision::Fulfill(FulfillRequest {
            request_id: event.params.request_id,
            response_code: if is_document { 200 } else { 503 },
            response_headers: None,
            binary_response_headers: None,
            body: is_document.then(|| document.clone()),
            response_phrase: None,
        })
    };
    tab.enable_request_interception(Arc::new(answer)).unwrap();
    let page = tab.navigate_to(&service.url("/docs/")).unwrap();
    page.wait_until_navigated().unwrap();
    let banner = "document.querySelector('#wg-banner').innerText";
    until(&tab, &format!("{banner}.includes('Maintenance of shop')"));
    until(&tab, &format!("{banner}.includes('new disks')"));
    until(&tab, &format!("{banner}.includes('on <b>Monday</b>.')"));
    // Times have a zone.
    until(
        &tab,
        &format!("/Until .* ([A-Z]{{2,5}}|GMT\\S+)$/m.test({banner})"),
    );
}

/// Limits and plans of all operations are shown once, above them.
#[test]
fn shared_limits_and_plans_are_shown_once() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(directory.path(), &[]);
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
    let browser = browser();
    let tab = browser.new_tab().unwrap();
    tab.navigate_to(&service.url("/docs")).unwrap();
    let shared = "document.querySelector('#wg-shared').innerText";
    for limit in ["500 per minute by address", "50 at a time"] {
        until(&tab, &format!("{shared}.includes('{limit}')"));
    }
    let badges = "[...document.querySelectorAll('.opblock .wg-badge')].filter(e => e.offsetParent).map(e => e.innerText)";
    until(&tab, &format!("{badges}.length > 5"));
    until(
        &tab,
        &format!("!{badges}.some(text => text.includes('over all routes'))"),
    );
    until(
        &tab,
        &format!("{badges}.filter(text => text.startsWith('Planned')).length === 1"),
    );
    until(
        &tab,
        &format!("{badges}.some(text => /^Planned May .* \\+1$/.test(text))"),
    );
    picture(&tab, "docs-shared.png");
    tab.evaluate(
        "document.querySelector('[id*=\"search\"] .opblock-summary-control').click()",
        false,
    )
    .unwrap();
    until(
        &tab,
        &format!("{badges}.filter(text => text.includes('over all routes')).length === 2"),
    );
    picture(&tab, "docs-shared-open.png");
}

#[test]
fn a_narrow_window_has_no_horizontal_overflow() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(directory.path(), &[]);
    let token = service.log_in();
    restrict(&service, &token);
    let tiers = json!([{"name": "pro", "limit": "20/minute"}, {"name": "enterprise", "limit": "unlimited"}]);
    let limit = json!({"path": "/search", "name": "tiers", "limit": "5/minute", "key_strategy": "user", "tiers": tiers});
    let answer = service.post("/waygate/api/rate-limits", Some(&token), &limit);
    assert_eq!(answer.status, 201);
    let shared = json!({"limit": "5/minute", "key_strategy": "user", "tiers": tiers});
    let answer = service.post("/waygate/api/global-rate-limit", Some(&token), &shared);
    assert_eq!(answer.status, 201);
    let browser = browser();
    let tab = browser.new_tab().unwrap();
    tab.navigate_to(&service.url("/docs")).unwrap();
    until(
        &tab,
        "document.querySelectorAll('.wg-badge-limit').length > 3",
    );
    for width in [500, 360] {
        let window =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        let window: SetDeviceMetricsOverride = serde_json::from_value(window).unwrap();
        tab.call_method(window).unwrap();
        until(&tab, &format!("window.innerWidth === {width}"));
        picture(&tab, &format!("docs-narrow-{width}.png"));
        let beyond = "[...document.querySelectorAll('.wg-badge, .opblock-summary, .wg-note')]
            .filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.innerText)";
        let beyond = tab
            .evaluate(&format!("JSON.stringify({beyond})"), false)
            .unwrap();
        assert_eq!(beyond.value, Some(json!("[]")), "{width}");
        let overflow = "document.documentElement.scrollWidth - innerWidth";
        let overflow = tab.evaluate(overflow, false).unwrap();
        assert_eq!(overflow.value, Some(json!(0)), "{width}");
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
