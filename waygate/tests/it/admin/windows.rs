//! Windows over HTTP: single ones, those that recur, and the calendar.

use serde_json::{Value, json};

use super::support::{Server, at};

/// The time of the server is the evening of Sunday, 2026-11-22.
const SUNDAYS: &str = "0 2 * * SUN for 2h in Europe/Berlin";

fn sundays() -> Value {
    json!({ "every": "0 2 * * SUN", "for": "120m", "tz": "Europe/Berlin", "reason": "upgrade" })
}

#[tokio::test]
async fn recurring_windows_of_a_route_are_set_shown_and_cancelled() {
    let server = Server::start().await;
    let path = at("GET:/orders", "/schedule");
    let route = server.post(&path, sundays()).await.expect(200);
    assert_eq!(route["status"], "active");
    let recurring = &route["recurring"][0];
    assert_eq!(
        (&recurring["id"], &recurring["for"]),
        (&json!(SUNDAYS), &json!("2h"))
    );
    let window = &route["windows"][0];
    assert_eq!(window["start"], "2026-11-29T01:00:00Z");
    // What a client reads can be sent back.
    let again = server.post(&path, recurring.clone()).await.expect(200);
    assert_eq!(again["recurring"].as_array().unwrap().len(), 1);

    let one = window["id"].as_str().unwrap();
    let skipped = server
        .delete(&format!("{path}?window={one}"))
        .await
        .expect(200);
    assert_eq!(
        skipped["recurring"][0]["except"],
        json!(["2026-11-29T02:00:00"])
    );
    assert_eq!(skipped["windows"][0]["start"], "2026-12-06T01:00:00Z");

    let id = SUNDAYS.replace(' ', "%20");
    let cancelled = server
        .delete(&format!("{path}?window={id}"))
        .await
        .expect(200);
    assert_eq!(cancelled["dropped"]["recurring"], json!([SUNDAYS]));
    assert_eq!(cancelled["windows"], json!([]));
    server
        .delete(&format!("{path}?window={id}"))
        .await
        .refused(404);
}

#[tokio::test]
async fn mistakes_in_recurring_windows_are_named() {
    let server = Server::start().await;
    let path = at("GET:/orders", "/schedule");
    let with = |name: &str, value: Value| {
        let mut body = sundays();
        body[name] = value;
        body
    };
    for (body, problem) in [
        (json!({}), "start and end are required"),
        (json!({ "tz": "UTC" }), "which need `every`"),
        (
            json!({ "every": "0 2 * * *" }),
            "recurring windows need a length",
        ),
        (
            with("every", json!("0 25 * * *")),
            "hour: `25` is not within 0 to 23",
        ),
        (with("every", json!("* * * * *")), "shorten `for`"),
        (with("every", json!("FREQ=SECONDLY")), "FREQ"),
        (with("every", json!("*,".repeat(200))), "at most 256"),
        (with("for", json!("forever")), "expected hours and minutes"),
        (with("tz", json!("Berlin")), "time zone"),
        (with("at", json!("02:00")), "`at` and `from` are for rules"),
        (
            with("except", json!(["tomorrow"])),
            "expected a day such as",
        ),
        (
            with("id", json!("0 3 * * SUN for 2h")),
            "the id of these windows is",
        ),
        (with("until", json!("2031-01-01")), "unknown field `until`"),
        (with("every", json!(5)), "invalid type"),
    ] {
        let text = server.post(&path, body.clone()).await.refused(400);
        assert!(text.contains(problem), "{body}: {text}");
    }
    let both = json!({ "start": "2030-02-01T00:00:00Z", "end": "2030-02-01T01:00:00Z", "every": "0 2 * * *", "for": "1h" });
    let text = server.post(&path, both).await.refused(400);
    assert!(text.contains("give start and end for one window"), "{text}");
}

#[tokio::test]
async fn recurring_maintenance_is_set_shown_and_cancelled() {
    let server = Server::start().await;
    for path in ["/api/global", "/api/services/billing/maintenance"] {
        let mut body = sundays();
        body["exempt_paths"] = json!(["/health"]);
        let schedule = format!("{path}/schedule");
        let planned = server.post(&schedule, body).await.expect(200);
        assert_eq!(planned["enabled"], false);
        assert_eq!(planned["start"], "2026-11-29T01:00:00Z");
        assert_eq!(planned["recurring"][0]["id"], SUNDAYS);
        // Maintenance that is switched on and off leaves it alone.
        server
            .post_raw(&format!("{path}/enable"), "")
            .await
            .expect(200);
        let off = server
            .post_raw(&format!("{path}/disable"), "")
            .await
            .expect(200);
        assert_eq!(off["recurring"][0]["exempt_paths"], json!(["/health"]));
        let text = server
            .delete(&format!("{schedule}?window=0%202%20*%20*%20*%20for%201h"))
            .await
            .refused(404);
        assert!(text.contains("no such window"), "{text}");
        let id = SUNDAYS.replace(' ', "%20");
        let cancelled = server
            .delete(&format!("{schedule}?window={id}"))
            .await
            .expect(200);
        assert_eq!(cancelled["dropped"]["recurring"], json!([SUNDAYS]));
        assert!(cancelled.get("recurring").is_none() && cancelled.get("start").is_none());
        let text = server
            .post(
                &schedule,
                json!({ "every": "0 2 * * *", "for": "1h", "exempt": [] }),
            )
            .await
            .refused(400);
        assert!(text.contains("unknown field `exempt`"), "{text}");
    }
}

#[tokio::test]
async fn all_windows_are_listed_and_written_as_a_calendar() {
    let server = Server::start().await;
    assert_eq!(server.get("/api/windows").await.expect(200), json!([]));
    server
        .post(&at("GET:/orders", "/schedule"), sundays())
        .await
        .expect(200);
    let single =
        json!({ "start": "2026-11-25T00:00:00Z", "end": "2026-11-25T01:00:00Z", "reason": "a, b" });
    server
        .post(&at("GET:/orders", "/schedule"), single.clone())
        .await
        .expect(200);
    server.post("/api/global/enable", single).await.expect(200);
    server
        .post("/api/services/billing/maintenance/schedule", sundays())
        .await
        .expect(200);

    let windows = server.get("/api/windows?days=15").await.expect(200);
    let windows = windows.as_array().unwrap();
    let shown: Vec<_> = windows
        .iter()
        .map(|window| {
            (
                window["scope"].as_str().unwrap(),
                window["start"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("*", "2026-11-25T00:00:00Z"),
            ("GET:/orders", "2026-11-25T00:00:00Z"),
            ("GET:/orders", "2026-11-29T01:00:00Z"),
            ("service:billing", "2026-11-29T01:00:00Z"),
            ("GET:/orders", "2026-12-06T01:00:00Z"),
            ("service:billing", "2026-12-06T01:00:00Z"),
        ]
    );
    assert_eq!(windows[3]["recurring"], SUNDAYS);
    assert!(windows[0].get("id").is_none());

    let answer = server.get("/api/windows.ics?days=15").await;
    assert_eq!(
        answer.header("content-type"),
        "text/calendar; charset=utf-8"
    );
    let calendar = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(calendar.matches("BEGIN:VEVENT\r\n").count(), 6);
    assert!(calendar.contains("SUMMARY:Maintenance of service:billing\r\n"));
    assert!(calendar.contains("DESCRIPTION:a\\, b\r\n"));
}
