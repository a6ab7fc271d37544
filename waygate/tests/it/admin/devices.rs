//! Device logins (RFC 8628).

use std::time::Duration;

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use waygate::{
    admin::{Admin, Credentials, Role},
    audit::AuditQuery,
};
use waygate_backends::MemoryBackend;
use waygate_core::port::Backend;

use super::support::{Answer, Server};

fn users() -> Credentials {
    let credentials = Credentials::new("admin", "secret").with("vera", "see");
    credentials.with_role("vera", Role::Viewer).unwrap()
}

async fn post(server: &Server, token: &str, path: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("host", "ops.example")
        .header("x-waygate-token", token)
        .body(Body::from(body.to_string()));
    server.send(request.unwrap()).await
}

async fn login(server: &Server, user: &str, password: &str) -> String {
    let body = json!({ "username": user, "password": password });
    let made = server.post("/api/auth/login", body).await.expect(200);
    made["token"].as_str().unwrap().to_owned()
}

/// The device code and the user code.
async fn start(server: &Server) -> (String, String) {
    let started = post(server, "", "/api/auth/device", json!({}))
        .await
        .expect(200);
    let text = |name: &str| started[name].as_str().unwrap().to_owned();
    (text("device_code"), text("user_code"))
}

/// Polls after the interval.
async fn poll(server: &Server, device_code: &str) -> Answer {
    server.clock.advance(Duration::from_secs(5));
    let body = json!({ "device_code": device_code });
    post(server, "", "/api/auth/device/token", body).await
}

async fn decide(server: &Server, token: &str, user_code: &str, approve: bool) -> Answer {
    let body = json!({ "user_code": user_code, "approve": approve });
    post(server, token, "/api/auth/device/approve", body).await
}

#[tokio::test]
async fn a_device_gets_a_token_of_the_user_who_approves_it() {
    let backend = MemoryBackend::new();
    let server = Server::on(backend.clone(), users()).await;
    let started = post(&server, "", "/api/auth/device", json!({}))
        .await
        .expect(200);
    let code = started["user_code"].as_str().unwrap();
    assert_eq!((code.len(), &code[4..5]), (9, "-"));
    assert!(!code.contains(['A', 'E', 'I', 'O', 'U', '0', '1']));
    assert_eq!(
        (&started["expires_in"], &started["interval"]),
        (&json!(600), &json!(5))
    );
    let page = "https://ops.example/waygate/device";
    assert_eq!(started["verification_uri"], page);
    assert_eq!(
        started["verification_uri_complete"],
        format!("{page}?user_code={code}")
    );
    let device_code = started["device_code"].as_str().unwrap();
    let stored = format!("{:?}", backend.load().await.unwrap());
    for secret in [device_code, code, &code.replace('-', "")] {
        assert!(!stored.contains(secret));
    }
    let waits = poll(&server, device_code).await;
    assert_eq!(waits.refused(400), "authorization_pending");
    let vera = login(&server, "vera", "see").await;
    decide(&server, &vera, &code.to_lowercase(), true)
        .await
        .expect(200);
    let made = poll(&server, device_code).await.expect(200);
    assert_eq!(
        (&made["username"], &made["token_type"], &made["expires_in"]),
        (&json!("vera"), &json!("Bearer"), &json!(86_395))
    );
    let token = made["access_token"].as_str().unwrap();
    let request = Request::builder()
        .uri("/api/auth/me")
        .header("x-waygate-token", token);
    let me = server
        .send(request.body(Body::empty()).unwrap())
        .await
        .expect(200);
    assert_eq!(me["scopes"], json!(["read", "evaluate", "evaluate:client"]));
    // The code is used up, and the record is gone.
    assert_eq!(
        poll(&server, device_code).await.refused(400),
        "expired_token"
    );
    let stored = format!("{:?}", backend.load().await.unwrap());
    assert!(!stored.contains("device/"));
    let lines = server.waygate.audit(AuditQuery::newest(2)).await.unwrap();
    let actions: Vec<_> = lines
        .iter()
        .map(|it| (it.action.as_str(), it.actor.as_str()))
        .collect();
    assert_eq!(actions, [("login", "vera"), ("device_approved", "vera")]);
}

