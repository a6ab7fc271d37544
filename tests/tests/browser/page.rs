//! A page in Chromium, over its DevTools protocol.

use std::{
    fmt, fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket, client};

/// The maximum wait for a message of the browser.
const PATIENCE: Duration = Duration::from_secs(60);

/// The status and the body (in Base64) of the response to a request, by its URL.
type Answer = dyn Fn(&str) -> (u16, String);

/// The only page of a browser of its own, which ends with it.
pub(crate) struct Page {
    browser: Child,
    socket: WebSocket<TcpStream>,
    session: Value,
    sent: u64,
    answer: Option<Box<Answer>>,
    _profile: TempDir,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

impl Page {
    /// Starts a browser with an empty page.
    pub(crate) fn open() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Command::new(chromium())
            .args([
                "--headless",
                "--no-sandbox",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--disable-sync",
                "--disable-quic",
                "--hide-scrollbars",
                "--remote-debugging-port=0",
                "--window-size=1200,900",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stderr(Stdio::piped())
            .spawn()
            .expect("Chromium starts");
        let mut log = BufReader::new(browser.stderr.take().unwrap());
        let mut line = String::new();
        let url = loop {
            line.clear();
            let read = log.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "Chromium ended before it listened");
            if let Some(url) = line.trim_end().strip_prefix("DevTools listening on ") {
                break url.to_owned();
            }
        };
        // It stops when the pipe of its log is full or closed.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let address = url.trim_start_matches("ws://").split('/').next().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = client(url.as_str(), stream).expect("Chromium accepts a connection");
        let mut page = Self {
            browser,
            socket,
            session: Value::Null,
            sent: 0,
            answer: None,
            _profile: profile,
        };
        let target = page.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        page.session = page.call("Target.attachToTarget", target)["sessionId"].take();
        page.call("Page.enable", json!({}));
        page
    }

    /// Loads a document, and waits until it is complete.
    pub(crate) fn navigate(&mut self, url: &str) {
        let loaded = self.call("Page.navigate", json!({ "url": url }));
        assert_eq!(loaded.get("errorText"), None, "{url}");
        while self.receive()["method"] != "Page.loadEventFired" {}
    }

    /// Sets the size of the window, in CSS pixels.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let window =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", window);
    }

    /// Answers the requests whose URLs match a pattern in place of the server.
    pub(crate) fn answer(
        &mut self,
        patterns: &[&str],
        answer: impl Fn(&str) -> (u16, String) + 'static,
    ) {
        self.answer = Some(Box::new(answer));
        let patterns = patterns
            .iter()
            .map(|pattern| json!({ "urlPattern": pattern }));
        let patterns: Vec<Value> = patterns.collect();
        self.call("Fetch.enable", json!({ "patterns": patterns }));
    }

    /// Evaluates JavaScript, and waits for the value of a promise.
    pub(crate) fn evaluate(&mut self, script: &str) -> Value {
        let options = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let mut outcome = self.call("Runtime.evaluate", options);
        assert_eq!(outcome.get("exceptionDetails"), None, "{script}");
        outcome["result"]["value"].take()
    }

    /// Waits until a JavaScript expression is true in the page.
    pub(crate) fn until(&mut self, condition: &str) {
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
        assert_eq!(self.evaluate(&script), json!(true), "{condition}");
    }

    /// Saves a screenshot for people to look at.
    pub(crate) fn picture(&mut self, name: &str) {
        let image = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let image = STANDARD.decode(image["data"].as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), image).unwrap();
    }

    /// Calls a method, and waits for its result.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.send(method, parameters);
        loop {
            let mut message = self.receive();
            if message["id"] == id {
                assert_eq!(message.get("error"), None, "{method}");
                return message["result"].take();
            }
        }
    }

    fn send(&mut self, method: &str, parameters: Value) -> u64 {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": parameters});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        self.socket
            .send(Message::text(message.to_string()))
            .expect("Chromium listens");
        self.sent
    }

    /// Receives a message, and answers the request that it may be about.
    fn receive(&mut self) -> Value {
        let message = loop {
            if let Message::Text(text) = self.socket.read().expect("a message in time") {
                break serde_json::from_str::<Value>(&text).unwrap();
            }
        };
        if message["method"] == "Fetch.requestPaused"
            && let Some(answer) = &self.answer
        {
            let paused = &message["params"];
            let (status, body) = answer(paused["request"]["url"].as_str().unwrap());
            let response = json!({
                "requestId": paused["requestId"], "responseCode": status, "body": body,
            });
            self.send("Fetch.fulfillRequest", response);
        }
        message
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

fn chromium() -> &'static Path {
    let places = [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];
    let found = places.into_iter().map(Path::new).find(|path| path.exists());
    found.expect("Chromium must be installed: apt-get install chromium")
}
