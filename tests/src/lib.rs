//! Starts the examples like users, and sends requests like clients.

pub mod page;
pub mod walkthrough;

// This crate has the dependencies of all snippets.
#[cfg(all(doctest, feature = "ofrep-clients"))]
#[doc = include_str!("../../docs/flags.md")]
struct FlagsPage;

#[cfg(all(doctest, feature = "ofrep-clients"))]
#[doc = include_str!("../../docs/ofrep.md")]
struct OfrepPage;

#[cfg(all(doctest, feature = "ofrep-clients"))]
#[doc = include_str!("../../docs/openfeature.md")]
struct OpenFeaturePage;

#[cfg(all(doctest, feature = "ofrep-clients"))]
#[doc = include_str!("../../docs/windows.md")]
struct WindowsPage;

#[cfg(all(doctest, feature = "webhooks"))]
#[doc = include_str!("../../docs/webhooks.md")]
struct WebhooksPage;

#[cfg(doctest)]
#[doc = include_str!("../../docs/metrics.md")]
struct MetricsPage;

use std::{
    io,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// A running example.
#[derive(Debug)]
pub struct Service {
    child: Child,
    port: u16,
}

impl Service {
    /// Starts the quickstart in production, see [`start`](Self::start).
    ///
    /// # Panics
    /// If it does not respond within a minute.
    pub fn quickstart(binary: &str, directory: &Path, variables: &[(&str, &str)]) -> Self {
        let production = [("WAYGATE_ENV", "production")];
        Self::start(binary, directory, &[&production, variables].concat())
    }

    /// Starts an example in `directory` with these variables, and waits until it responds. A test passes the binary as
    /// `env!("CARGO_BIN_EXE_e2e-quickstart")`.
    ///
    /// # Panics
    /// If it does not respond within a minute.
    pub fn start(binary: &str, directory: &Path, variables: &[(&str, &str)]) -> Self {
        let port = free_port().expect("a free port");
        let mut command = Command::new(binary);
        command
            .current_dir(directory)
            .env("PORT", port.to_string())
            .stdout(Stdio::null());
        command.envs(variables.iter().copied());
        let child = command.spawn().expect("the example starts");
        let service = Self { child, port };
        service.wait();
        service
    }

    fn wait(&self) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "the service does not answer"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Sends a `GET` request.
    ///
    /// # Panics
    /// If there is no response.
    pub fn get(&self, path: &str) -> Answer {
        let response = agent().get(self.url(path)).call().expect("an answer");
        Answer::read(response)
    }

    /// Sends a `POST` request with JSON, and with a token if there is one.
    ///
    /// # Panics
    /// If there is no response.
    pub fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let mut request = agent().post(self.url(path));
        if let Some(token) = token {
            request = request.header("X-Waygate-Token", token);
        }
        Answer::read(request.send_json(body).expect("an answer"))
    }

    /// Sends a `GET` request with a header.
    ///
    /// # Panics
    /// If there is no response.
    pub fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        let request = agent().get(self.url(path)).header(name, value);
        Answer::read(request.call().expect("an answer"))
    }

    /// Sends a `PATCH` request with JSON and a token.
    ///
    /// # Panics
    /// If there is no response.
    pub fn patch(&self, path: &str, token: &str, body: &Value) -> Answer {
        let request = agent().patch(self.url(path));
        let request = request.header("X-Waygate-Token", token);
        Answer::read(request.send_json(body).expect("an answer"))
    }

    /// Logs in as the quickstart's operator.
    ///
    /// # Panics
    /// If that is refused.
    pub fn log_in(&self) -> String {
        let credentials = json!({ "username": "admin", "password": "secret" });
        let answer = self.post("/waygate/api/auth/login", None, &credentials);
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// Kills the process, like a crash.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn kill(mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("an exit status");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    fn read(mut response: ureq::http::Response<ureq::Body>) -> Self {
        let body = response
            .body_mut()
            .read_to_string()
            .expect("a body of text");
        Self {
            status: response.status().as_u16(),
            body,
        }
    }

    /// Parses the body.
    ///
    /// # Panics
    /// If it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a body of JSON")
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)));
    config.build().into()
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