#[tokio::test]
async fn a_device_does_not_outlive_the_login_that_approved_it() {
    let server = Server::with(users()).await;
    // A login that was revoked after the approval.
    let (device_code, user_code) = start(&server).await;
    let vera = login(&server, "vera", "see").await;
    decide(&server, &vera, &user_code, true).await.expect(200);
    let request = Request::builder()
        .method("DELETE")
        .uri("/api/auth/sessions")
        .header("x-waygate-token", &vera);
    let ended = server.send(request.body(Body::empty()).unwrap()).await;
    ended.expect(200);
    let refused = poll(&server, &device_code).await.refused(400);
    assert_eq!(refused, "access_denied");

    // A chain of devices ends with the first login.
    let vera = login(&server, "vera", "see").await;
    server.clock.advance(Duration::from_secs(3_600));
    let (device_code, user_code) = start(&server).await;
    decide(&server, &vera, &user_code, true).await.expect(200);
    let made = poll(&server, &device_code).await.expect(200);
    // The poll comes five seconds later.
    assert_eq!(made["expires_in"], 86_400 - 3_600 - 5);
}

#[tokio::test]
async fn a_device_may_poll_another_process() {
    let backend = MemoryBackend::new();
    let first = Server::on(backend.clone(), users()).await;
    let second = Server::on(backend, users()).await;
    let (device_code, user_code) = start(&first).await;
    decide(&first, &first.token, &user_code, true)
        .await
        .expect(200);
    follow(&second, &first).await;
    poll(&second, &device_code).await.expect(200);
}

