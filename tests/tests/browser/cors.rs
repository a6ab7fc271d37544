//! Pages of other origins that call the flags server. The browser enforces what the server allows.

use axum::{Router, response::Html, routing::get};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};
use waygate::{
    Waygate,
    flags::Flag,
    ofrep::{Ofrep, Token},
};

use crate::page::Page;

const TOKEN: &str = "web_0d9c8b7a6f5e4d3c";
const PAGE: &str = include_str!("../../data/browser/flags.html");

/// A flags server, and two servers with a page that calls it. Each has an origin of its own.
struct Sites {
    runtime: Runtime,
    waygate: Waygate,
    flags: String,
    allowed: String,
    other: String,
}

impl Sites {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let [allowed, other] = [(); 2].map(|()| {
            runtime.block_on(serve(
                Router::new().route("/", get(|| async { Html(PAGE) })),
            ))
        });
        let waygate = runtime.block_on(Waygate::builder().build()).unwrap();
        let ofrep = Ofrep::new().token(Token::client(TOKEN).unwrap());
        let ofrep = ofrep.allow_origin(&allowed).unwrap();
        let flags = runtime.block_on(serve(waygate.ofrep(ofrep)));
        let sites = Self {
            runtime,
            waygate,
            flags,
            allowed,
            other,
        };
        sites.set(false);
        sites
    }

    /// Sets the value of the only flag.
    fn set(&self, value: bool) {
        let fallthrough = if value { "on" } else { "off" };
        let flag = json!({
            "key": "new-search", "name": "New search", "type": "boolean", "client_visible": true,
            "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
            "off_variation": "off", "fallthrough": fallthrough,
        });
        let operator = self.waygate.system();
        let set = operator.set_flag(Flag::parse(&flag).unwrap());
        self.runtime.block_on(set).unwrap();
    }

    /// The URL of a page that calls the flags server.
    fn page(&self, origin: &str) -> String {
        format!("{origin}/#{}|{TOKEN}", self.flags)
    }

    /// Returns the URL of a stream, as a client that is no page gets it.
    fn stream(&self) -> String {
        let request = ureq::post(format!("{}/ofrep/v1/evaluate/flags", self.flags));
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let mut answer = request.send_json(json!({})).expect("an answer");
        let body: Value = answer.body_mut().read_json().unwrap();
        let stream = &body["eventStreams"][0];
        let path = stream["endpoint"]["requestUri"].as_str();
        format!("{}{}", self.flags, path.expect("a path of this server"))
    }
}

/// Serves a router at an address of its own, and returns its origin.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    origin
}

/// Waits until a page has written some lines, and returns them.
fn lines(page: &mut Page, count: usize) -> Vec<Value> {
    page.until(&format!(
        "document.querySelectorAll('#log li').length >= {count}"
    ));
    let written = "[...document.querySelectorAll('#log li')].map(line => line.textContent)";
    let written = page.evaluate(written);
    let written = written.as_array().unwrap().iter();
    let line = |line: &Value| serde_json::from_str(line.as_str().unwrap()).unwrap();
    written.map(line).collect()
}

#[test]
fn a_page_of_an_allowed_origin_reads_flags_and_follows_a_change() {
    let sites = Sites::start();
    let mut page = Page::open();
    page.navigate(&sites.page(&sites.allowed));
    let expected = [
        json!({"status": 200, "value": false, "hasTag": true}),
        json!({"status": 304, "hasTag": true}),
        json!({"stream": "open"}),
    ];
    assert_eq!(lines(&mut page, 3), expected);

    sites.set(true);
    let changed = json!({"event": "refetchEvaluation", "status": 200, "value": true});
    assert_eq!(lines(&mut page, 4)[3..], [changed]);
}

#[test]
fn the_browser_refuses_a_page_of_another_origin() {
    let sites = Sites::start();
    let mut page = Page::open();
    page.navigate(&sites.page(&sites.other));
    assert_eq!(lines(&mut page, 1), [json!({"refused": "TypeError"})]);

    // Neither a request without a preflight, nor a stream with a valid ticket.
    let simple = format!(
        "fetch('{}/ofrep/v1/evaluate/flags', {{method: 'POST', body: '{{}}'}})
            .then(() => 'read', error => error.name)",
        sites.flags
    );
    assert_eq!(page.evaluate(&simple), json!("TypeError"));
    let stream = format!(
        "new Promise(resolve => {{
            const stream = new EventSource('{}');
            stream.onopen = () => resolve('open');
            stream.onerror = () => resolve(stream.readyState === EventSource.CLOSED ? 'closed' : 'again');
        }})",
        sites.stream()
    );
    assert_eq!(page.evaluate(&stream), json!("closed"));
}