#[tokio::test]
async fn a_code_that_is_new_elsewhere_is_pending() {
    let (first, second) = (Server::with(users()).await, Server::with(users()).await);
    let (device_code, _) = start(&first).await;
    // The second process has another store, as if it were behind.
    let waits = poll(&second, &device_code).await;
    assert_eq!(waits.refused(400), "authorization_pending");
    second.clock.advance(Duration::from_secs(10));
    assert_eq!(
        poll(&second, &device_code).await.refused(400),
        "expired_token"
    );
    for wrong in [
        "",
        "x",
        "wgd_",
        "wgd_-8000000000000000_x",
        "wgd_7fffffffffffffff_x",
    ] {
        assert_eq!(
            poll(&second, wrong).await.refused(400),
            "expired_token",
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn denied_and_expired_devices_get_no_token() {
    let server = Server::with(users()).await;
    let (denied, user_code) = start(&server).await;
    decide(&server, &server.token, &user_code, false)
        .await
        .expect(200);
    assert_eq!(poll(&server, &denied).await.refused(400), "access_denied");
    // A decision is final.
    decide(&server, &server.token, &user_code, true)
        .await
        .refused(404);
    let (late, user_code) = start(&server).await;
    server.clock.advance(Duration::from_secs(600));
    decide(&server, &server.token, &user_code, true)
        .await
        .refused(404);
    assert_eq!(poll(&server, &late).await.refused(400), "expired_token");
}

#[tokio::test]
async fn an_approval_ends_with_the_password_of_its_user() {
    let backend = MemoryBackend::new();
    let server = Server::on(backend.clone(), users()).await;
    let (device_code, user_code) = start(&server).await;
    let vera = login(&server, "vera", "see").await;
    decide(&server, &vera, &user_code, true).await.expect(200);
    let changed = Server::on(backend, users().with("vera", "another")).await;
    assert_eq!(
        poll(&changed, &device_code).await.refused(400),
        "access_denied"
    );
}

#[tokio::test]
async fn a_device_that_polls_too_often_is_slowed_down() {
    let server = Server::with(users()).await;
    let (device_code, _) = start(&server).await;
    let body = json!({ "device_code": device_code });
    let early = async || {
        let answer = post(&server, "", "/api/auth/device/token", body.clone()).await;
        answer.refused(400)
    };
    assert_eq!(early().await, "authorization_pending");
    assert_eq!(early().await, "slow_down");
    server.clock.advance(Duration::from_secs(9));
    // The interval is longer now.
    assert_eq!(early().await, "slow_down");
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(early().await, "authorization_pending");
}

#[tokio::test]
async fn guesses_of_user_codes_are_limited() {
    let server = Server::with(users()).await;
    let (_, user_code) = start(&server).await;
    let vera = login(&server, "vera", "see").await;
    for wrong in ["", "BCDF-BCDF", "short", "BCDF-BCDG", "12345678"] {
        decide(&server, &vera, wrong, true).await.refused(404);
    }
    let answer = decide(&server, &vera, &user_code, true).await;
    assert_eq!(answer.header("retry-after"), "1");
    answer.refused(429);
    // Others are not delayed.
    decide(&server, &server.token, &user_code, true)
        .await
        .expect(200);
    // A right code does not make room for more wrong ones.
    server.clock.advance(Duration::from_secs(1));
    let (_, user_code) = start(&server).await;
    decide(&server, &vera, &user_code, true).await.expect(200);
    server.clock.advance(Duration::from_secs(2));
    decide(&server, &vera, "BCDF-BCDF", true).await.refused(404);
    decide(&server, &vera, "BCDF-BCDF", true).await.refused(429);
}

#[tokio::test]
async fn a_login_that_ended_for_idleness_approves_no_longer() {
    let admin = Admin::new(users()).login_idle(Duration::from_secs(300));
    let server = Server::with(admin).await;
    let (device_code, user_code) = start(&server).await;
    let vera = login(&server, "vera", "see").await;
    decide(&server, &vera, &user_code, true).await.expect(200);
    server.clock.advance(Duration::from_secs(300));
    let refused = poll(&server, &device_code).await.refused(400);
    assert_eq!(refused, "access_denied");
}

#[tokio::test]
async fn a_token_of_a_program_approves_nothing() {
    let server = Server::with(users()).await;
    let (_, user_code) = start(&server).await;
    let ask = json!({ "name": "deploy", "scopes": ["admin"], "expires_in_seconds": 60 });
    let program = server.post("/api/auth/tokens", ask).await.expect(201);
    let program = program["token"].as_str().unwrap();
    decide(&server, program, &user_code, true)
        .await
        .refused(403);
    decide(&server, "", &user_code, true).await.refused(401);
}

/// Sends a form, as clients of OAuth 2.0 do.
async fn form(server: &Server, path: &str, form: &str) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .body(Body::from(form.to_owned()));
    server.send(request.unwrap()).await
}

const GRANT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";

#[tokio::test]
async fn forms_are_read_as_the_rfc_says() {
    let server = Server::with(users()).await;
    let started = form(
        &server,
        "/api/auth/device",
        "client_id=cli&scope=read+x&other=1",
    )
    .await;
    let started = started.expect(200);
    let code = started["device_code"].as_str().unwrap();
    let poll = async |fields: &str| {
        server.clock.advance(Duration::from_secs(5));
        form(&server, "/api/auth/device/token", fields).await
    };
    let whole = format!("{GRANT}&device_code={code}&client_id=cli&client_secret=&unknown=1");
    assert_eq!(poll(&whole).await.refused(400), "authorization_pending");
    for (fields, error) in [
        (String::new(), "invalid_request"),
        (format!("device_code={code}"), "invalid_request"),
        (GRANT.to_owned(), "invalid_request"),
        (format!("{GRANT}&device_code="), "invalid_request"),
        (
            format!("{GRANT}&device_code={code}&device_code={code}"),
            "invalid_request",
        ),
        (format!("{GRANT}&device_code=%ff"), "invalid_request"),
        (
            format!("grant_type=password&device_code={code}"),
            "unsupported_grant_type",
        ),
    ] {
        assert_eq!(poll(&fields).await.refused(400), error, "{fields}");
    }
    let user_code = started["user_code"].as_str().unwrap();
    decide(&server, &server.token, user_code, true)
        .await
        .expect(200);
    let made = poll(&whole).await;
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.expect(200)["token_type"], "Bearer");
}

#[tokio::test]
async fn json_may_be_declared_as_a_form() {
    let server = Server::with(users()).await;
    form(&server, "/api/auth/device", "").await.expect(200);
    let started = form(&server, "/api/auth/device", " {}").await.expect(200);
    let ask = json!({ "device_code": started["device_code"] }).to_string();
    let answer = form(&server, "/api/auth/device/token", &ask).await;
    assert_eq!(answer.refused(400), "authorization_pending");
    let ask = json!({ "device_code": started["device_code"], "grant_type": "password" });
    let answer = post(&server, "", "/api/auth/device/token", ask).await;
    assert_eq!(answer.refused(400), "unsupported_grant_type");
}

#[tokio::test]
async fn a_code_of_another_device_does_not_wait_for_it() {
    let server = Server::with(users()).await;
    let (first, _) = start(&server).await;
    let (second, of_second) = start(&server).await;
    decide(&server, &server.token, &of_second, true)
        .await
        .expect(200);
    assert_eq!(
        poll(&server, &first).await.refused(400),
        "authorization_pending"
    );
    let made = poll(&server, &second).await.expect(200);
    assert_eq!(made["username"], "admin");
}

/// Waits until a process has what another one has written.
async fn follow(server: &Server, first: &Server) {
    let mut versions = server.waygate.subscribe();
    while server.waygate.revision().number < first.waygate.revision().number {
        versions.next().await.unwrap();
    }
}

#[tokio::test]
async fn one_of_two_processes_exchanges_a_code() {
    let backend = MemoryBackend::new();
    let first = Server::on(backend.clone(), users()).await;
    let second = Server::on(backend, users()).await;
    let (device_code, user_code) = start(&first).await;
    decide(&first, &first.token, &user_code, true)
        .await
        .expect(200);
    follow(&second, &first).await;
    let logins = async || {
        let list = first.get("/api/auth/tokens").await.expect(200);
        list.as_array().unwrap().len()
    };
    let before = logins().await;
    let ask = json!({ "device_code": device_code });
    let (one, two) = tokio::join!(
        post(&first, "", "/api/auth/device/token", ask.clone()),
        post(&second, "", "/api/auth/device/token", ask.clone()),
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    follow(&first, &second).await;
    follow(&second, &first).await;
    assert_eq!(logins().await, before + 1);
    for server in [&first, &second] {
        let answer = poll(server, &device_code).await;
        // The process that was slower has seen two polls.
        server.clock.advance(Duration::from_secs(20));
        assert_ne!(answer.status, 200);
        let answer = poll(server, &device_code).await;
        assert_eq!(answer.refused(400), "expired_token");
    }
}

#[tokio::test]
async fn few_devices_wait_at_the_same_time() {
    let server = Server::with(Admin::new(users())).await;
    let from = async |peer: String| {
        let request = Request::builder().method("POST").uri("/api/auth/device");
        let request = request.body(Body::empty()).unwrap();
        server.send_from(Some(&peer), request).await.status.as_u16()
    };
    for expected in [200, 200, 200, 200, 200, 429] {
        assert_eq!(from("192.0.2.1".to_owned()).await, expected);
    }
    let mut started = 5;
    for network in 0..100 {
        started += usize::from(from(format!("198.51.100.{network}")).await == 200);
    }
    assert_eq!(started, 100);
    server.clock.advance(Duration::from_secs(600));
    assert_eq!(from("192.0.2.1".to_owned()).await, 200);
}

#[tokio::test]
async fn decided_devices_do_not_fill_the_store() {
    let backend = MemoryBackend::new();
    let server = Server::on(backend.clone(), users()).await;
    let from = async |nth: usize| {
        let request = Request::builder().method("POST").uri("/api/auth/device");
        let request = request.body(Body::empty()).unwrap();
        let peer = format!("198.51.{}.{}", nth / 200, nth % 200);
        let started = server.send_from(Some(&peer), request).await.expect(200);
        started["user_code"].as_str().unwrap().to_owned()
    };
    for nth in 0..110 {
        let user_code = from(nth).await;
        decide(&server, &server.token, &user_code, false)
            .await
            .expect(200);
    }
    from(0).await;
    let stored = format!("{:?}", backend.load().await.unwrap());
    assert_eq!(stored.matches("device/").count(), 101);
}

#[tokio::test]
async fn the_page_of_the_application_is_named() {
    let admin = Admin::new(users()).verification_uri("https://ops.example/devices");
    let server = Server::with(admin).await;
    let started = post(&server, "", "/api/auth/device", json!({}))
        .await
        .expect(200);
    assert_eq!(started["verification_uri"], "https://ops.example/devices");
}
